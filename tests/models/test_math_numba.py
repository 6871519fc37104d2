import numpy as np
import pytest
import torch

from novelgen.models.kernels.arrays import numpy_view

numba = pytest.importorskip("numba")
math_numba = pytest.importorskip("novelgen.models.kernels.math_numba")

narrow, widen = math_numba.narrow, math_numba.widen

exp, sigmoid, tanh = math_numba.exp, math_numba.sigmoid, math_numba.tanh
ARGUMENTS = np.concatenate(
    [
        np.linspace(-90, 90, 4001),
        np.geomspace(1e-30, 1e38, 500),
        -np.geomspace(1e-30, 1e38, 500),
        [0.0, np.inf, -np.inf, np.nan],
    ]
).astype(np.float32)


@numba.njit
def exponentials(values, out):
    for place in range(len(values)):
        out[place] = exp(values[place])


@numba.njit
def activations(values, sigmoids, tanhs):
    for place in range(len(values)):
        sigmoids[place] = sigmoid(values[place])
        tanhs[place] = tanh(values[place])


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


def test_exp_within_its_range_and_at_its_ends():
    found = np.empty_like(ARGUMENTS)
    exponentials(ARGUMENTS, found)
    inside = np.abs(ARGUMENTS) <= 87
    truth = np.exp(ARGUMENTS[inside].astype(np.float64))
    np.testing.assert_allclose(found[inside], truth, rtol=3e-7)
    ends = np.array([np.inf, 87, -np.inf, -87, np.nan], np.float32)
    exponentials(ends, ends)
    assert ends[0] == ends[1]
    assert ends[2] == ends[3] > 0
    assert np.isnan(ends[4])


def test_sigmoid_and_tanh_over_all_of_float32():
    sigmoids = np.empty_like(ARGUMENTS)
    tanhs = np.empty_like(ARGUMENTS)
    activations(ARGUMENTS, sigmoids, tanhs)
    wide = ARGUMENTS.astype(np.float64)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(sigmoids, 1 / (1 + np.exp(-wide)), rtol=5e-7, atol=2e-38)
    np.testing.assert_allclose(tanhs, np.tanh(wide), rtol=2e-7, atol=2e-7)
