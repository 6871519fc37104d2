"""The hand-written loop with input feeding against its reference, and the decoder that runs it."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from novelgen.models.kernels import backends, input_feeding, reference

TARGET, ROWS, SOURCE, HIDDEN, MEMORY, READOUT = 5, 3, 7, 6, 8, 4
LENGTHS = (SOURCE, 1, 4)


def inputs(dtype=torch.float64, seed=0, rows=ROWS, target=TARGET, source=SOURCE, scale=1.0):
    """Leaf tensors by name."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return (
            (scale * torch.randn(*shape, generator=generator, dtype=torch.float64))
            .to(dtype)
            .requires_grad_()
        )

    return {
        "gates": draw(rows, target, 4 * HIDDEN),
        "annotations": draw(rows, source, MEMORY),
        "keys": draw(rows, source, HIDDEN),
        "hidden": draw(rows, HIDDEN),
        "cell": draw(rows, HIDDEN),
        "fed": draw(rows, READOUT),
        "recurrent": draw(4 * HIDDEN, HIDDEN),
        "feeding": draw(4 * HIDDEN, READOUT),
        "readout": draw(READOUT, MEMORY + HIDDEN),
    }


def run(loop, leaves, lengths=LENGTHS, drops=True):
    is_token = torch.arange(leaves["keys"].shape[1]) < torch.tensor(lengths).unsqueeze(1)
    memory = reference.LoopMemory(leaves["annotations"], leaves["keys"], is_token)
    generator = torch.Generator().manual_seed(3)
    mask = 2.0 * torch.randint(2, (len(lengths), MEMORY + HIDDEN), generator=generator)
    weights = reference.FeedingWeights(leaves["recurrent"], leaves["feeding"], leaves["readout"])
    drop = mask.to(leaves["hidden"].dtype) if drops else None
    return loop(
        leaves["gates"], memory, leaves["hidden"], leaves["cell"], leaves["fed"], drop, weights
    )


def gradients(loop, leaves, outputs=range(4), lengths=LENGTHS, drops=True):
    """The gradients of a random linear functional of the chosen outputs."""
    generator = torch.Generator().manual_seed(7)
    weighed = [
        (
            part * torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part.dtype)
        ).sum()
        for part in run(loop, leaves, lengths, drops)
    ]
    found = torch.autograd.grad(
        sum(weighed[index] for index in outputs), list(leaves.values()), allow_unused=True
    )
    return dict(zip(leaves, found, strict=True))


def assert_agrees(leaves, outputs=range(4), lengths=LENGTHS, drops=True, **tolerance):
    """Outputs and gradients equal the reference's."""
    for mine, truth in zip(
        run(input_feeding.input_feeding_loop, leaves, lengths, drops),
        run(reference.input_feeding_loop, leaves, lengths, drops),
        strict=True,
    ):
        torch.testing.assert_close(mine, truth, **tolerance)
    mine, truth = (
        gradients(loop, leaves, outputs, lengths, drops)
        for loop in (input_feeding.input_feeding_loop, reference.input_feeding_loop)
    )
    for name, expected in truth.items():
        if expected is None:
            assert mine[name] is None or not mine[name].any(), name
        else:
            torch.testing.assert_close(mine[name], expected, msg=name, **tolerance)


@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize("outputs", [range(4), (0,), (1,), (2,), (3,)])
def test_outputs_and_gradients_equal_the_reference(outputs, drops):
    assert_agrees(inputs(), outputs, drops=drops, rtol=1e-10, atol=1e-10)


@settings(max_examples=25)
@given(
    data=st.data(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 99),
    target=st.integers(1, 6),
    source=st.integers(1, 9),
    drops=st.booleans(),
)
def test_any_lengths(data, dtype, seed, target, source, drops):
    lengths = data.draw(st.lists(st.integers(1, source), min_size=1, max_size=5))
    tolerance = 1e-9 if dtype == torch.float64 else 1e-3
    assert_agrees(
        inputs(dtype, seed, len(lengths), target, source, scale=0.7),
        lengths=lengths,
        drops=drops,
        rtol=tolerance,
        atol=tolerance,
    )


def test_two_threads_agree_with_one(two_threads):
    lengths = [1 + row % SOURCE for row in range(21)]
    assert_agrees(inputs(rows=len(lengths)), lengths=lengths, rtol=1e-10, atol=1e-10)


def test_bfloat16_products_stay_close_to_the_reference(bfloat16):
    leaves = inputs(torch.float32, scale=0.5)
    with torch.autocast("cpu", dtype=bfloat16):
        mine = run(input_feeding.input_feeding_loop, leaves)
        rough = gradients(input_feeding.input_feeding_loop, leaves)
    for found, truth in zip(mine, run(reference.input_feeding_loop, leaves), strict=True):
        torch.testing.assert_close(found.float(), truth, rtol=0.03, atol=0.03)
    for name, expected in gradients(reference.input_feeding_loop, leaves).items():
        assert (rough[name] - expected).norm() < 0.05 * expected.norm(), name


def test_padding_gets_exactly_zero_weight_whatever_it_holds():
    leaves = inputs()
    with torch.no_grad():
        for name in ("annotations", "keys"):
            leaves[name][1, 1:] = 1e6
    found = run(input_feeding.input_feeding_loop, leaves)
    assert not found.weights[1, :, 1:].any()
    assert not found.weights[2, :, 4:].any()
    torch.testing.assert_close(found.weights.sum(-1), torch.ones(ROWS, TARGET, dtype=torch.float64))
    torch.testing.assert_close(
        found.readouts, run(input_feeding.input_feeding_loop, inputs()).readouts
    )


@pytest.mark.parametrize(
    "names", [("keys",), ("gates", "cell"), ("gates", "keys", "recurrent", "feeding", "readout")]
)
def test_numbers_far_out_of_range_stay_finite(names):
    leaves = inputs(torch.float32)
    large = {**leaves, **{name: (leaves[name] * 1e4).detach().requires_grad_() for name in names}}
    for found in (
        *run(input_feeding.input_feeding_loop, large),
        *gradients(input_feeding.input_feeding_loop, large).values(),
    ):
        assert found.isfinite().all()


def test_nan_weights_give_nan_outputs():
    leaves = inputs(torch.float32)
    for name in ("recurrent", "readout"):
        broken = {**leaves, name: torch.full_like(leaves[name], torch.nan)}
        assert run(input_feeding.input_feeding_loop, broken).readouts[:, 1:].isnan().all()


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
    network, calls, results = make(model="luong", **options).train(), [], []
    own = backends.input_feeding_loop
    monkeypatch.setattr(
        backends, "input_feeding_loop", lambda *arguments: calls.append(1) or own(*arguments)
    )
    for has in (True, False):
        monkeypatch.setattr(backends, "has_input_feeding_loop", lambda device, has=has: has)
        torch.manual_seed(0)
        network.zero_grad()
        network.nll_sum(target, target > 4, *network.start(source, lengths)).backward()
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
        backends, "input_feeding_loop", lambda *arguments: pytest.fail("not for these parts")
    )
    logits, _ = network.unroll(target, *network.start(source, lengths))
    assert logits.requires_grad
    assert torch.isfinite(logits).all()
