import numpy as np
import pytest
import torch

from novelgen.models.kernels.arrays import numpy_view

numba = pytest.importorskip("numba")
math_numba = pytest.importorskip("novelgen.models.kernels.math_numba")

narrow, widen = math_numba.narrow, math_numba.widen


@numba.njit
def narrowed(values, out):
    for place in range(len(values)):
        out[place] = narrow(values[place], out)


@numba.njit
def widened(values, out):
    for place in range(len(values)):
        out[place] = widen(values[place])


def test_bfloat16_is_rounded_as_pytorch_rounds():
    step = 2.0**-7  # between two numbers of bfloat16 from 1 on
    # Halfway to an even neighbour and to an odd one, a little to either side, and some others.
    values = [1 + step / 2, 1 + 3 * step / 2, 1 + 0.51 * step, 1 + 0.49 * step, -3.3, 1e-20, 0.0]
    tensor = torch.tensor(values, dtype=torch.float32)
    out = torch.empty(len(values), dtype=torch.bfloat16)
    narrowed(tensor.numpy(), numpy_view(out))
    assert out.tolist() == tensor.to(torch.bfloat16).tolist()


def test_float32_stays_what_it_is():
    values = np.array([0.1, -2.5], dtype=np.float32)
    out = np.zeros_like(values)
    narrowed(values, out)
    assert out.tolist() == values.tolist()


def test_bfloat16_is_widened_without_loss():
    tensor = torch.tensor([1.0, -3.296875, 2.0**-66, 0.0], dtype=torch.bfloat16)
    out = np.zeros(len(tensor), dtype=np.float32)
    widened(numpy_view(tensor), out)
    assert out.tolist() == tensor.float().tolist()
