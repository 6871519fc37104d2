"""The memory of a training step: neither (B, T, S, A) nor all logits (B, T, V) ever exist."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from novelgen.config import Config
from novelgen.models.build import build_model
from novelgen.models.kernels import backends, cross_entropy, manual, reference
from novelgen.models.kernels.products import in_few_shapes

ROWS, LENGTH, ATTENTION, VOCABULARY = 8, 40, 32, 1000
ALL_SCORES, ALL_LOGITS = ROWS * LENGTH**2 * ATTENTION, ROWS * LENGTH * VOCABULARY


class LargestTensor(TorchDispatchMode):
    """The bytes of the largest tensor that any operation returns."""

    def __init__(self):
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for each in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(each, torch.Tensor):
                self.largest = max(self.largest, each.numel() * each.element_size())
        return result


def step(loop, precision):
    """One step of a small model: bytes of its largest tensor, and of all that the graph keeps."""
    torch.manual_seed(0)
    sizes = {
        "embedding_size": 16,
        "encoder_size": 8,
        "decoder_size": 16,
        "attention_size": ATTENTION,
    }
    model = build_model(Config().replace(**sizes).model, VOCABULARY).train()
    model.decoder.loop = loop
    tokens, kept = torch.randint(3, VOCABULARY, (ROWS, LENGTH)), {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with (
        LargestTensor() as watch,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"),
    ):
        loss = model.nll_sum(tokens, tokens >= 0, *model.start(tokens, torch.full((ROWS,), LENGTH)))
        loss.backward()
    return watch.largest, sum(kept.values())


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Small chunks of logits, and one thread: what is watched is this thread's operations."""
    monkeypatch.setitem(cross_entropy._CHUNK_ELEMENTS, "cpu", 1 << 13)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("loop", [backends.attention_loop, manual.attention_loop])
def test_neither_all_scores_nor_all_logits_exist(loop, precision):
    largest, kept = step(loop, precision)
    assert largest < 2 * ALL_LOGITS
    assert largest < 2 * ALL_SCORES
    assert kept < 4 * ALL_SCORES


def test_reference_loop_keeps_all_scores():
    assert step(reference.attention_loop, "float32")[1] > 4 * ALL_SCORES


def test_all_logits_are_measured_where_they_exist(monkeypatch):
    monkeypatch.setitem(cross_entropy._CHUNK_ELEMENTS, "cpu", 1 << 30)
    assert step(backends.attention_loop, "float32")[0] >= ALL_LOGITS


PRODUCTS = (
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten.bmm.default,
)


class Products(TorchDispatchMode):
    """The shapes of all bfloat16 matrix products."""

    def __init__(self):
        super().__init__()
        self.shapes = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        factors = [
            each for each in args if isinstance(each, torch.Tensor) and each.dtype == torch.bfloat16
        ]
        if function in PRODUCTS and factors:
            self.shapes.add((function, *(tuple(each.shape) for each in factors)))
        return function(*args, **(kwargs or {}))


def test_source_width_brings_no_new_shapes_of_products(bfloat16):
    torch.manual_seed(0)
    sizes = {"embedding_size": 16, "encoder_size": 8, "decoder_size": 16, "attention_size": 8}
    model = build_model(Config().replace(**sizes).model, VOCABULARY)
    target, found = torch.randint(3, VOCABULARY, (ROWS, 12)), []
    for width in (10, 21, 30):
        source = torch.randint(3, VOCABULARY, (ROWS, width))
        with Products() as products:
            with torch.autocast("cpu", dtype=bfloat16):
                loss = model.nll_sum(
                    target, target >= 0, *model.start(source, torch.full((ROWS,), width))
                )
            loss.backward()
        found.append(products.shapes)
    assert found[0]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("rows", range(1, 40, 3))
def test_last_chunks_of_logits_have_few_sizes(rows):
    chunks = list(cross_entropy._chunks(5, 5 + rows, 12))
    covered = [place for own in chunks for place in range(own.start, own.stop)]
    assert covered == list(range(5, 5 + rows))
    assert {own.stop - own.start for own in chunks} <= {12, 8, 4, 2, 1}


@pytest.mark.parametrize("shape", [(3, 100), (4, 64), (1, 1)])
def test_padded_products_equal_the_layer(shape, bfloat16):
    torch.manual_seed(0)
    layer = torch.nn.Linear(16, 24)
    inputs = torch.randn(*shape, 16, requires_grad=True)
    weighed, found = torch.randn(*shape, 24), []
    for call in (layer, lambda given: in_few_shapes(layer, given)):
        with torch.autocast("cpu", dtype=bfloat16):
            result = call(inputs)
        found.append(
            (result, *torch.autograd.grad((result * weighed).sum(), (inputs, *layer.parameters())))
        )
    for mine, truth in zip(*found, strict=True):
        torch.testing.assert_close(mine, truth, rtol=0.02, atol=0.02)
