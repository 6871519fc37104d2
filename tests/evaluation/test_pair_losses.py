import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.evaluation.groups import LengthClass, by_length, grouped, length_places
from novelgen.evaluation.pair_losses import PairLosses, bootstrap, pair_losses
from novelgen.models.build import build_model

CPU = torch.device("cpu")
# Of 1, 10, 11, 22, 1 and 25 characters.
SOURCES = [
    "我",
    "我说你去来好不好宝玉",
    "我说你去来好不好宝玉笑",
    ["宝玉" * 5, "黛玉" * 6],
    "龘",
    "天" * 25,
]
TEXTS = [(source, "笑道：“" + "来" * number) for number, source in enumerate(SOURCES, 1)]
LENGTHS = np.array([len("".join(source)) for source in SOURCES])


def token_losses(model, pair, tokenizer):
    """−ln p of the tokens of one target, its end the last one, from a pair that is alone."""
    batch = Pairs.from_texts([pair], tokenizer).batch([0])
    source, lengths, target = (
        torch.from_numpy(part) for part in (batch.source, batch.source_lengths, batch.target)
    )
    with torch.no_grad():
        logits, _ = model.unroll(target, *model.start(source, lengths))
        return cross_entropy(logits[0].double(), target[0], reduction="none").numpy()


@pytest.fixture(scope="module")
def alone(toy):
    """The model, and the losses of every pair computed alone."""
    torch.manual_seed(1)
    config = Config().replace(embedding_size=8, decoder_size=16)
    model = build_model(config.model, toy.tokenizer.size).eval()
    return model, [token_losses(model, pair, toy.tokenizer) for pair in TEXTS]


@pytest.fixture(scope="module")
def losses(toy, alone):
    pairs = Pairs.from_texts(TEXTS, toy.tokenizer)
    return pair_losses(alone[0], pairs, batch_tokens=40, device=CPU)


def test_losses_are_those_of_each_pair_computed_alone_with_the_end_apart(alone, losses):
    assert losses.nll == pytest.approx([each.sum() for each in alone[1]], rel=1e-5)
    assert losses.end_nll == pytest.approx([each[-1] for each in alone[1]], rel=1e-5)
    assert losses.token_counts.tolist() == [len(each) for each in alone[1]]


def test_figures_count_the_end_or_leave_it_out(alone, losses):
    whole = sum(each.sum() for each in alone[1])
    without = sum(each[:-1].sum() for each in alone[1])
    characters = sum(len(target) for _, target in TEXTS)
    tokens = sum(map(len, alone[1]))
    expected = {
        "bits_per_character": whole / math.log(2) / characters,
        "bits_per_character_without_end": without / math.log(2) / characters,
        "character_perplexity": math.exp(whole / characters),
        "character_perplexity_without_end": math.exp(without / characters),
        "perplexity": math.exp(whole / tokens),
        "perplexity_without_end": math.exp(without / (tokens - len(TEXTS))),
    }
    figures = losses.figures()
    low, high = figures.pop("bits_per_character_interval")
    assert figures == pytest.approx(expected, rel=1e-5)
    assert low < figures["bits_per_character"] < high


def test_bpc_by_length_is_that_of_its_members(alone, losses):
    classes = by_length(losses, LENGTHS)
    assert [(found.label, found.pairs) for found in classes] == [
        ("1–10", 3),
        ("11–20", 1),
        ("21–40", 2),
    ]
    for found, members in zip(classes, ([0, 1, 4], [2], [3, 5]), strict=True):
        nll = sum(alone[1][member].sum() for member in members)
        characters = sum(len(TEXTS[member][1]) for member in members)
        assert found.characters == characters
        assert found.bpc == pytest.approx(nll / math.log(2) / characters, rel=1e-5)
    groups = grouped(losses, *length_places(LENGTHS))
    assert [group.name for group in groups] == [found.label for found in classes]
    assert [group.bits_per_character for group in groups] == [found.bpc for found in classes]
    assert groups[1].interval is None  # of a single pair


def test_the_longest_class_is_open():
    assert LengthClass(401, None, 1, 1, 2.0).label == "≥ 401"


def test_an_interval_is_as_wide_as_the_normal_one_and_always_the_same():
    chance = np.random.default_rng(0)
    sums = chance.normal(3.0, 2.0, 400)
    counts = np.ones(400, dtype=np.int64)
    found = bootstrap(sums, counts)
    assert found == bootstrap(sums, counts)
    error = 1.96 * sums.std() / 20
    assert found == pytest.approx((sums.mean() - error, sums.mean() + error), abs=0.1 * error)


def test_more_pairs_than_are_drawn_at_once_change_nothing(monkeypatch):
    sums = np.arange(30.0)
    counts = np.full(30, 2)
    whole = bootstrap(sums, counts)
    monkeypatch.setattr("novelgen.evaluation.pair_losses.DRAWN_AT_ONCE", 100)
    assert bootstrap(sums, counts) == whole


def test_what_overflows_is_infinite():
    losses = PairLosses(np.array([1e6]), np.array([0.0]), np.array([2]), np.array([1]))
    assert losses.perplexity == math.inf
