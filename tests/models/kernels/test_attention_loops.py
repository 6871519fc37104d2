"""The compiled attention loops, bahdanau's and luong's, against the reference."""

import importlib

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from novelgen.models.kernels import reference
from tests.models.kernels.comparison import (
    assert_close_on_the_whole,
    compiled_signatures,
    gradients,
    token_mask,
)
from tests.models.kernels.loops import BAHDANAU, LUONG, SOURCE, SOURCE_LENGTHS, TARGET_LENGTHS

pytest.importorskip("numba")

LOOPS = pytest.mark.parametrize("loop", [BAHDANAU, LUONG], ids=lambda loop: loop.module)


def module_of(loop):
    return importlib.import_module(f"novelgen.models.kernels.{loop.module}")


def compiled(loop):
    return getattr(module_of(loop), loop.name)


def run(loop, leaves, *arguments, **options):
    return loop.run(compiled(loop), leaves, *arguments, **options)


@LOOPS
@pytest.mark.parametrize("target_lengths", [None, TARGET_LENGTHS])
@pytest.mark.parametrize("chosen", [None, (0,), (1,), (2,), (3,)])
def test_outputs_and_gradients_equal_the_reference(loop, chosen, target_lengths):
    leaves = loop.inputs()
    loop.assert_agrees(compiled(loop), leaves, target_lengths=target_lengths, chosen=chosen)


@LOOPS
@settings(max_examples=25)
@given(
    data=st.data(),
    seed=st.integers(0, 99),
    target=st.integers(1, 6),
    source=st.integers(1, 9),
    drops=st.booleans(),
)
def test_any_lengths_and_sizes(loop, data, seed, target, source, drops):
    sizes = data.draw(st.lists(st.integers(1, 20), min_size=loop.sizes, max_size=loop.sizes))
    source_lengths = data.draw(st.lists(st.integers(1, source), min_size=1, max_size=5))
    rows = len(source_lengths)
    target_lengths = data.draw(st.lists(st.integers(1, target), min_size=rows, max_size=rows))
    leaves = loop.inputs(torch.float64, seed, rows, target, source, sizes=sizes, scale=0.5)
    given_lengths = (source_lengths, target_lengths)
    loop.assert_agrees(
        compiled(loop),
        leaves,
        *given_lengths,
        drops=drops,
        outputs_within=1e-9,
        rtol=1e-9,
        atol=1e-9,
    )


@LOOPS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_two_threads_agree_with_the_reference(loop, dtype, two_threads):
    target_lengths = [1 + 2 * row % 5 for row in range(21)]
    source_lengths = [1 + row % SOURCE for row in range(21)]
    leaves = loop.inputs(dtype, rows=21, scale=0.5)
    within = 1e-9 if dtype == torch.float64 else 1e-3
    loop.assert_agrees(
        compiled(loop),
        leaves,
        source_lengths,
        target_lengths,
        outputs_within=within,
        rtol=within,
        atol=within,
    )


@LOOPS
def test_the_padding_of_a_target_is_not_read_and_gets_no_gradient(loop):
    leaves = loop.inputs()
    is_real = token_mask(TARGET_LENGTHS, leaves["inputs"].shape[1])
    with torch.no_grad():
        changed = {**leaves, "inputs": leaves["inputs"].masked_fill(~is_real.unsqueeze(2), 1e6)}
    changed["inputs"].requires_grad_()
    clean = run(loop, leaves, target_lengths=TARGET_LENGTHS)
    found = run(loop, changed, target_lengths=TARGET_LENGTHS)
    which = loop.counted(leaves, TARGET_LENGTHS)
    for mine, truth, own in zip(found, clean, which, strict=True):
        assert torch.equal(mine[own], truth[own])
        assert mine.isfinite().all()
    mine = gradients(found, changed, counted=which)
    truth = gradients(clean, leaves, counted=which)
    assert not mine["inputs"][~is_real].any()
    for name, gradient in truth.items():
        assert torch.equal(mine[name], gradient), name


@LOOPS
def test_the_padding_of_a_source_gets_exactly_zero_weight_whatever_it_holds(loop):
    leaves = loop.inputs()
    changed = loop.inputs()
    is_token = token_mask(SOURCE_LENGTHS, SOURCE)
    with torch.no_grad():
        for name in ("annotations", "keys"):
            changed[name][~is_token] = 1e6
    found = run(loop, changed)
    assert not found.weights[~is_token.unsqueeze(1).expand_as(found.weights)].any()
    sums = found.weights.sum(-1)
    torch.testing.assert_close(sums, torch.ones_like(sums))
    assert torch.equal(found[0], run(loop, leaves)[0])
    made = gradients(found, changed)
    assert not made["annotations"][~is_token].any()
    assert not made["keys"][~is_token].any()


@LOOPS
def test_without_gradients_the_outputs_are_the_same(loop):
    leaves = loop.inputs()
    expected = run(loop, leaves, target_lengths=TARGET_LENGTHS)
    with torch.inference_mode():
        found = run(loop, leaves, target_lengths=TARGET_LENGTHS)
    assert all(torch.equal(mine, truth) for mine, truth in zip(found, expected, strict=True))


@LOOPS
def test_a_second_backward_pass_gives_the_same_gradients(loop):
    leaves = loop.inputs()
    outputs = run(loop, leaves)
    first, second = (gradients(outputs, leaves) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in leaves)


@LOOPS
@pytest.mark.parametrize("target_lengths", [None, TARGET_LENGTHS])
def test_bfloat16_products_stay_close_to_the_reference(loop, target_lengths):
    leaves = loop.inputs(torch.float32, scale=0.5)
    which = loop.counted(leaves, target_lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine = run(loop, leaves, target_lengths=target_lengths)
    # What products read is in their dtype: s and c, or h̃. States and weights are not.
    rounded = {"hiddens", "contexts", "readouts"}
    for name, found in mine._asdict().items():
        assert found.dtype == (torch.bfloat16 if name in rounded else torch.float32), name
    truth = loop.run(getattr(reference, loop.name), leaves)
    for found, expected, own in zip(mine, truth, which, strict=True):
        torch.testing.assert_close(found[own].float(), expected[own], rtol=0.03, atol=0.03)
    rough = gradients(mine, leaves, counted=which)
    exact = gradients(truth, leaves, counted=which)
    assert all(rough[name].dtype == torch.float32 for name in leaves)
    assert_close_on_the_whole(rough, exact, 0.05)


@LOOPS
def test_the_loops_python_gives_what_their_machine_code_gives(loop, as_onednn):
    """Where products are oneDNN's the Python runs; here with oneDNN's place taken by exact ones."""
    loop.assert_agrees(compiled(loop), loop.inputs(), target_lengths=TARGET_LENGTHS)
    assert as_onednn.products > 0


FAR_OUT = [
    (BAHDANAU, ("keys", "query")),
    (BAHDANAU, ("inputs", "cell")),
    (BAHDANAU, ("inputs", "keys", "token", "query", "score", "recurrent", "context")),
    (LUONG, ("keys",)),
    (LUONG, ("inputs", "cell")),
    (LUONG, ("inputs", "keys", "token", "recurrent", "feeding", "readout")),
]


@pytest.mark.parametrize(("loop", "names"), FAR_OUT)
def test_numbers_far_out_of_range_stay_finite(loop, names):
    leaves = loop.inputs(torch.float32)
    with torch.no_grad():
        for name in names:
            leaves[name].mul_(1e4)
    outputs = run(loop, leaves)
    assert all(part.isfinite().all() for part in outputs)
    for name, gradient in gradients(outputs, leaves).items():
        assert gradient.isfinite().all(), name


@pytest.mark.parametrize(
    ("loop", "name"),
    [
        *((BAHDANAU, name) for name in ("recurrent", "query", "score", "context")),
        *((LUONG, name) for name in ("recurrent", "feeding", "readout")),
    ],
)
def test_nan_weights_give_nan_outputs(loop, name):
    leaves = loop.inputs(torch.float32)
    broken = {**leaves, name: torch.full_like(leaves[name], torch.nan)}
    assert run(loop, broken)[0][:, 1:].isnan().all()


@LOOPS
def test_other_shapes_of_batches_compile_nothing_new(loop, two_threads):
    """Whoever trains must not wait for numba again at the first batch that is unlike the others."""

    def train(*shape):
        rows, target, source = shape
        leaves = loop.inputs(torch.float32, rows=rows, target=target, source=source)
        lengths = [1 + row % target for row in range(rows)]
        outputs = run(loop, leaves, [source] * rows, lengths)
        gradients(outputs, leaves, counted=loop.counted(leaves, lengths))

    train(3, 4, 5)
    before = compiled_signatures(module_of(loop))
    for shape in ((1, 1, 1), (1, 4, 5), (3, 1, 5), (3, 4, 1), (16, 2, 2)):
        train(*shape)
    assert compiled_signatures(module_of(loop)) == before
