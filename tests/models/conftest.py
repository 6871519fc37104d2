"""Small models of every variant, and one padded batch for all of them."""

import itertools

import pytest
import torch

from novelgen.config import ModelConfig
from novelgen.models.build import build_model
from novelgen.models.zoo import VARIANTS
from novelgen.training.hardware import supports_bfloat16

VOCABULARY, SOURCE_VOCABULARY = 12, 20
CELLS = ("lstm", "gru", "rnn")
BRIDGES = ("last", "projected", "mean")
SCORES = ("additive", "dot", "general", "concat")


def _combinations():
    """Options of ModelConfig: every variant as it is, and every sensible combination of parts."""
    yield from ({"model": name} for name in VARIANTS)
    for model, cell, bidirectional, bridge in itertools.product(
        ("bahdanau", "luong", "cho", "seq2seq"), CELLS, (True, False), BRIDGES
    ):
        yield {
            "model": model,
            "cell": cell,
            "bidirectional": bidirectional,
            "bridge": bridge,
            "encoder_layers": 2,
            "decoder_layers": 2,
        }
    for cell, score, feeding in itertools.product(CELLS, SCORES, (True, False)):
        yield {
            "model": "luong",
            "cell": cell,
            "score": score,
            "input_feeding": feeding,
            "decoder_layers": 2,
            "bridge": "mean",
        }
    # One LSTM layer with input feeding has a compiled loop.
    yield from ({"model": "luong", "score": score} for score in SCORES)
    for cell, score in itertools.product(CELLS, SCORES):
        yield {"model": "bahdanau", "cell": cell, "score": score, "encoder_layers": 2}
    for model, context in itertools.product(
        ("bahdanau", "luong", "cho", "sutskever"), ("initial", "every-step", "attention")
    ):
        yield {"model": model, "context": context, "bidirectional": False, "reverse_source": True}
    for model, cell in itertools.product(("bahdanau", "luong"), CELLS):
        yield {"model": model, "cell": cell, "copy": True}
    yield {"model": "transformer", "copy": True}
    for model, cell, copy in itertools.product(("bahdanau", "luong"), CELLS, (True, False)):
        yield {
            "model": model,
            "cell": cell,
            "coverage": True,
            "copy": copy,
            **({"score": "additive"} if model == "luong" else {}),
            "decoder_layers": 2,
            "bridge": "projected",
        }
    yield {"model": "luong", "score": "additive", "coverage": True, "input_feeding": False}
    for cell, layers in itertools.product(CELLS, (1, 3)):
        yield {"model": "lm", "cell": cell, "decoder_layers": layers}
    yield {"model": "transformer", "encoder_layers": 1, "decoder_layers": 1, "embedding_size": 128}
    yield {
        "model": "transformer",
        "encoder_layers": 1,
        "decoder_layers": 2,
        "encoder_size": 5,
        "embedding_size": 7,
    }


COMBINATIONS = list(_combinations())


def pytest_generate_tests(metafunc):
    """Parametrizes tests that take `parts`: every combination of parts.

    With `make` too, every variant also with a second vocabulary. Unit tests have every variant as
    it is and a fifth of the combinations.
    """
    if "parts" not in metafunc.fixturenames:
        return
    arguments = ["parts", "make"] if "make" in metafunc.fixturenames else ["parts"]
    cases = []
    for number, parts in enumerate(COMBINATIONS, start=-len(VARIANTS)):
        marks = [pytest.mark.slow] if number > 0 and number % 5 else []
        values = (parts, None)[: len(arguments)]
        cases.append(pytest.param(*values, marks=marks, id="-".join(map(str, parts.values()))))
    if "make" in arguments:
        for name in VARIANTS:
            values = ({"model": name}, SOURCE_VOCABULARY)
            cases.append(pytest.param(*values, id=f"{name}-two-vocabularies"))
    metafunc.parametrize(arguments, cases, indirect=arguments[1:])


@pytest.fixture
def make(request):
    """Builds small float64 models in evaluation mode with the given options.

    The fixture's parameter is the size of a source vocabulary.
    """

    def build(first_tokens=0, vocabulary=VOCABULARY, **options):
        torch.manual_seed(0)
        sizes = {"embedding_size": 6, "decoder_size": 8, "dropout": 0.0}
        source = getattr(request, "param", None)
        config = ModelConfig(**{**sizes, **options})
        return build_model(config, vocabulary, source, first_tokens).double().eval()

    return build


@pytest.fixture
def bfloat16():
    """torch.bfloat16; skips the test where the CPU cannot multiply in it."""
    if not supports_bfloat16(torch.device("cpu")):
        pytest.skip("oneDNN has no bfloat16 products on this CPU")
    return torch.bfloat16


@pytest.fixture(params=["float32", "bfloat16"])
def precision(request):
    """The name of the dtype of products: float32, and bfloat16 where the CPU can multiply in it."""
    if request.param == "bfloat16":
        request.getfixturevalue("bfloat16")
    return request.param


@pytest.fixture
def two_threads():
    """PyTorch has two threads for a while, however many processors there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def batch():
    """source (3, 7), its lengths, target (3, 6); rows of different length."""
    generator = torch.Generator().manual_seed(1)
    source = torch.randint(3, VOCABULARY, (3, 7), generator=generator)
    lengths = torch.tensor([7, 2, 5])
    target = torch.randint(3, VOCABULARY, (3, 6), generator=generator)
    return source.masked_fill(torch.arange(7) >= lengths[:, None], 0), lengths, target
