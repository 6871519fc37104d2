import numpy as np
import pytest
import torch

pytest.importorskip("numba")

from novelgen.models.kernels import onednn, products
from novelgen.models.kernels.packed import numpy_view
from novelgen.models.kernels.products import (
    OneDnn,
    add_product,
    bias_gradient,
    in_few_shapes,
    multiply,
    pack,
    run_loop,
    weight_gradient,
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
    multiply(numpy_view(left), pack(weight, 5), numpy_view(out))
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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 37])
def test_a_product_of_many_rows_is_added_by_all_threads(dtype, rows, two_threads):
    left, weight = draw(dtype, rows, 9), draw(dtype, 21, 9, seed=1)
    out = torch.ones(rows, 30, dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    add_product(left, weight, out[:, 4:25])
    expected = left.to(out) @ weight.to(out).t() + 1
    within = 0.05 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(out[:, 4:25], expected, rtol=within, atol=within)
    assert (out[:, :4] == 1).all()
    assert (out[:, 25:] == 1).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_of_a_weight_sums_over_all_steps(dtype, two_threads):
    wide, inputs = draw(dtype, 300, 30), draw(dtype, 300, 4, seed=1)
    outputs = wide[:, 3:26]
    found = weight_gradient(outputs, inputs)
    expected = outputs.double().t() @ inputs.double()
    within = 0.02 if dtype == torch.bfloat16 else 1e-4
    torch.testing.assert_close(found.double(), expected, rtol=within, atol=20 * within)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_of_a_bias_sums_over_all_steps_and_is_not_rounded(dtype):
    outputs = draw(dtype, 300, 5)
    found = bias_gradient(outputs[:, 1:])
    assert found.dtype == (torch.float32 if dtype == torch.bfloat16 else dtype)
    expected = outputs.double()[:, 1:].sum(0)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("rows", "padded"), [(0, 0), (1, 256), (256, 256), (257, 512)])
def test_few_shapes_are_multiplied_and_the_rows_come_back(rows, padded):
    """oneDNN keeps a compiled product for every number of rows."""
    shapes = []

    def layer(inputs):
        shapes.append(tuple(inputs.shape))
        return 2 * inputs[:, :1]

    inputs = torch.arange(4.0 * rows).view(rows, 4)
    found = in_few_shapes(layer, inputs)
    assert shapes == [(padded, 4)]
    assert torch.equal(found, 2 * inputs[:, :1])


def test_products_of_bfloat16_have_few_shapes(monkeypatch):
    shapes = set()

    def watch(left, weight):
        shapes.add(tuple(left.shape))
        return torch.nn.functional.linear(left, weight)

    monkeypatch.setattr(products, "linear", watch)
    monkeypatch.setattr(onednn, "packs_bfloat16", lambda: False)
    weight = draw(torch.bfloat16, 6, 4)
    for rows in (3, 20, 200):
        add_product(torch.ones(rows, 4).bfloat16(), weight, torch.zeros(rows, 6))
    assert shapes == {(256, 4)}
    shapes.clear()
    for rows in range(1, 33):
        OneDnn(weight, 32).product(torch.ones(rows, 4).bfloat16())
    assert shapes == {(16, 4), (32, 4)}


def test_a_loop_runs_as_machine_code_unless_its_products_are_onednns():
    class Loop:
        def __call__(self, weight):
            return "machine code"

        def py_func(self, weight):
            return "Python"

    assert run_loop(Loop(), np.zeros((1, 4, 8))) == "machine code"
    assert run_loop(Loop(), pack(draw(torch.bfloat16, 3, 4), 1)) == "Python"
