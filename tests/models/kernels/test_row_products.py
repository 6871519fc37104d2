"""Packed products against NumPy's, in float64."""

import numpy as np
import pytest
import torch

numba = pytest.importorskip("numba")
matmul_numba = pytest.importorskip("novelgen.models.kernels.matmul_numba")

COLUMNS = matmul_numba.COLUMNS
# Whole panels and not, more of them than a single row takes at once.
SIZES = (1, COLUMNS, 4 * COLUMNS, 9 * COLUMNS + 3)


def packed(weight):
    size, depth = weight.shape
    panels = np.empty((-(-size // COLUMNS), depth, COLUMNS), weight.dtype)
    matmul_numba.pack(weight, panels)
    return panels


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rows", [1, 2, 7, 50])
def test_products_of_float32_are_added(rows, size):
    chance = np.random.default_rng(rows + size)
    left = chance.standard_normal((rows, 70)).astype(np.float32)
    weight = chance.standard_normal((size, 70)).astype(np.float32)
    before = chance.standard_normal((rows, size)).astype(np.float32)
    truth = before + left.astype(np.float64) @ weight.T.astype(np.float64)
    for multiply in (matmul_numba.multiply, matmul_numba.multiply_few):
        found = before.copy()
        multiply(left, packed(weight), found)
        np.testing.assert_allclose(found, truth, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_a_row_is_summed_up_in_the_same_order_beside_others_and_alone(size):
    chance = np.random.default_rng(size)
    left = chance.standard_normal((13, 600)).astype(np.float32)
    panels = packed(chance.standard_normal((size, 600)).astype(np.float32))
    together = np.zeros((13, size), np.float32)
    matmul_numba.multiply_few(left, panels, together)
    for row in range(13):
        alone = np.zeros((1, size), np.float32)
        matmul_numba.multiply_few(left[row : row + 1], panels, alone)
        np.testing.assert_array_equal(alone[0], together[row])


@pytest.mark.parametrize("rows", [1, 5])
def test_bfloat16_panels_are_widened(rows):
    chance = np.random.default_rng(rows)
    left = chance.standard_normal((rows, 40)).astype(np.float32)
    weight = torch.randn(5 * COLUMNS, 40, generator=torch.Generator().manual_seed(rows))
    panels = torch.from_numpy(packed(weight.numpy())).bfloat16()
    # The halves of a row alternate.
    panels = panels.view(5, 40, 2, COLUMNS // 2).transpose(2, 3).reshape(5, 40, COLUMNS)
    found = np.zeros((rows, len(weight)), np.float32)
    matmul_numba.multiply_few(left, panels.view(torch.uint16).numpy(), found)
    truth = left.astype(np.float64) @ weight.bfloat16().double().T.numpy()
    np.testing.assert_allclose(found, truth, rtol=1e-5, atol=1e-5)
