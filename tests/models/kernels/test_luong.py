"""The compiled loop with input feeding against the reference, and the decoder that runs it."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from novelgen.models.kernels import api, reference
from novelgen.models.kernels.api import FeedingWeights, LoopMemory
from tests.models.kernels.comparison import (
    EXACT,
    assert_close_on_the_whole,
    assert_same_gradients,
    compiled_signatures,
    draw,
    gradients,
    token_mask,
)

luong = pytest.importorskip("novelgen.models.kernels.luong")

TARGET, SOURCE, WIDTH, HIDDEN, MEMORY = 5, 7, 4, 6, 8
SIZES = (WIDTH, HIDDEN, MEMORY)
SOURCE_LENGTHS = (SOURCE, 1, 4)
TARGET_LENGTHS = (2, TARGET, 1)


def inputs(
    dtype=torch.float64,
    seed=0,
    rows=3,
    target=TARGET,
    source=SOURCE,
    sizes=SIZES,
    scale=1.0,
):
    """Leaf tensors by name."""
    width, hidden, memory = sizes
    shapes = {
        "inputs": (rows, target, width),
        "annotations": (rows, source, memory),
        "keys": (rows, source, hidden),
        "hidden": (rows, hidden),
        "cell": (rows, hidden),
        "fed": (rows, width),
        "token": (4 * hidden, width),
        "bias": (4 * hidden,),
        "recurrent": (4 * hidden, hidden),
        "feeding": (4 * hidden, width),
        "readout": (width, memory + hidden),
    }
    return draw(shapes, dtype, seed, scale)


def run(loop, leaves, source_lengths=SOURCE_LENGTHS, target_lengths=None, drops=True):
    is_token = token_mask(source_lengths, leaves["keys"].shape[1])
    lengths = None if target_lengths is None else torch.tensor(target_lengths)
    drop = None
    if drops:
        generator = torch.Generator().manual_seed(3)
        shape = (len(source_lengths), leaves["readout"].shape[1])
        drop = 2.0 * torch.randint(2, shape, generator=generator).to(leaves["hidden"].dtype)
    names = ("token", "bias", "recurrent", "feeding", "readout")
    return loop(
        leaves["inputs"],
        lengths,
        LoopMemory(leaves["annotations"], leaves["keys"], is_token),
        leaves["hidden"],
        leaves["cell"],
        leaves["fed"],
        drop,
        FeedingWeights(*(leaves[name] for name in names)),
    )


def counted(leaves, target_lengths):
    """Which outputs count: those at real steps, and the last state of rows that reach the end."""
    steps = leaves["inputs"].shape[1]
    if target_lengths is None:
        target_lengths = [steps] * len(leaves["inputs"])
    is_real = token_mask(target_lengths, steps)
    return [is_real, is_real[:, -1], is_real[:, -1], is_real]


def assert_agrees(
    leaves,
    source_lengths=SOURCE_LENGTHS,
    target_lengths=None,
    chosen=None,
    drops=True,
    outputs_within=1e-12,
    **tolerance,
):
    """Outputs that count, and the gradients of the chosen ones, are those of the reference."""
    mine = run(luong.input_feeding_loop, leaves, source_lengths, target_lengths, drops)
    truth = run(reference.input_feeding_loop, leaves, source_lengths, None, drops)
    which = counted(leaves, target_lengths)
    for found, expected, own in zip(mine, truth, which, strict=True):
        torch.testing.assert_close(
            found[own], expected[own], rtol=outputs_within, atol=outputs_within
        )
    assert_same_gradients(
        gradients(mine, leaves, chosen, which),
        gradients(truth, leaves, chosen, which),
        **(tolerance or EXACT),
    )


@pytest.mark.parametrize("target_lengths", [None, TARGET_LENGTHS])
@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize("chosen", [None, (0,), (1,), (2,), (3,)])
def test_outputs_and_gradients_equal_the_reference(chosen, drops, target_lengths):
    assert_agrees(inputs(), target_lengths=target_lengths, chosen=chosen, drops=drops)


@settings(max_examples=25)
@given(
    data=st.data(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 99),
    target=st.integers(1, 6),
    source=st.integers(1, 9),
    sizes=st.tuples(*[st.integers(1, 20)] * 3),
    drops=st.booleans(),
)
def test_any_lengths_and_sizes(data, dtype, seed, target, source, sizes, drops):
    source_lengths = data.draw(st.lists(st.integers(1, source), min_size=1, max_size=5))
    rows = len(source_lengths)
    target_lengths = data.draw(st.lists(st.integers(1, target), min_size=rows, max_size=rows))
    leaves = inputs(dtype, seed, rows, target, source, sizes, scale=0.5)
    within = 1e-9 if dtype == torch.float64 else 1e-3
    assert_agrees(
        leaves,
        source_lengths,
        target_lengths,
        drops=drops,
        outputs_within=within,
        rtol=within,
        atol=within,
    )


@pytest.mark.parametrize("target_lengths", [None, [1 + 2 * row % TARGET for row in range(21)]])
def test_two_threads_agree_with_the_reference(two_threads, target_lengths):
    assert_agrees(inputs(rows=21), [1 + row % SOURCE for row in range(21)], target_lengths)


def test_the_padding_of_a_target_is_not_read_and_gets_no_gradient():
    leaves = inputs()
    is_real = token_mask(TARGET_LENGTHS, TARGET)
    with torch.no_grad():
        changed = {**leaves, "inputs": leaves["inputs"].masked_fill(~is_real.unsqueeze(2), 1e6)}
    changed["inputs"].requires_grad_()
    clean = run(luong.input_feeding_loop, leaves, target_lengths=TARGET_LENGTHS)
    found = run(luong.input_feeding_loop, changed, target_lengths=TARGET_LENGTHS)
    which = counted(leaves, TARGET_LENGTHS)
    for mine, truth, own in zip(found, clean, which, strict=True):
        assert torch.equal(mine[own], truth[own])
        assert mine.isfinite().all()
    mine = gradients(found, changed, counted=which)
    truth = gradients(clean, leaves, counted=which)
    assert not mine["inputs"][~is_real].any()
    for name, gradient in truth.items():
        assert torch.equal(mine[name], gradient), name


def test_the_padding_of_a_source_gets_exactly_zero_weight_whatever_it_holds():
    leaves = inputs()
    changed = inputs()
    is_token = token_mask(SOURCE_LENGTHS, SOURCE)
    with torch.no_grad():
        for name in ("annotations", "keys"):
            changed[name][~is_token] = 1e6
    found = run(luong.input_feeding_loop, changed)
    assert not found.weights[~is_token.unsqueeze(1).expand_as(found.weights)].any()
    torch.testing.assert_close(
        found.weights.sum(-1), torch.ones(len(is_token), TARGET, dtype=torch.float64)
    )
    assert torch.equal(found.readouts, run(luong.input_feeding_loop, leaves).readouts)
    made = gradients(found, changed)
    assert not made["annotations"][~is_token].any()
    assert not made["keys"][~is_token].any()


def test_without_gradients_the_outputs_are_the_same():
    leaves = inputs()
    expected = run(luong.input_feeding_loop, leaves, target_lengths=TARGET_LENGTHS)
    with torch.inference_mode():
        found = run(luong.input_feeding_loop, leaves, target_lengths=TARGET_LENGTHS)
    assert all(torch.equal(mine, truth) for mine, truth in zip(found, expected, strict=True))


def test_a_second_backward_pass_gives_the_same_gradients():
    leaves = inputs()
    outputs = run(luong.input_feeding_loop, leaves)
    first, second = (gradients(outputs, leaves) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in leaves)


@pytest.mark.parametrize("target_lengths", [None, TARGET_LENGTHS])
def test_bfloat16_products_stay_close_to_the_reference(target_lengths):
    leaves = inputs(torch.float32, scale=0.5)
    which = counted(leaves, target_lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine = run(luong.input_feeding_loop, leaves, target_lengths=target_lengths)
    assert mine.readouts.dtype == torch.bfloat16
    assert mine.hidden.dtype == mine.cell.dtype == mine.weights.dtype == torch.float32
    truth = run(reference.input_feeding_loop, leaves)
    for found, expected, own in zip(mine, truth, which, strict=True):
        torch.testing.assert_close(found[own].float(), expected[own], rtol=0.03, atol=0.03)
    rough = gradients(mine, leaves, counted=which)
    exact = gradients(truth, leaves, counted=which)
    assert all(rough[name].dtype == torch.float32 for name in leaves)
    assert_close_on_the_whole(rough, exact, 0.05)


def test_the_loops_python_gives_what_their_machine_code_gives(as_onednn):
    """Where products are oneDNN's the Python runs; here with oneDNN's place taken by exact ones."""
    as_onednn(luong)
    assert_agrees(inputs(), target_lengths=TARGET_LENGTHS)
    assert as_onednn.products > 0


@pytest.mark.parametrize(
    "names",
    [
        ("keys",),
        ("inputs", "cell"),
        ("inputs", "keys", "token", "recurrent", "feeding", "readout"),
    ],
)
def test_numbers_far_out_of_range_stay_finite(names):
    leaves = inputs(torch.float32)
    with torch.no_grad():
        for name in names:
            leaves[name].mul_(1e4)
    outputs = run(luong.input_feeding_loop, leaves)
    assert all(part.isfinite().all() for part in outputs)
    for name, gradient in gradients(outputs, leaves).items():
        assert gradient.isfinite().all(), name


@pytest.mark.parametrize("name", ["recurrent", "feeding", "readout"])
def test_nan_weights_give_nan_outputs(name):
    leaves = inputs(torch.float32)
    broken = {**leaves, name: torch.full_like(leaves[name], torch.nan)}
    assert run(luong.input_feeding_loop, broken).readouts[:, 1:].isnan().all()


def test_other_shapes_of_batches_compile_nothing_new(two_threads):
    """Whoever trains must not wait for numba again at the first batch that is unlike the others."""

    def train(*shape):
        rows, target, source = shape
        leaves = inputs(torch.float32, rows=rows, target=target, source=source)
        lengths = [1 + row % target for row in range(rows)]
        outputs = run(luong.input_feeding_loop, leaves, [source] * rows, lengths)
        gradients(outputs, leaves, counted=counted(leaves, lengths))

    train(3, 4, 5)
    before = compiled_signatures(luong)
    for shape in ((1, 1, 1), (1, 4, 5), (3, 1, 5), (3, 4, 1), (16, 2, 2)):
        train(*shape)
    assert compiled_signatures(luong) == before


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"score": "dot"},
        {"dropout": 0.3},
        {"bidirectional": True, "bridge": "mean"},
        {"copy": True},
    ],
)
def test_the_decoder_is_the_same_with_its_own_loop_and_step_by_step(
    monkeypatch, make, batch, options
):
    source, lengths, target = batch
    network = make(model="luong", **options).train()
    calls = []
    results = []
    own = api.input_feeding_loop
    monkeypatch.setattr(
        api, "input_feeding_loop", lambda *arguments: calls.append(1) or own(*arguments)
    )
    is_token = token_mask([6, 2, 4], 6)
    for has in (True, False):
        monkeypatch.setattr(api, "is_fast", lambda device, has=has: has)
        torch.manual_seed(0)
        network.zero_grad()
        network.nll_sum(target, is_token, *network.start(source, lengths)).backward()
        results.append([parameter.grad for parameter in network.parameters()])
    assert len(calls) == 1
    for mine, truth in zip(*results, strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "gru"},
        {"score": "additive"},
        {"encoder_layers": 2, "decoder_layers": 2},
        {"input_feeding": False},
    ],
)
def test_decoders_with_other_parts_run_under_autograd(monkeypatch, make, batch, options):
    network = make(model="luong", **options)
    source, lengths, target = batch
    monkeypatch.setattr(
        api, "input_feeding_loop", lambda *arguments: pytest.fail("not for these parts")
    )
    logits, _ = network.unroll(target, *network.start(source, lengths))
    assert logits.requires_grad
    assert torch.isfinite(logits).all()
