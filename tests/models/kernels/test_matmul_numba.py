"""Products of packed weights against NumPy's."""

import os
import subprocess
import sys

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings

pytest.importorskip("numba")

from novelgen.models.kernels import matmul_numba
from novelgen.models.kernels.matmul_numba import CHUNK, COLUMNS, DEPTH, LANES, ROW_PANELS, ROWS
from novelgen.models.kernels.packed import numpy_view

DTYPES = ("float32", "float64")
WITHIN = {"float32": 1e-5, "float64": 1e-13}


def numbers(dtype, *shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def panels_of(weight):
    """A weight (N, K) packed."""
    size, depth = weight.shape
    # What was in them before must not matter.
    panels = np.full((-(-size // COLUMNS), depth, COLUMNS), 99, weight.dtype)
    matmul_numba.pack(weight, panels)
    return panels


def assert_close(found, left, weight, before=0.0):
    """found is before + left · weightᵀ, to the rounding of a sum of so many terms."""
    exact = before + left.astype("float64") @ weight.astype("float64").T
    scale = 1 + np.abs(left).astype("float64") @ np.abs(weight).astype("float64").T
    assert np.all(np.abs(found - exact) <= WITHIN[found.dtype.name] * scale)


shapes = st.tuples(
    st.integers(0, CHUNK + ROWS + 1), st.integers(0, 40), st.integers(1, 3 * COLUMNS + 1)
)


@settings(max_examples=60)
@given(shapes, st.sampled_from(DTYPES), st.integers(0, 9))
@example((1, DEPTH, COLUMNS), "float32", 0)
@example((0, 5, 3), "float32", 0)
@example((ROWS + 1, DEPTH + 1, COLUMNS + 1), "float32", 0)
@example((2 * CHUNK + 1, 2 * DEPTH + 3, 2 * COLUMNS - 1), "float64", 0)
def test_a_product_is_added_whatever_its_shape(shape, dtype, seed):
    rows, depth, size = shape
    left = numbers(dtype, rows, depth, seed=seed)
    weight = numbers(dtype, size, depth, seed=seed + 100)
    before = numbers(dtype, rows, size, seed=seed + 200)
    out = before.copy()
    matmul_numba.multiply(left, panels_of(weight), out)
    assert_close(out, left, weight, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, ROWS - 1, 2 * ROWS + 1])
def test_rows_may_be_columns_of_wider_arrays(dtype, rows):
    wide = numbers(dtype, rows, 30)
    weight = numbers(dtype, COLUMNS + 3, 20, seed=1)
    around = numbers(dtype, rows, COLUMNS + 9, seed=2)
    out = around.copy()
    matmul_numba.multiply(wide[:, 7:27], panels_of(weight), out[:, 2 : COLUMNS + 5])
    assert_close(out[:, 2 : COLUMNS + 5], wide[:, 7:27], weight, around[:, 2 : COLUMNS + 5])
    assert np.array_equal(out[:, :2], around[:, :2])
    assert np.array_equal(out[:, COLUMNS + 5 :], around[:, COLUMNS + 5 :])


@pytest.mark.parametrize("dtype", [*DTYPES, "uint16"])
@pytest.mark.parametrize("size", [1, COLUMNS - 1, COLUMNS, 2 * COLUMNS + 1])
def test_panels_hold_the_weight_and_zeros_behind_it(dtype, size):
    weight = np.arange(1, size * 5 + 1).reshape(size, 5).astype(dtype)
    expected = np.zeros((-(-size // COLUMNS) * COLUMNS, 5), dtype)
    expected[:size] = weight
    expected = expected.reshape(-1, COLUMNS, 5).transpose(0, 2, 1)
    for given_weight in (weight, np.asfortranarray(weight)):
        assert np.array_equal(panels_of(given_weight), expected)


# One row is multiplied along several panels at once; panels that are left over, and more rows, not.
SIZES = (5, ROW_PANELS * COLUMNS, (2 * ROW_PANELS + 1) * COLUMNS + 3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rows", [1, ROWS, CHUNK + 1])
def test_few_rows_are_multiplied_as_many_are(rows, size):
    left = numbers("float32", rows, DEPTH + 3)
    weight = numbers("float32", size, DEPTH + 3, seed=1)
    before = numbers("float32", rows, size, seed=2)
    out = before.copy()
    matmul_numba.multiply_few(left, panels_of(weight), out)
    assert_close(out, left, weight, before)
    # A row is summed up in the same order beside others and alone.
    alone = before[:1].copy()
    matmul_numba.multiply_few(left[:1], panels_of(weight), alone)
    assert np.array_equal(alone[0], out[0])


@pytest.mark.parametrize("rows", [1, ROWS, CHUNK + 1])
@pytest.mark.parametrize("size", SIZES)
def test_a_weight_may_be_bfloat16(rows, size):
    left = numbers("float32", rows, DEPTH + 3)
    weight = torch.from_numpy(numbers("float32", size, DEPTH + 3, seed=1)).bfloat16()
    panels = panels_of(numpy_view(weight))
    # The two halves of a row alternate.
    halves = panels.reshape(*panels.shape[:2], 2, LANES)
    alternating = np.ascontiguousarray(halves.swapaxes(2, 3)).reshape(panels.shape)
    out = np.zeros((rows, size), "float32")
    matmul_numba.multiply_few(left, alternating, out)
    assert_close(out, left, weight.float().numpy())


def test_what_is_no_number_stays_in_its_row_and_column():
    left = numbers("float32", 3, 4)
    weight = numbers("float32", COLUMNS + 2, 4, seed=1)
    left[1, 2] = np.nan
    weight[5, 0] = np.inf
    out = np.zeros((3, COLUMNS + 2), "float32")
    matmul_numba.multiply(left, panels_of(weight), out)
    assert np.isnan(out[1]).all()
    assert np.isinf(out[[0, 2], 5]).all()
    assert np.isfinite(np.delete(out[[0, 2]], 5, axis=1)).all()


# The tile is made for the registers of this machine's CPU when the module is imported.
_OF_OTHER_CPU = """
import sys
import numba, numpy as np
from llvmlite import binding

numba.njit(lambda value: value)(1)  # now numba knows this CPU
lanes, rows = int(sys.argv[1]), int(sys.argv[2])
real = binding.get_host_cpu_features
binding.get_host_cpu_features = lambda: {"avx2": lanes >= 8, "avx512f": lanes >= 16}
from novelgen.models.kernels import matmul_numba
binding.get_host_cpu_features = real
assert (matmul_numba.LANES, matmul_numba.ROWS) == (lanes, rows)

random = np.random.default_rng(0)
for rows, depth, size in ((1, 3, 2), (13, 530, 40), (25, 7, 33)):
    left = random.standard_normal((rows, depth), "float32")
    weight = random.standard_normal((size, depth), "float32")
    columns = matmul_numba.COLUMNS
    panels = np.empty((-(-size // columns), depth, columns), "float32")
    matmul_numba.pack(weight, panels)
    out = np.zeros((rows, size), "float32")
    matmul_numba.multiply(left, panels, out)
    np.testing.assert_allclose(out, left @ weight.T, rtol=1e-3, atol=1e-3)
"""


@pytest.mark.parametrize(("lanes", "rows"), [(4, 6), (8, 6), (16, 12)])
def test_tiles_for_other_cpus_multiply_as_well(lanes, rows, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _OF_OTHER_CPU, str(lanes), str(rows)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
