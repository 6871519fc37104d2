"""The hand-written loops against the reference: outputs and all gradients."""

import logging

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from novelgen.models.kernels import (
    arrays,
    backends,
    compiled,
    cpu,
    manual,
    math_numba,
    reference,
    rows,
)

LOOPS = [manual.attention_loop, cpu.attention_loop]
TARGET, ROWS, SOURCE, HIDDEN, MEMORY, ATTENTION = 5, 3, 7, 6, 8, 4
LENGTHS = (SOURCE, 1, 4)


def inputs(dtype=torch.float64, seed=0, rows=ROWS, target=TARGET, source=SOURCE, scale=1.0):
    """Leaf tensors by name."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return (
            (scale * torch.randn(*shape, generator=generator, dtype=torch.float64))
            .to(dtype)
            .requires_grad_()
        )

    return {
        "gates": draw(rows, target, 4 * HIDDEN),
        "annotations": draw(rows, source, MEMORY),
        "keys": draw(rows, source, ATTENTION),
        "hidden": draw(rows, HIDDEN),
        "cell": draw(rows, HIDDEN),
        "query": draw(ATTENTION, HIDDEN),
        "score": draw(ATTENTION),
        "recurrent": draw(4 * HIDDEN, HIDDEN),
        "context": draw(4 * HIDDEN, MEMORY),
    }


def run(loop, leaves, lengths=LENGTHS):
    device = leaves["keys"].device
    is_token = torch.arange(leaves["keys"].shape[1], device=device) < torch.tensor(
        lengths, device=device
    ).unsqueeze(1)
    memory = reference.LoopMemory(leaves["annotations"], leaves["keys"], is_token)
    weights = reference.LoopWeights(
        leaves["query"], leaves["score"], leaves["recurrent"], leaves["context"]
    )
    return loop(leaves["gates"], memory, leaves["hidden"], leaves["cell"], weights)


def gradients(loop, leaves, outputs=range(4), lengths=LENGTHS):
    """The gradients of a random linear functional of the chosen outputs."""
    generator = torch.Generator().manual_seed(7)
    result = run(loop, leaves, lengths)
    weighed = [
        (part * torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part)).sum()
        for part in result
    ]
    total = sum(weighed[index] for index in outputs)
    return dict(
        zip(
            leaves,
            torch.autograd.grad(total, list(leaves.values()), allow_unused=True),
            strict=True,
        )
    )


def assert_gradients_agree(loop, leaves, outputs=range(4), lengths=LENGTHS, **tolerance):
    mine, truth = (
        gradients(each, leaves, outputs, lengths) for each in (loop, reference.attention_loop)
    )
    for name, expected in truth.items():
        if expected is None:
            assert mine[name] is None or not mine[name].any(), name
        else:
            torch.testing.assert_close(mine[name], expected, msg=name, **tolerance)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("outputs", [range(4), (0,), (1,), (2,), (3,), (0, 2)])
def test_outputs_and_gradients_equal_the_reference(loop, outputs):
    leaves = inputs()
    for mine, truth in zip(run(loop, leaves), run(reference.attention_loop, leaves), strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-12, atol=1e-12)
    assert_gradients_agree(loop, leaves, outputs, rtol=1e-10, atol=1e-10)


@settings(max_examples=25)
@given(
    data=st.data(),
    loop=st.sampled_from(LOOPS),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 99),
    target=st.integers(1, 6),
    source=st.integers(1, 9),
)
def test_any_lengths(data, loop, dtype, seed, target, source):
    lengths = data.draw(st.lists(st.integers(1, source), min_size=1, max_size=5))
    leaves = inputs(dtype, seed, len(lengths), target, source, scale=0.7)
    tolerance = (
        {"rtol": 1e-9, "atol": 1e-9} if dtype == torch.float64 else {"rtol": 1e-3, "atol": 1e-3}
    )
    for mine, truth in zip(
        run(loop, leaves, lengths), run(reference.attention_loop, leaves, lengths), strict=True
    ):
        torch.testing.assert_close(mine, truth, **tolerance)
    assert_gradients_agree(loop, leaves, lengths=lengths, **tolerance)


def test_threads_share_the_rows_and_agree_with_one(two_threads):
    lengths = [1 + row % SOURCE for row in range(21)]
    leaves = inputs(rows=len(lengths))
    seen = []
    rows.by_rows(lambda first, last: seen.append((first, last)), len(lengths))
    assert sorted(seen) == [(0, 10), (10, 21)]
    assert_gradients_agree(cpu.attention_loop, leaves, lengths=lengths, rtol=1e-10, atol=1e-10)


def test_an_exception_in_a_thread_is_raised_by_the_caller(two_threads):
    def fail(first, last):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rows.by_rows(fail, 64)


@pytest.mark.parametrize("loop", LOOPS)
def test_bfloat16_products_stay_close_to_the_reference(loop, bfloat16):
    leaves = inputs(torch.float32, scale=0.5)
    with torch.autocast("cpu", dtype=bfloat16):
        mine = run(loop, leaves)
    for found, truth in zip(mine, run(reference.attention_loop, leaves), strict=True):
        torch.testing.assert_close(found.float(), truth, rtol=0.02, atol=0.02)
    with torch.autocast("cpu", dtype=bfloat16):
        rough = gradients(loop, leaves)
    for name, expected in gradients(reference.attention_loop, leaves).items():
        assert (rough[name] - expected).norm() < 0.05 * expected.norm(), name


@pytest.mark.parametrize("loop", [*LOOPS, reference.attention_loop])
def test_padding_gets_exactly_zero_weight(loop):
    weights = run(loop, inputs()).weights
    assert not weights[1, :, 1:].any()
    assert not weights[2, :, 4:].any()
    torch.testing.assert_close(weights.sum(-1), torch.ones(ROWS, TARGET, dtype=torch.float64))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "names",
    [
        ("keys", "query"),
        ("gates", "cell"),
        ("gates", "keys", "query", "score", "recurrent", "context"),
    ],
)
def test_numbers_far_out_of_range_stay_finite(loop, names):
    leaves = inputs(torch.float32)
    large = {**leaves, **{name: (leaves[name] * 1e4).detach().requires_grad_() for name in names}}
    for found in run(loop, large):
        assert found.isfinite().all()
    for name, gradient in gradients(loop, large).items():
        assert gradient.isfinite().all(), name


@pytest.mark.parametrize("loop", LOOPS)
def test_nan_weights_give_nan_outputs(loop):
    leaves = inputs(torch.float32)
    broken = {**leaves, "recurrent": torch.full_like(leaves["recurrent"], torch.nan)}
    assert run(loop, broken).hiddens[:, 1:].isnan().all()


def test_compiled_exp_is_off_by_less_than_two_to_the_minus_22():
    values = np.linspace(-86, 86, 100_003, dtype=np.float32).reshape(1, 1, -1) / 2
    found = np.empty_like(values)
    compiled.exponentials(values, found, 0, 1)
    truth = np.exp(np.clip(2 * values.astype(np.float64), -40, 40))
    assert np.max(np.abs(found / truth - 1)) < 2.0**-22


def test_sigmoid_and_tanh_at_the_ends_of_the_range():
    for value in (-np.inf, -1e30, -88, -1.5, -1e-9, 0, 1e-9, 1.5, 88, 1e30, np.inf):
        value = np.float32(value)
        with np.errstate(over="ignore"):
            assert math_numba.sigmoid(value) == pytest.approx(1 / (1 + np.exp(-value)), abs=1e-7)
        assert math_numba.tanh(value) == pytest.approx(np.tanh(value), abs=2e-7)
    assert np.isnan(math_numba.sigmoid(np.float32(np.nan)))
    assert np.isnan(math_numba.tanh(np.float32(np.nan)))


def test_bfloat16_is_read_and_rounded_as_pytorch_does():
    values = torch.tensor([1.0, 1.0 + 2**-8, 1.0 + 3 * 2**-8, -2.7e-30, 3e38, 0.0]).bfloat16()
    widened = torch.empty(1, 1, 6)
    compiled.exponentials(arrays.numpy_view((values / 64).view(1, 1, 6)), widened.numpy(), 0, 1)
    torch.testing.assert_close(widened[0, 0, :4], torch.exp(2 * (values / 64).float()[:4]))


def test_without_numba_the_other_loop_runs_and_one_warning_is_logged(monkeypatch, caplog):
    backends.is_compiled.cache_clear()
    monkeypatch.setattr(math_numba, "tanh", lambda value: 1 / 0)
    leaves = inputs()
    with caplog.at_level(logging.WARNING):
        found = [run(backends.attention_loop, leaves) for _ in range(2)]
    backends.is_compiled.cache_clear()
    assert len(caplog.records) == 1
    assert "numba" in caplog.text
    torch.testing.assert_close(found[1].hiddens, run(reference.attention_loop, leaves).hiddens)
