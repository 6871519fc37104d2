import math
from types import SimpleNamespace

import pytest
import torch

from novelgen.api import observer as observer_module
from novelgen.api.observer import Observer, attention_share
from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.decoding.generator import Generator
from novelgen.training.results import Validation
from novelgen.training.run_directory import RunDirectory

CPU = torch.device("cpu")
PROMPT = "宝玉笑道"


@pytest.fixture
def observe(toy, tmp_path, monkeypatch):
    """Observes a validation of a step; returns what samples.md then holds."""
    monkeypatch.setattr(observer_module, "draw_curves", lambda records, path: None)
    tokenizer = toy.tokenizer
    model = toy.Model(tokenizer.size)
    data = SimpleNamespace(tokenizer=tokenizer, source_tokenizer=tokenizer)
    valid = Pairs.from_texts([(PROMPT, "黛玉说"), ("凤", "贾母")], tokenizer)
    run = RunDirectory(tmp_path)

    def call(step, **options):
        config = Config().replace(**options)
        Observer(run, config, data, valid, CPU)(model, Validation(step, 4.5, True))
        return run.samples.read_text(encoding="utf-8").strip().split("\n\n")

    call.text = lambda **options: (
        Generator(model, tokenizer, Config(), CPU).generate(PROMPT, seed=1, **options).text
    )
    return call


def test_samples_grow_with_every_validation_and_begin_with_the_same_prompt(observe):
    text = observe.text()
    assert observe(2) == ["## Step 2, 4.500 BPC", f"> {PROMPT}", text]
    assert observe(4)[3:] == ["## Step 4, 4.500 BPC", f"> {PROMPT}", text]


def test_of_several_tasks_each_is_named(observe):
    blocks = observe(2, tasks="next,same")
    assert blocks[2].startswith("**next** ")
    assert blocks[3].startswith("**same** ")


class Attending:
    """Gives its tokens equal chances and `weights` (S,) at every step."""

    def __init__(self, weights):
        self.weights = weights

    def start(self, source, lengths):
        return source, lengths

    def unroll(self, target, memory, state, first):
        return torch.zeros(*target.shape, 300), self.weights.expand(*target.shape, -1)


@pytest.mark.parametrize(
    ("weights", "share"),
    [(torch.eye(15)[4], 1.0), (torch.full((15,), 1 / 15), 1 / 15), (torch.zeros(0), math.nan)],
)
def test_the_share_of_the_heaviest_place_is_that_of_long_sources(toy, weights, share):
    pairs = Pairs.from_texts([("宝" * 14, "黛玉说"), ("凤", "贾母")], toy.tokenizer)
    found = attention_share(Attending(weights), pairs, CPU)
    assert found == pytest.approx(share, nan_ok=True)
