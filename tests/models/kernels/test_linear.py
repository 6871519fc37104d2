"""A linear layer of the real steps of padded sequences against PyTorch's."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch.nn.functional import linear

from tests.models.kernels.comparison import (
    assert_close_on_the_whole,
    assert_same_gradients,
    compiled_signatures,
    draw,
    gradients,
    token_mask,
)

kernels = pytest.importorskip("novelgen.models.kernels.linear")

STEPS, LENGTHS = 7, (7, 1, 4)
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def inputs(widths=(5, 3), size=21, rows=3, steps=STEPS, dtype=torch.float64, seed=0, has_bias=True):
    """Leaf tensors by name: weight and perhaps bias first, then sequences."""
    shapes = {"weight": (size, sum(widths))}
    if has_bias:
        shapes["bias"] = (size,)
    for number, width in enumerate(widths):
        shapes[f"sequence {number}"] = (rows, steps, width)
    return draw(shapes, dtype, seed)


def sequences_of(leaves):
    return [leaf for name, leaf in leaves.items() if name.startswith("sequence")]


def mask_of(leaves):
    """A dropout's mask (B, D)."""
    shape = (len(leaves["sequence 0"]), leaves["weight"].shape[1])
    mask = 2.0 * torch.randint(2, shape, generator=torch.Generator().manual_seed(3))
    return mask.to(leaves["weight"].dtype)


def ours(leaves, lengths=LENGTHS, mask=None):
    lengths = None if lengths is None else torch.tensor(lengths)
    sequences = sequences_of(leaves)
    return kernels.padded_linear(sequences, lengths, mask, leaves["weight"], leaves.get("bias"))


def theirs(leaves, mask=None):
    joint = torch.cat(sequences_of(leaves), dim=-1)
    if mask is not None:
        joint = joint * mask.unsqueeze(1)
    return linear(joint, leaves["weight"], leaves.get("bias"))


def assert_agrees(leaves, lengths=LENGTHS, drops=False, within=1e-12):
    """Outputs at real steps and all gradients are PyTorch's; at padding both are 0."""
    mask = mask_of(leaves) if drops else None
    rows, steps = leaves["sequence 0"].shape[:2]
    is_real = token_mask([steps] * rows if lengths is None else lengths, steps)
    mine, truth = ours(leaves, lengths, mask), theirs(leaves, mask)
    torch.testing.assert_close(mine[is_real], truth[is_real], rtol=within, atol=within)
    assert not mine[~is_real].any()
    found = gradients([mine], leaves, counted=[is_real])
    expected = gradients([truth], leaves, counted=[is_real])
    assert_same_gradients(found, expected, rtol=10 * within, atol=10 * within)
    for name in found:
        if name.startswith("sequence"):
            assert not found[name][~is_real].any(), name


@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("widths", [(5,), (5, 3), (2, 1, 4)])
def test_it_is_pytorchs_layer_at_real_steps(widths, lengths, has_bias, drops):
    assert_agrees(inputs(widths, has_bias=has_bias), lengths, drops)


@settings(max_examples=25)
@given(
    data=st.data(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 99),
    steps=st.integers(1, 9),
    widths=st.lists(st.integers(1, 20), min_size=1, max_size=3),
    size=st.integers(1, 40),
    drops=st.booleans(),
)
def test_any_lengths_and_sizes(data, dtype, seed, steps, widths, size, drops):
    lengths = data.draw(st.lists(st.integers(1, steps), min_size=1, max_size=6))
    leaves = inputs(widths, size, len(lengths), steps, dtype, seed)
    assert_agrees(leaves, lengths, drops, within=1e-10 if dtype == torch.float64 else 1e-4)


def test_the_bias_is_not_what_sums_are_made_in():
    """Of one step alone a bias has the shape of the sums."""
    leaves = inputs(rows=1, steps=1)
    before = leaves["bias"].detach().clone()
    ours(leaves, [1])
    assert torch.equal(leaves["bias"], before)


def test_without_gradients_the_outputs_are_the_same():
    leaves = inputs()
    with torch.inference_mode():
        found = ours(leaves)
    assert torch.equal(found, ours(leaves))


def test_two_threads_agree_with_pytorch(two_threads):
    assert_agrees(inputs(rows=21), [1 + row % STEPS for row in range(21)], drops=True)


def test_padding_is_not_read():
    leaves = inputs()
    is_real = token_mask(LENGTHS, STEPS)
    changed = {
        name: leaf.detach().masked_fill(~is_real.unsqueeze(2), torch.nan).requires_grad_()
        if name.startswith("sequence")
        else leaf
        for name, leaf in leaves.items()
    }
    clean, found = ours(leaves), ours(changed)
    assert torch.equal(found, clean)
    mine, truth = gradients([found], changed), gradients([clean], leaves)
    for name, gradient in truth.items():
        assert torch.equal(mine[name], gradient), name


def test_bfloat16_products_come_near():
    leaves = inputs(dtype=torch.float32)
    mask = mask_of(leaves)
    is_real = token_mask(LENGTHS, STEPS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine = ours(leaves, mask=mask)
    truth = theirs(leaves, mask)
    assert mine.dtype == torch.bfloat16
    torch.testing.assert_close(mine[is_real].float(), truth[is_real], rtol=0.05, atol=0.05)
    rough = gradients([mine], leaves, counted=[is_real])
    assert all(rough[name].dtype == torch.float32 for name in leaves)
    assert_close_on_the_whole(rough, gradients([truth], leaves, counted=[is_real]), 0.02)


def test_other_shapes_of_batches_compile_nothing_new(two_threads):
    """Whoever trains must not wait for numba again at the first batch that is unlike the others."""

    def train(rows, steps):
        leaves = inputs(rows=rows, steps=steps, dtype=torch.float32)
        gradients([ours(leaves, [1 + row % steps for row in range(rows)])], leaves)

    train(3, 4)
    before = compiled_signatures(kernels)
    for shape in ((1, 1), (1, 4), (3, 1), (16, 2)):
        train(*shape)
    assert compiled_signatures(kernels) == before


def numbers(dtype, *shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 37])
def test_a_product_of_many_rows_is_added_by_all_threads(dtype, rows, two_threads):
    left, weight = numbers(dtype, rows, 9), numbers(dtype, 21, 9, seed=1)
    out = torch.ones(rows, 30, dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    kernels.add_product(left, weight, out[:, 4:25])
    expected = left.to(out) @ weight.to(out).t() + 1
    within = 0.05 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(out[:, 4:25], expected, rtol=within, atol=within)
    assert (out[:, :4] == 1).all()
    assert (out[:, 25:] == 1).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_of_a_weight_sums_over_all_steps(dtype, two_threads):
    wide, inputs = numbers(dtype, 300, 30), numbers(dtype, 300, 4, seed=1)
    outputs = wide[:, 3:26]
    found = kernels.weight_gradient(outputs, inputs)
    expected = outputs.double().t() @ inputs.double()
    within = 0.02 if dtype == torch.bfloat16 else 1e-4
    torch.testing.assert_close(found.double(), expected, rtol=within, atol=20 * within)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_of_a_bias_sums_over_all_steps_and_is_not_rounded(dtype):
    outputs = numbers(dtype, 300, 5)
    found = kernels.bias_gradient(outputs[:, 1:])
    assert found.dtype == (torch.float32 if dtype == torch.bfloat16 else dtype)
    expected = outputs.double()[:, 1:].sum(0)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


def test_products_of_bfloat16_have_few_shapes(monkeypatch):
    """oneDNN keeps a compiled product for every number of rows."""
    shapes = set()

    def watch(left, weight):
        shapes.add(tuple(left.shape))
        return linear(left, weight)

    monkeypatch.setattr(kernels, "linear", watch)
    for rows in (3, 20, 256):
        kernels.add_product(
            torch.ones(rows, 4).bfloat16(), numbers(torch.bfloat16, 6, 4), torch.zeros(rows, 6)
        )
    assert shapes == {(256, 4)}
