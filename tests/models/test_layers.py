"""The hand-written recurrent layers against PyTorch's, and the models that run them."""

import copy

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from novelgen.models import recurrent
from novelgen.models.kernels import backends, layers, onednn

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}
SIZE, WIDTH = 6, 5
ROWS, STEPS, LENGTHS = 3, 7, (7, 1, 4)


def make_layer(cell, dtype=torch.float64, seed=0, scale=1.0):
    torch.manual_seed(seed)
    layer = CELLS[cell](WIDTH, SIZE, batch_first=True).to(dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_().mul_(scale)
    return layer


def inputs(layer, rows=ROWS, steps=STEPS, seed=1, scale=1.0):
    """A sequence and a first state that gradients reach."""
    generator, dtype = torch.Generator().manual_seed(seed), layer.weight_hh_l0.dtype

    def draw(*shape):
        return (
            (scale * torch.randn(*shape, generator=generator, dtype=torch.float64))
            .to(dtype)
            .requires_grad_()
        )

    return draw(rows, steps, WIDTH), *(
        draw(rows, SIZE) for _ in range(2 if isinstance(layer, nn.LSTM) else 1)
    )


def ours(layer, sequence, *state, lengths=None):
    lengths = None if lengths is None else torch.tensor(lengths)
    output, last = layers.recurrent_layer(sequence, lengths, state, *recurrent.layer_weights(layer))
    return output, *last


def theirs(layer, sequence, *state, lengths=None):
    """PyTorch's layer, packed; outputs behind a row's end are 0."""
    first = tuple(part.unsqueeze(0) for part in state)
    given = sequence
    if lengths is not None:
        given = nn.utils.rnn.pack_padded_sequence(
            sequence, torch.tensor(lengths), batch_first=True, enforce_sorted=False
        )
    output, last = layer(given, first if len(first) == 2 else first[0])
    if lengths is not None:
        output, _ = nn.utils.rnn.pad_packed_sequence(
            output, batch_first=True, total_length=sequence.shape[1]
        )
    return output, *(part.squeeze(0) for part in (last if isinstance(last, tuple) else (last,)))


def results(run, layer, given, outputs=None, **options):
    """Outputs, and the gradients of a random linear functional of the chosen ones."""
    found, generator = run(layer, *given, **options), torch.Generator().manual_seed(7)
    weighed = [
        (
            part * torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part.dtype)
        ).sum()
        for part in found
    ]
    chosen = range(len(found)) if outputs is None else outputs
    leaves = [*given, *layer.parameters()]
    return found, torch.autograd.grad(
        sum(weighed[index] for index in chosen), leaves, allow_unused=True
    )


def assert_agrees(layer, given, outputs=None, lengths=None, **tolerance):
    (mine, rough), (truth, exact) = (
        results(run, layer, given, outputs, lengths=lengths) for run in (ours, theirs)
    )
    for found, expected in zip((*mine, *rough), (*truth, *exact), strict=True):
        torch.testing.assert_close(found, expected, **tolerance)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("outputs", [None, (0,), (-1,)])
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_and_gradients_are_pytorchs(cell, outputs, lengths):
    layer = make_layer(cell)
    assert_agrees(layer, inputs(layer), outputs, lengths, rtol=1e-10, atol=1e-10)


@settings(max_examples=40)
@given(
    data=st.data(),
    cell=st.sampled_from(list(CELLS)),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 99),
    steps=st.integers(1, 9),
)
def test_any_rows_and_lengths(data, cell, dtype, seed, steps):
    lengths = data.draw(st.lists(st.integers(1, steps), min_size=1, max_size=6))
    layer = make_layer(cell, dtype, seed, scale=0.7)
    tolerance = 1e-9 if dtype == torch.float64 else 1e-4

    assert_agrees(
        layer,
        inputs(layer, len(lengths), steps, seed),
        lengths=lengths,
        rtol=tolerance,
        atol=tolerance,
    )


@pytest.mark.parametrize("cell", CELLS)
def test_two_threads_agree_with_one(cell, two_threads):
    layer, lengths = make_layer(cell), [1 + row % STEPS for row in range(21)]
    assert_agrees(layer, inputs(layer, len(lengths)), lengths=lengths, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_bfloat16_products_stay_close(cell, bfloat16):
    layer = make_layer(cell, torch.float32, scale=0.5)
    given = inputs(layer, scale=0.5)
    truth, exact = results(theirs, layer, given, lengths=LENGTHS)
    with torch.autocast("cpu", dtype=bfloat16):
        mine, rough = results(ours, layer, given, lengths=LENGTHS)
    assert [part.dtype for part in mine] == [torch.bfloat16, *[torch.float32] * (len(mine) - 1)]
    for found, expected in zip(mine, truth, strict=True):
        torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.02)
    for found, expected in zip(rough, exact, strict=True):
        assert found.dtype == expected.dtype
        assert (found - expected).norm() < 0.03 * expected.norm()


def test_a_grus_state_is_not_rounded_at_every_step(bfloat16):
    """With z near 1 a step moves h by less than bfloat16 resolves."""
    layer = make_layer("gru", torch.float32, scale=0.0)
    with torch.no_grad():
        layer.bias_ih_l0[SIZE : 2 * SIZE], layer.bias_ih_l0[2 * SIZE :] = 8.0, 8.0
        given = [part.detach() * 0 for part in inputs(layer, steps=1000)]
        with torch.autocast("cpu", dtype=bfloat16):
            _, last = ours(layer, *given)
        torch.testing.assert_close(last, theirs(layer, *given)[1], rtol=0.01, atol=0.0)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_is_never_read(cell):
    layer = make_layer(cell)
    given = inputs(layer)
    changed = given[0].detach().clone()
    changed[1, 1:], changed[2, 4:] = 1e6, -1e6
    clean, found = (
        results(ours, layer, (sequence, *given[1:]), lengths=LENGTHS)
        for sequence in (given[0], changed.requires_grad_())
    )
    for mine, truth in zip((*found[0], *found[1]), (*clean[0], *clean[1]), strict=True):
        assert torch.equal(mine, truth)
    assert not found[0][0][1, 1:].any()
    assert not found[1][0][1, 1:].any()
    assert not found[1][0][2, 4:].any()


@pytest.mark.parametrize("cell", CELLS)
def test_numbers_far_out_of_range_stay_finite(cell, precision):
    layer = make_layer(cell, torch.float32, scale=10.0)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        for found in results(ours, layer, inputs(layer, scale=1e4), lengths=LENGTHS):
            assert all(part.isfinite().all() for part in found)


@pytest.mark.parametrize("cell", CELLS)
def test_nan_weights_give_nan_outputs(cell):
    layer = make_layer(cell, torch.float32)
    with torch.no_grad():
        layer.weight_hh_l0.fill_(torch.nan)
    assert ours(layer, *inputs(layer))[0].isnan().all()


@pytest.mark.parametrize("cell", CELLS)
def test_batches_of_other_shapes_bring_no_new_large_products(cell, monkeypatch, bfloat16):
    """oneDNN keeps a compiled kernel for every shape of a bfloat16 product."""
    layer, shapes, linear = make_layer(cell, torch.float32), set(), layers.linear

    def watch(given, *weights):
        shapes.add(given.shape)
        return linear(given, *weights)

    monkeypatch.setattr(layers, "linear", watch)
    with torch.autocast("cpu", dtype=bfloat16):
        for steps in (3, 20, 80):
            results(ours, layer, inputs(layer, steps=steps))
    assert shapes == {(256, WIDTH)}


@pytest.fixture
def everywhere(monkeypatch):
    """The loops run whatever the size, as in large models."""
    monkeypatch.setattr(backends, "LSTM_FROM", 1)
    ran, run = [], layers.recurrent_layer

    def watch(*arguments):
        ran.append(arguments)
        return run(*arguments)

    monkeypatch.setattr(layers, "recurrent_layer", watch)
    return ran


def step(network, batch, precision):
    source, lengths, target = batch
    network.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
        nll_sum = network.nll_sum(target, target > 3, *network.start(source, lengths))
    nll_sum.backward()
    return nll_sum.detach(), torch.cat(
        [parameter.grad.flatten() for parameter in network.parameters()]
    )


@pytest.mark.parametrize(
    "options",
    [
        {"model": "cho"},
        {"model": "sutskever"},
        {"model": "sutskever", "cell": "gru"},
        {"model": "lm"},
        {"model": "lm", "cell": "gru"},
        {"model": "seq2seq", "bidirectional": True, "bridge": "projected"},
        {"model": "bahdanau", "cell": "gru"},
        {"model": "luong"},
    ],
)
def test_models_have_the_same_loss_and_gradients_with_our_layers_and_pytorchs(
    options, make, batch, everywhere, monkeypatch, bfloat16
):
    network = make(**options).float().train()
    has_gru = "gru" in options.values() or options["model"] == "cho"

    exact = copy.deepcopy(network).double()
    nll_sum, gradient = step(network, batch, bfloat16)
    assert everywhere
    monkeypatch.setattr(backends, "has_recurrent_layer", lambda layer, sequence: False)
    expected, slow = step(network, batch, bfloat16)
    truth, steepest = step(exact, batch, torch.float64)
    assert nll_sum.item() == pytest.approx(truth.item(), rel=0.01) == expected.item()
    # No further from the truth than PyTorch's layers are.
    far, allowed = ((part - steepest).norm() for part in (gradient, slow))
    assert far < max(1.3 * allowed, 0.01 * steepest.norm())
    if has_gru:
        monkeypatch.undo()
        nll_sum, gradient = step(exact, batch, torch.float64)
        torch.testing.assert_close(nll_sum, truth, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(gradient, steepest, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("whole_state", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_reading_to_the_end_is_the_same_with_our_layers_and_pytorchs(
    cell, whole_state, everywhere, monkeypatch, bfloat16
):
    layer, found = make_layer(cell, torch.float32, scale=0.5), []
    (sequence, *_), lengths = inputs(layer), torch.tensor(LENGTHS)
    with torch.autocast("cpu", dtype=bfloat16):
        found.append(recurrent.read_to_end(layer, sequence, lengths, whole_state))
        assert len(everywhere) == 1
        monkeypatch.setattr(backends, "has_recurrent_layer", lambda layer, sequence: False)
        found.append(recurrent.read_to_end(layer, sequence, lengths, whole_state))
    used = recurrent.token_mask(lengths, STEPS).unsqueeze(-1)
    (mine, ends), (truth, expected) = found
    assert len(ends) == len(expected) == (2 if whole_state and cell == "lstm" else 1)
    for one, other in zip((mine * used, *ends), (truth * used, *expected), strict=True):
        torch.testing.assert_close(one.float(), other.float(), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    ("cell", "size", "autocast", "expected"),
    [
        ("gru", 6, False, True),
        ("gru", 6, True, True),
        ("lstm", 512, True, True),
        ("lstm", 512, False, False),
        ("lstm", 384, True, False),
        ("rnn", 512, True, False),
    ],
)
def test_where_our_layers_run(cell, size, autocast, expected):
    layer = recurrent.CELLS[cell](4, size, batch_first=True)
    sequence = torch.zeros(2, 3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        assert backends.has_recurrent_layer(layer, sequence) is expected
        with torch.no_grad():
            assert not backends.has_recurrent_layer(layer, sequence)


def test_without_numba_pytorch_runs(monkeypatch):
    monkeypatch.setattr(backends, "is_compiled", lambda: False)
    monkeypatch.setattr(layers, "recurrent_layer", None)
    layer = make_layer("gru")
    sequence, state = inputs(layer)
    output, _ = recurrent.run_layer(layer, sequence, (state,))
    torch.testing.assert_close(output, theirs(layer, sequence, state)[0])


def test_without_a_bfloat16_lstm_the_layer_keeps_the_dtype_of_its_weights(monkeypatch):
    monkeypatch.setattr(onednn, "has_bfloat16_lstm", lambda: False)
    layer, lengths = make_layer("lstm", torch.float32), torch.tensor(LENGTHS)
    (sequence, *state) = inputs(layer)
    runs = (
        lambda given: recurrent.run_layer(layer, given, tuple(state)),
        lambda given: recurrent.run_layer(layer, given, tuple(state), lengths),
        lambda given: recurrent.read_to_end(layer, given, lengths, True),
        lambda given: recurrent.read_to_end(layer, given, lengths, False),
    )
    for run in runs:
        output, last = run(sequence.bfloat16().float())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mine, ends = run(sequence.bfloat16())
        for found, expected in zip((mine, *ends), (output, *last), strict=True):
            assert found.dtype == torch.float32
            assert torch.equal(found, expected)


def test_asking_for_a_bfloat16_lstm_draws_no_random_number():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    onednn.has_bfloat16_lstm.__wrapped__()
    assert torch.equal(torch.rand(1), expected)
