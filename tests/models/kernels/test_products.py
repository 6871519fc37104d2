"""Products of packed weights in time loops, and how such loops are run."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

pytest.importorskip("numba")

from novelgen.models.kernels import onednn, products
from novelgen.models.kernels.packed import numpy_view, pack_rows
from novelgen.models.kernels.products import (
    OneDnn,
    multiply,
    pack_weight,
    run_loop,
)

DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def draw(dtype, *shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(dtype)


@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_packed_weight_multiplies_as_the_weight_does(dtype, is_transposed):
    weight = draw(dtype, 21, 9)
    if is_transposed:
        weight = draw(dtype, 9, 21).t()
    left = draw(dtype, 5, 9, seed=1)
    out = torch.ones(5, 21, dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    multiply(numpy_view(left), pack_weight(weight, 5), numpy_view(out))
    expected = left.to(out) @ weight.to(out).t() + 1
    within = 0.05 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(out, expected, rtol=within, atol=within)


@pytest.mark.parametrize("packs", [True, False])
@pytest.mark.parametrize("rows", [1, 16, 17])
def test_a_onednn_weight_gives_as_many_rows_as_it_gets(rows, packs, monkeypatch):
    if not packs:
        monkeypatch.setattr(onednn, "packs_bfloat16", lambda: False)
    weight, left = draw(torch.bfloat16, 5, 4), draw(torch.bfloat16, rows, 4, seed=1)
    found = OneDnn(weight, rows).product(left)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, left @ weight.t(), rtol=0.02, atol=0.02)


def test_products_of_bfloat16_have_few_shapes(monkeypatch):
    """oneDNN keeps a compiled product for every number of rows."""
    shapes = set()

    def watch(left, weight):
        shapes.add(tuple(left.shape))
        return torch.nn.functional.linear(left, weight)

    monkeypatch.setattr(products, "linear", watch)
    monkeypatch.setattr(onednn, "packs_bfloat16", lambda: False)
    weight = draw(torch.bfloat16, 6, 4)
    for rows in range(1, 33):
        OneDnn(weight, 32).product(torch.ones(rows, 4).bfloat16())
    assert shapes == {(16, 4), (32, 4)}


class Loop:
    """A time loop of compiled code, as `run_loop` sees it."""

    def __init__(self):
        self.calls = []

    def __call__(self, *arguments):
        self.calls.append(("machine code", *arguments))

    def py_func(self, *arguments):
        self.calls.append(("Python", *arguments))


class Tape(NamedTuple):
    sums: Any


@pytest.mark.parametrize(
    ("dtype", "expected"), [(torch.float32, "machine code"), (torch.bfloat16, "Python")]
)
def test_a_loop_runs_for_every_part_in_python_if_its_products_are_onednns(dtype, expected):
    loop, tape = Loop(), Tape(torch.zeros(5, 2))
    parts = pack_rows(torch.zeros(16, 1), None, 2).parts
    run_loop(loop, parts, ((draw(dtype, 3, 4),), True, tape), ((draw(dtype, 3, 4),), False, tape))
    assert [(how, part, flag) for how, _, part, flag, _ in loop.calls] == [
        (expected, part, flag) for flag in (True, False) for part in parts
    ]
    arrays = loop.calls[0][-1]
    assert type(arrays) is Tape
    assert arrays.sums is not tape.sums
    assert np.shares_memory(arrays.sums, tape.sums.numpy())
