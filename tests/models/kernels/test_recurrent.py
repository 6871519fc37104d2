"""The compiled recurrent layers against PyTorch's, and the models that run them."""

import copy

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from novelgen.models import recurrent
from novelgen.models.kernels import api
from tests.models.kernels.comparison import (
    EXACT,
    assert_close_on_the_whole,
    assert_same_gradients,
    compiled_signatures,
    draw,
    gradients,
    token_mask,
)

kernels = pytest.importorskip("novelgen.models.kernels.recurrent")

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}
STEPS, LENGTHS = 7, (7, 1, 4)


def inputs(
    cell,
    directions=1,
    dtype=torch.float64,
    seed=0,
    rows=3,
    steps=STEPS,
    width=5,
    size=6,
    scale=1.0,
):
    """Leaf tensors by name; those of weights are PyTorch's."""
    gates = {"lstm": 4, "gru": 3}[cell] * size
    shapes = {"sequence": (rows, steps, width), "hidden": (directions, rows, size)}
    if cell == "lstm":
        shapes["cell"] = (directions, rows, size)
    for suffix in ("_l0", "_l0_reverse")[:directions]:
        shapes["weight_ih" + suffix] = (gates, width)
        shapes["weight_hh" + suffix] = (gates, size)
        shapes["bias_ih" + suffix] = (gates,)
        shapes["bias_hh" + suffix] = (gates,)
    return draw(shapes, dtype, seed, scale)


def weights_of(leaves):
    return {name: leaf for name, leaf in leaves.items() if name.startswith(("weight", "bias"))}


def ours(leaves, lengths=LENGTHS):
    """Outputs and the last state of each row."""
    lengths = None if lengths is None else torch.tensor(lengths)
    output, *last = kernels.recurrent_layers(
        leaves["sequence"],
        lengths,
        leaves["hidden"],
        leaves.get("cell"),
        *weights_of(leaves).values(),
    )
    return output, *last[: 1 + ("cell" in leaves)]


def theirs(leaves, lengths=LENGTHS):
    """The same by PyTorch's layer, of packed rows; outputs behind a row's end are 0."""
    sequence = leaves["sequence"]
    size = leaves["hidden"].shape[2]
    kind = nn.LSTM if "cell" in leaves else nn.GRU
    layer = kind(
        sequence.shape[2], size, batch_first=True, bidirectional=len(leaves["hidden"]) == 2
    )
    lengths = [sequence.shape[1]] * len(sequence) if lengths is None else lengths
    packed = nn.utils.rnn.pack_padded_sequence(
        sequence, torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    state = leaves["hidden"]
    if "cell" in leaves:
        state = (state, leaves["cell"])
    output, last = torch.func.functional_call(layer, weights_of(leaves), (packed, state))
    output, _ = nn.utils.rnn.pad_packed_sequence(
        output, batch_first=True, total_length=sequence.shape[1]
    )
    return output, *(last if isinstance(last, tuple) else (last,))


def assert_agrees(leaves, lengths=LENGTHS, chosen=None, outputs_within=1e-12, **tolerance):
    """Outputs, and the gradients of the chosen ones, are those of PyTorch."""
    mine, truth = ours(leaves, lengths), theirs(leaves, lengths)
    for found, expected in zip(mine, truth, strict=True):
        torch.testing.assert_close(found, expected, rtol=outputs_within, atol=outputs_within)
    assert_same_gradients(
        gradients(mine, leaves, chosen), gradients(truth, leaves, chosen), **(tolerance or EXACT)
    )


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("chosen", [None, (0,), (1,), (-1,)])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_and_gradients_are_pytorchs(cell, directions, chosen, lengths):
    leaves = inputs(cell, directions)
    if chosen == (-1,):
        chosen = (len(ours(leaves)) - 1,)
    assert_agrees(leaves, lengths, chosen)


@settings(max_examples=40)
@given(
    data=st.data(),
    cell=st.sampled_from(list(CELLS)),
    directions=st.integers(1, 2),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 99),
    steps=st.integers(1, 9),
    sizes=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_any_lengths_and_sizes(data, cell, directions, dtype, seed, steps, sizes):
    lengths = data.draw(st.lists(st.integers(1, steps), min_size=1, max_size=6))
    leaves = inputs(cell, directions, dtype, seed, len(lengths), steps, *sizes, scale=0.7)
    within = 1e-9 if dtype == torch.float64 else 1e-3
    # PyTorch packs no rows all of which are shorter than their padding.
    leaves["sequence"] = leaves["sequence"].detach()[:, : max(lengths)].requires_grad_()
    assert_agrees(leaves, lengths, outputs_within=within, rtol=within, atol=within)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_threads_agree_with_pytorch(cell, directions, two_threads):
    lengths = [1 + row % STEPS for row in range(21)]
    assert_agrees(inputs(cell, directions, rows=21), lengths)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_bfloat16_products_stay_close(cell, directions):
    leaves = inputs(cell, directions, torch.float32, scale=0.5)
    truth = theirs(leaves)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine = ours(leaves)
    assert [part.dtype for part in mine] == [torch.bfloat16, *[torch.float32] * (len(mine) - 1)]
    for found, expected in zip(mine, truth, strict=True):
        torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.02)
    rough, exact = gradients(mine, leaves), gradients(truth, leaves)
    assert all(rough[name].dtype == torch.float32 for name in leaves)
    assert_close_on_the_whole(rough, exact, 0.03)


@pytest.mark.parametrize("cell", CELLS)
def test_the_loops_python_gives_what_their_machine_code_gives(cell, as_onednn):
    """Where products are oneDNN's the Python runs; here with oneDNN's place taken by exact ones."""
    assert_agrees(inputs(cell, 2))
    assert as_onednn.products > 0


@pytest.mark.parametrize("cell", CELLS)
def test_first_states_may_be_in_the_dtype_of_products(cell):
    """As a bridge makes them under autocast; this needs no CPU that multiplies in bfloat16."""
    leaves = inputs(cell, 2, torch.float32)
    names = [name for name in ("hidden", "cell") if name in leaves]
    rough = {name: leaves[name].detach().bfloat16() for name in names}
    given = {**leaves, **{name: rough[name].requires_grad_() for name in names}}
    same = {**leaves, **{name: rough[name].detach().float().requires_grad_() for name in names}}
    found, expected = ours(given), ours(same)
    for mine, truth in zip(found, expected, strict=True):
        assert torch.equal(mine, truth)
    mine, truth = gradients(found, given), gradients(expected, same)
    for name, gradient in truth.items():
        rtol, atol = (0.01, 1e-6) if name in names else (0.0, 0.0)
        torch.testing.assert_close(mine[name].float(), gradient, rtol=rtol, atol=atol)


def test_a_grus_state_is_not_rounded_at_every_step():
    """With z near 1 a step moves h by less than bfloat16 resolves."""
    leaves = inputs("gru", 1, torch.float32, steps=1000, scale=0.0)
    size = leaves["hidden"].shape[2]
    with torch.no_grad():
        leaves["bias_ih_l0"][size:] = 8.0
        with torch.autocast("cpu", dtype=torch.bfloat16):
            _, last = ours(leaves, None)
        _, expected = theirs(leaves, None)
    torch.testing.assert_close(last, expected, rtol=0.01, atol=0.0)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_padding_is_never_read(cell, directions):
    leaves = inputs(cell, directions)
    is_real = token_mask(LENGTHS, STEPS)
    with torch.no_grad():
        changed = {**leaves, "sequence": leaves["sequence"].masked_fill(~is_real[..., None], 1e6)}
    changed["sequence"].requires_grad_()
    clean, found = ours(leaves), ours(changed)
    for mine, truth in zip(found, clean, strict=True):
        assert torch.equal(mine, truth)
    assert not found[0][~is_real].any()
    mine, truth = gradients(found, changed), gradients(clean, leaves)
    assert not mine["sequence"][~is_real].any()
    for name, gradient in truth.items():
        assert torch.equal(mine[name], gradient), name


@pytest.mark.parametrize("product", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("cell", CELLS)
def test_numbers_far_out_of_range_stay_finite(cell, product):
    leaves = inputs(cell, 1, torch.float32, scale=10.0)
    with torch.no_grad():
        for name in ("sequence", "hidden", "cell"):
            if name in leaves:
                leaves[name].mul_(1e3)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=product == torch.bfloat16):
        outputs = ours(leaves)
    assert all(part.isfinite().all() for part in outputs)
    assert all(part.isfinite().all() for part in gradients(outputs, leaves).values())


@pytest.mark.parametrize("cell", CELLS)
def test_nan_weights_give_nan_outputs(cell):
    leaves = inputs(cell, 1, torch.float32)
    with torch.no_grad():
        leaves["weight_hh_l0"].fill_(torch.nan)
    assert ours(leaves, None)[0].isnan().all()


def test_other_shapes_of_batches_compile_nothing_new(two_threads):
    """Whoever trains must not wait for numba again at the first batch that is unlike the others."""

    def train(rows, steps):
        for cell in CELLS:
            for directions in (1, 2):
                leaves = inputs(cell, directions, torch.float32, rows=rows, steps=steps)
                gradients(ours(leaves, [1 + row % steps for row in range(rows)]), leaves)

    train(3, 4)
    before = compiled_signatures(kernels)
    for shape in ((1, 1), (1, 4), (3, 1), (16, 2), (32, 2)):
        train(*shape)
    assert compiled_signatures(kernels) == before


@pytest.fixture
def everywhere(monkeypatch):
    """The loops run whatever the size, as in large models; what they were called with."""
    monkeypatch.setattr(api, "LSTM_FROM", 1)
    ran = []
    run = kernels.recurrent_layers

    def watch(*arguments):
        ran.append(arguments)
        return run(*arguments)

    monkeypatch.setattr(kernels, "recurrent_layers", watch)
    return ran


def step(network, batch, product):
    """The loss of a batch, and all its gradients in one vector."""
    source, lengths, target = batch
    network.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=product == torch.bfloat16):
        nll_sum = network.nll_sum(target, token_mask([6, 2, 4], 6), *network.start(source, lengths))
    nll_sum.backward()
    gradient = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
    return nll_sum.detach(), gradient


MODELS = [
    {"model": "cho"},
    {"model": "sutskever"},
    {"model": "sutskever", "cell": "gru"},
    {"model": "lm"},
    {"model": "lm", "cell": "gru"},
    {"model": "seq2seq", "bidirectional": True, "bridge": "projected"},
    {"model": "bahdanau", "cell": "gru"},
    {"model": "bahdanau", "encoder_layers": 2, "decoder_layers": 2},
    {"model": "luong"},
]


@pytest.mark.parametrize(
    "options", MODELS, ids=lambda options: "-".join(map(str, options.values()))
)
def test_models_have_the_same_loss_and_gradients_with_our_layers_and_pytorchs(
    options, make, batch, everywhere, monkeypatch
):
    network = make(**options).train()
    nll_sum, gradient = step(network, batch, torch.float64)
    assert everywhere
    monkeypatch.setattr(api, "is_fast", lambda device: False)
    truth, expected = step(network, batch, torch.float64)
    torch.testing.assert_close(nll_sum, truth, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "options", MODELS, ids=lambda options: "-".join(map(str, options.values()))
)
def test_in_bfloat16_our_layers_are_no_further_from_the_truth_than_pytorchs(
    options, make, batch, everywhere, monkeypatch, bfloat16
):
    network = make(**options).float().train()
    exact = copy.deepcopy(network).double()
    nll_sum, gradient = step(network, batch, bfloat16)
    assert everywhere
    monkeypatch.setattr(api, "has_recurrent_layer", lambda layer, sequence: False)
    expected, slow = step(network, batch, bfloat16)
    truth, steepest = step(exact, batch, torch.float64)
    assert nll_sum.item() == pytest.approx(truth.item(), rel=0.01) == expected.item()
    far, allowed = ((part - steepest).norm() for part in (gradient, slow))
    assert far < max(1.3 * allowed, 0.01 * steepest.norm())


@pytest.mark.parametrize("whole_state", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_reading_to_the_end_is_the_same_with_our_layers_and_pytorchs(
    cell, whole_state, everywhere, monkeypatch
):
    torch.manual_seed(0)
    ahead, behind = (CELLS[cell](5, 6, batch_first=True).double() for _ in range(2))
    sequence, lengths = torch.randn(3, STEPS, 5, dtype=torch.float64), torch.tensor(LENGTHS)
    runs = (
        lambda: recurrent.read_to_end(ahead, sequence, lengths, whole_state),
        lambda: recurrent.read_both_to_end(ahead, behind, sequence, lengths, whole_state),
    )
    is_real = token_mask(LENGTHS, STEPS).unsqueeze(-1)
    mine = [run() for run in runs]
    assert len(everywhere) == 2
    monkeypatch.setattr(api, "has_recurrent_layer", lambda layer, sequence: False)
    for (output, ends), run in zip(mine, runs, strict=True):
        truth, expected = run()
        assert len(ends) == len(expected) == (2 if whole_state and cell == "lstm" else 1)
        for one, other in zip((output * is_real, *ends), (truth * is_real, *expected), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_without_numba_pytorch_runs(monkeypatch):
    monkeypatch.setattr(api, "is_compiled", lambda: False)
    monkeypatch.setattr(kernels, "recurrent_layers", None)
    torch.manual_seed(0)
    layer = nn.GRU(5, 6, batch_first=True)
    sequence, state = torch.randn(3, STEPS, 5), torch.randn(3, 6)
    output, _ = recurrent.run_layer(layer, sequence, (state,))
    torch.testing.assert_close(output, layer(sequence, state.unsqueeze(0))[0])
