import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.decoding.filters import well_formed
from novelgen.decoding.history import History
from novelgen.decoding.sampling import SeededSampler, Task, greedy, write
from novelgen.errors import CheckpointError
from novelgen.text.tokenizers import BOS, EOS, PAD

SOME = settings(max_examples=50)
CPU = torch.device("cpu")
SOURCES = [[260, 261, 262, EOS], [263, EOS], [264, 265, 264, 265, 264, 270, EOS]]


def task(toy, sources=SOURCES, max_length=20, prefix=(), **options):
    history = History(toy.vocabulary, len(sources), max_length)
    return Task(
        toy.Model(toy.vocabulary.size, **options),
        CPU,
        sources,
        history,
        [well_formed(toy.vocabulary, max_length)],
        max_length,
        prefix,
    )


def written(toy, choose, **options):
    *_, draft = write(task(toy, **options), choose)
    return [row[0] for row in draft.hypotheses()]


def test_draws_follow_the_distribution():
    logits = np.array([[0, np.log(3), -np.inf, np.log(4), -1e30]], dtype=np.float32)
    counts = np.bincount(
        [SeededSampler([seed])(logits, [True])[0] for seed in range(4000)], minlength=5
    )
    assert counts[[2, 4]].tolist() == [0, 0]
    assert counts / 4000 == pytest.approx(np.array([1, 3, 0, 4, 0]) / 8, abs=0.025)


@SOME
@given(st.integers(0, 2**63), st.integers(0, 3))
def test_rows_draw_from_their_own_seeds(seed, waits):
    logits = np.random.default_rng(0).normal(0, 1, (3, 50)).astype(np.float32)
    together, alone = SeededSampler([seed, seed + 1, seed + 2]), SeededSampler([seed + 1])
    for _ in range(waits):  # a row that has ended uses up no number
        assert together(logits, [True, False, True])[1] == PAD
    for _ in range(4):
        assert together(logits, [True, True, True])[1] == alone(logits[1:2], [True])[0]


def test_greedy_takes_the_first_of_the_likeliest():
    assert greedy(np.array([[0.0, 2, 2], [-np.inf, -5, -9]]), None).tolist() == [1, 1]


@pytest.mark.parametrize("choose", [greedy, SeededSampler([5, 6, 7])], ids=["greedy", "sampler"])
def test_log_probabilities_and_attention_are_the_models_own(toy, choose):
    for source, found in zip(SOURCES, written(toy, choose, favour={EOS: 2}), strict=True):
        model = toy.Model(toy.vocabulary.size, favour={EOS: 2})
        memory, state = model.start(torch.tensor([source]), torch.tensor([len(source)]))
        for place, token in enumerate([BOS, *found.tokens[:-1]]):
            logits, state, weights = model.step(torch.tensor([token]), memory, state)
            expected = logits.log_softmax(-1)[0, found.tokens[place]].item()
            assert found.log_probabilities[place] == pytest.approx(expected, abs=1e-5)
            assert found.attention[place] == pytest.approx(weights[0].numpy(), abs=1e-6)
        assert found.attention.shape == (len(found.tokens), len(source))
        assert found.finished == (found.tokens[-1] == EOS)
        assert EOS not in found.tokens[:-1]
        assert len(found.tokens) <= 20


def test_the_rows_of_a_batch_are_written_as_if_alone(toy):
    together = written(toy, SeededSampler([1, 2, 3]), favour={EOS: 3})
    for row, source in enumerate(SOURCES):
        alone = written(toy, SeededSampler([1 + row]), sources=[source], favour={EOS: 3})[0]
        assert alone.tokens.tolist() == together[row].tokens.tolist()
        assert (alone.attention == together[row].attention).all()
    assert len({len(row.tokens) for row in together}) > 1


def test_the_opening_is_given_and_scored(toy):
    for found in written(toy, greedy, prefix=[270, 271, 272]):
        assert found.tokens[:3].tolist() == [270, 271, 272]
        assert (found.log_probabilities[:3] < 0).all()
        assert found.attention[:3].sum(1) == pytest.approx(np.ones(3))


def test_a_draft_grows_token_by_token(toy):
    lengths = [
        len(draft.stable_prefix(0).tokens) for draft in write(task(toy, allowed=[270, 271]), greedy)
    ]
    assert lengths == list(range(1, 21))


def test_equal_sources_are_read_once(toy):
    single = task(toy, sources=[[260, EOS]] * 3)
    reads = []
    start = single.model.start
    single.model.start = lambda source, lengths: reads.append(len(source)) or start(source, lengths)
    *_, draft = write(single, SeededSampler([1, 2, 3]))
    assert reads == [1]
    assert len({tuple(found[0].tokens) for found in draft.hypotheses()}) == 3


def test_inference_mode_does_not_leak_to_the_caller(toy):
    writing = write(task(toy), greedy)
    next(writing)
    assert not torch.is_inference_mode_enabled()
    writing.close()


def test_nan_is_reported_and_infinity_is_survived(toy):
    with pytest.raises(CheckpointError, match="NaN"):
        written(toy, greedy, favour={270: float("nan")})
    for found in written(toy, greedy, favour={270: float("inf")}):
        assert set(found.tokens) == {270}
        assert np.isfinite(found.log_probabilities).all()
