"""What all tests share: the tiers, small corpora written for tests, and a model without weights.

A test is of one tier: `slow` where it is marked so or asks for the served page, `browser` in the
folder of that name, else `unit`. Plain `pytest` runs the unit tests; `pytest -m ""` runs all.
"""

import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import hypothesis
import numpy as np
import pytest

# One thread for each process that runs tests: pytest-xdist starts one for each core. OpenMP reads
# this when torch is imported, and so do the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from novelgen.config import Config
from novelgen.decoding.generator import Generator
from novelgen.decoding.vocabulary import Vocabulary
from novelgen.i18n import set_language
from novelgen.models.build import build_model
from novelgen.models.ngram import NgramModel
from novelgen.text.tokenizers import EOS, FIRST_CHARACTER, Tokenizer
from novelgen.training.run_directory import RunDirectory

# Tests read messages in English; what is shown in Chinese has tests of its own.
set_language("en")

# No assertion on the time that a machine takes: no deadline, no complaint of slow generation.
_PROFILE = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("quick", max_examples=25, **_PROFILE)
hypothesis.settings.register_profile("thorough", max_examples=100, **_PROFILE)

# Triton reads this when it is first imported, by whomever.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

BROWSER_TESTS = Path(__file__).parent / "web" / "browser"


def pytest_configure(config):
    """Property tests have fewer examples where unit tests run alone."""
    is_quick = config.option.markexpr == "unit"
    hypothesis.settings.load_profile("quick" if is_quick else "thorough")


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items):
    """Marks every test that has no mark of its tier yet, and puts files with slow tests first.

    A file that takes minutes must not be the last one, for which all other processes wait.
    """
    for item in items:
        if BROWSER_TESTS in item.path.parents:
            item.add_marker("browser")
        elif "train_novel" in item.fixturenames:  # the run that the served page writes with
            item.add_marker("slow")
        elif item.get_closest_marker("slow") is None:
            item.add_marker("unit")
    # The tests of a file stay together, in their order: sorting is stable.
    counts = Counter(item.path for item in items)
    slow = {item.path for item in items if item.get_closest_marker("unit") is None}
    items.sort(key=lambda item: (item.path not in slow, -counts[item.path], item.path))


CHARACTERS = (
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年"
    "着就那和要她出也得里后自以会家可下而过天去能"
)


def paragraph(rng: random.Random) -> str:
    """A paragraph of one or two sentences, hardly ever the same twice."""
    return "".join(
        "".join(rng.choices(CHARACTERS, k=rng.randint(8, 40))) + "。"
        for _ in range(rng.randint(1, 2))
    )


def write_novel(path: Path, chapters: Sequence[int], seed: int = 1) -> Path:
    """A novel whose chapter n has chapters[n - 1] paragraphs.

    [n] alone gives n paragraphs without a heading.
    """
    rng = random.Random(seed)
    lines = []
    for number, paragraphs in enumerate(chapters, 1):
        if len(chapters) > 1:
            lines.append(f"第{number}章 {''.join(rng.choices(CHARACTERS, k=4))}")
        lines.extend(paragraph(rng) for _ in range(paragraphs))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def novel(tmp_path):
    """Forty chapters: 10 and 30 validate, 20 and 40 test."""
    return write_novel(tmp_path / "novel.txt", [3 + number % 4 for number in range(40)])


@pytest.fixture
def make_novel(tmp_path):
    """Writes a novel of the given paragraphs per chapter to the given name."""
    return lambda chapters, name="novel.txt", seed=1: write_novel(tmp_path / name, chapters, seed)


class ToyMemory(NamedTuple):
    source: torch.Tensor  # (B, S)
    is_token: torch.Tensor  # (B, S)


class ToyModel:
    """Its logits are a table that is looked up by what was written, exactly and quickly.

    Fulfils the decoder contract; everything follows from a hash of the source and of the tokens so
    far.

    `allowed` are the only tokens with a finite logit; `favour` maps tokens to what is added to
    their logits.
    """

    def __init__(self, size, allowed=None, favour=(), seed=0, states=499, spread=2.0):
        self.table = torch.from_numpy(
            np.random.default_rng(seed).normal(0, spread, (states, size))
        ).float()
        if allowed is not None:
            banned = torch.ones(size, dtype=torch.bool)
            banned[list(allowed)] = False
            self.table[:, banned] = -torch.inf
        for token, amount in dict(favour).items():
            self.table[:, token] += amount
        self.states = states

    def start(self, source, lengths):
        is_token = torch.arange(source.shape[1]) < lengths[:, None]
        mixed = ((source * is_token) * (torch.arange(source.shape[1]) + 7)).sum(1) % self.states
        return ToyMemory(source, is_token), (mixed[:, None],)

    def step(self, token, memory, state):
        return self.step_with_readout(token, memory, state)[:3]

    def step_with_readout(self, token, memory, state):
        mixed = (state[0] * 31 + token[:, None] * 17 + 5) % self.states
        scores = ((memory.source + mixed).remainder(11) + 1) * memory.is_token
        logits = self.table[mixed[:, 0]]
        readout = torch.cat([mixed % 7, mixed % 11, mixed % 13], dim=1).float()
        return logits, (mixed,), scores / scores.sum(1, keepdim=True), readout


@pytest.fixture(scope="session")
def toy():
    """The toy model, a tokenizer of some characters, its vocabulary, an n-gram model.

    And a function that makes Generators.
    """
    tokenizer = Tokenizer(
        "，。！？“”…宝玉黛钗凤贾母笑道说来去一不了的我你他这那里人见听好日天月花门风水山心"
    )

    # Of two sentences that are written again and again.
    text = [[*tokenizer.encode(line), EOS] for line in ("宝玉笑道：好一个天。", "我来了，你说。")]
    lengths = np.array([len(line) for line in text])
    ngram = NgramModel.count(np.concatenate(text), lengths, tokenizer.size, order=3)

    def generator(config=None, **options):
        model = ToyModel(tokenizer.size, **options)
        device = torch.device("cpu")
        return Generator(model, tokenizer, config or Config(), device, ngram=lambda: ngram)

    return SimpleNamespace(
        Model=ToyModel,
        ngram=ngram,
        tokenizer=tokenizer,
        generator=generator,
        vocabulary=Vocabulary.of(tokenizer),
        first=FIRST_CHARACTER,
    )


@pytest.fixture(scope="session")
def make_run(toy):
    """Makes a run directory of an untrained model, whose weights follow from `seed`."""

    def make(directory, seed=1, model=None):
        directory.mkdir(parents=True, exist_ok=True)
        sizes = {"embedding_size": 16, "decoder_size": 16}
        if model is None:
            config = Config().replace(**sizes, encoder_size=8, attention_size=8)
        else:  # a variant with parts of its own
            config = Config().replace(**sizes, model=model)
        torch.manual_seed(seed)
        run = RunDirectory(directory)
        run.save_info(
            {"config": config.to_dict(), "tokenizer": toy.tokenizer.fingerprint}, toy.tokenizer
        )
        run.save_model(build_model(config.model, toy.tokenizer.size).state_dict())
        return directory

    return make
