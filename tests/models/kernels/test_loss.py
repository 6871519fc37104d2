"""The loss of an output layer against PyTorch's."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch.nn.functional import cross_entropy

from novelgen.models.kernels import loss
from novelgen.models.kernels.loss import chunk_rows, linear_cross_entropy
from tests.models.kernels.comparison import (
    EXACT,
    assert_close_on_the_whole,
    assert_same_gradients,
    draw,
    gradients,
)


def inputs(rows=9, width=4, vocabulary=7, dtype=torch.float64, seed=3, scale=1.0):
    shapes = {"readout": (rows, width), "weight": (vocabulary, width), "bias": (vocabulary,)}
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(vocabulary, (rows,), generator=generator)
    return draw(shapes, dtype, seed, scale), target


def theirs(leaves, target):
    logits = leaves["readout"] @ leaves["weight"].t() + leaves["bias"]
    return cross_entropy(logits, target, reduction="sum")


def assert_agrees(leaves, target, **tolerance):
    mine, truth = linear_cross_entropy(*leaves.values(), target), theirs(leaves, target)
    torch.testing.assert_close(mine, truth, **tolerance)
    assert_same_gradients(gradients([mine], leaves), gradients([truth], leaves), **tolerance)


@pytest.fixture(params=["compiled", "PyTorch"])
def either(request, monkeypatch):
    """The loss runs compiled where it can, and by PyTorch's operations, as on a GPU."""
    if request.param == "PyTorch":
        monkeypatch.setattr(loss, "is_fast", lambda device: False)


@pytest.mark.parametrize("rows", [1, 4, 1000])
def test_loss_and_gradients_are_pytorchs(monkeypatch, either, rows):
    monkeypatch.setattr(loss, "chunk_rows", lambda weight: rows)
    assert_agrees(*inputs(), **EXACT)


@settings(max_examples=40)
@given(
    rows=st.integers(0, 40),
    width=st.integers(1, 20),
    vocabulary=st.integers(1, 150),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 99),
)
def test_any_sizes(rows, width, vocabulary, dtype, seed):
    within = 1e-10 if dtype == torch.float64 else 1e-4
    assert_agrees(*inputs(rows, width, vocabulary, dtype, seed), rtol=within, atol=within)


def test_threads_agree_with_pytorch(two_threads):
    assert_agrees(*inputs(rows=50), **EXACT)


def test_the_gradients_are_multiplied_by_that_of_the_loss():
    leaves, target = inputs()
    mine = 2.5 * linear_cross_entropy(*leaves.values(), target)
    truth = 2.5 * theirs(leaves, target)
    assert_same_gradients(gradients([mine], leaves), gradients([truth], leaves), **EXACT)


def test_without_gradients_the_loss_is_the_same(either):
    leaves, target = inputs()
    with torch.no_grad():
        found = linear_cross_entropy(*leaves.values(), target)
    assert torch.equal(found, linear_cross_entropy(*leaves.values(), target))


def test_a_target_far_below_the_others_keeps_its_loss(either):
    readout, weight = torch.ones(1, 1), torch.tensor([[0.0], [500.0]])
    found = linear_cross_entropy(readout, weight, torch.zeros(2), torch.tensor([0]))
    assert found.item() == pytest.approx(500.0)


def test_a_token_that_cannot_come_costs_the_others_nothing(either):
    leaves, target = inputs()
    with torch.no_grad():
        leaves["bias"][5] = -torch.inf
    assert_agrees(leaves, target % 5, **EXACT)


def test_nan_logits_give_a_nan_loss(either):
    leaves, target = inputs(dtype=torch.float32)
    with torch.no_grad():
        leaves["readout"][4, 0] = torch.nan
    assert linear_cross_entropy(*leaves.values(), target).isnan()


def test_bfloat16_products_come_near(either):
    leaves, target = inputs(rows=40, width=16, vocabulary=100, dtype=torch.float32, scale=0.5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine = linear_cross_entropy(*leaves.values(), target)
    truth = theirs(leaves, target)
    assert mine.dtype == torch.float32
    assert mine.item() == pytest.approx(truth.item(), rel=0.01)
    assert_close_on_the_whole(gradients([mine], leaves), gradients([truth], leaves), 0.03)


def test_a_chunk_of_logits_fits_the_cache_and_has_a_row_at_least():
    assert chunk_rows(torch.empty(5000, 1)) * 5000 <= 1 << 19
    assert chunk_rows(torch.empty(1 << 20, 1)) == 1
