import pytest
import torch

from novelgen.models.kernels.products import in_few_shapes, padded_rows, product


@pytest.mark.parametrize(("rows", "padded"), [(1, 256), (256, 256), (257, 512), (0, 0)])
def test_rows_are_padded_to_whole_blocks(rows, padded):
    assert padded_rows(rows) == padded


def test_in_autocast_few_shapes_are_multiplied_and_the_rows_come_back():
    shapes = []

    def layer(inputs):
        shapes.append(tuple(inputs.shape))
        return 2 * inputs[:, :1]

    inputs = torch.arange(24.0).view(2, 3, 4)
    alone = in_few_shapes(layer, inputs.flatten(0, 1))
    assert alone.flatten().tolist() == [0.0, 8.0, 16.0, 24.0, 32.0, 40.0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = in_few_shapes(layer, inputs)
    assert shapes == [(6, 4), (256, 4)]
    assert found.shape == (2, 3, 1)
    assert found.flatten().tolist() == [0.0, 8.0, 16.0, 24.0, 32.0, 40.0]


def test_a_product_is_that_with_the_transposed_weight():
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(5, 4, generator=generator)
    inputs = torch.randn(3, 4, generator=generator)
    torch.testing.assert_close(product(weight, 3)(inputs), inputs @ weight.t())
