"""Which loop runs where, and that a model trains without numba too."""

import logging
import sys

import pytest
import torch
from torch import nn

from novelgen.models import recurrent
from novelgen.models.kernels import api, onednn, reference
from tests.models.kernels.comparison import token_mask
from tests.models.kernels.loops import BAHDANAU, LUONG

pytest.importorskip("numba")

from novelgen.models.kernels import bahdanau, linear, luong, math_numba

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def no_numba(monkeypatch):
    """numba is installed and cannot compile."""
    api.is_compiled.cache_clear()
    monkeypatch.setattr(math_numba, "tanh", lambda value: 1 / 0)
    yield
    api.is_compiled.cache_clear()


def test_on_a_cpu_the_compiled_loop_runs():
    assert api.is_fast(CPU)
    assert not api.is_fast(CUDA)
    assert api.loop_on(CPU, torch.float32) is bahdanau.attention_loop
    assert api.loop_on(CPU, torch.bfloat16) is bahdanau.attention_loop


def test_without_numba_the_reference_runs_and_one_warning_is_logged(no_numba, caplog):
    with caplog.at_level(logging.WARNING):
        loops = [api.loop_on(CPU, torch.float32) for _ in range(2)]
    assert loops == [reference.attention_loop] * 2
    assert len(caplog.records) == 1
    assert "numba" in caplog.text


def test_on_cuda_triton_runs_where_it_can(monkeypatch):
    loop = pytest.importorskip("novelgen.models.kernels.triton.loop")
    monkeypatch.setattr(api, "has_triton", lambda device, product: product == torch.float32)
    assert api.loop_on(CUDA, torch.float32) is loop.attention_loop
    assert api.loop_on(CUDA, torch.bfloat16) is reference.attention_loop


@pytest.mark.parametrize(("steps", "calls"), [(1, 0), (2, 1)])
def test_a_single_step_is_not_worth_packing_the_weights(monkeypatch, steps, calls):
    seen = []
    run = bahdanau.attention_loop
    monkeypatch.setattr(
        bahdanau, "attention_loop", lambda *arguments: seen.append(1) or run(*arguments)
    )
    leaves = BAHDANAU.inputs(target=steps)
    found = BAHDANAU.run(api.attention_loop, leaves)
    truth = BAHDANAU.run(reference.attention_loop, leaves)
    assert len(seen) == calls
    for mine, expected in zip(found, truth, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fast", [True, False])
def test_the_loop_with_input_feeding_is_the_compiled_one_where_it_runs(monkeypatch, fast):
    monkeypatch.setattr(api, "is_fast", lambda device: fast)
    other = reference if fast else luong
    monkeypatch.setattr(other, "input_feeding_loop", lambda *arguments: pytest.fail("not this"))
    assert LUONG.run(api.input_feeding_loop, LUONG.inputs()).readouts.isfinite().all()


@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize(("fast", "steps", "calls"), [(True, 3, 1), (True, 1, 0), (False, 3, 0)])
def test_a_linear_layer_skips_padding_where_that_is_compiled(
    monkeypatch, fast, steps, calls, drops
):
    seen = []
    run = linear.padded_linear
    monkeypatch.setattr(
        linear, "padded_linear", lambda *arguments: seen.append(1) or run(*arguments)
    )
    monkeypatch.setattr(api, "is_fast", lambda device: fast)
    layer = nn.Linear(7, 5)
    sequences = [torch.randn(2, steps, 4), torch.randn(2, steps, 3)]
    mask = 2.0 * torch.randint(2, (2, 1, 7)) if drops else None
    found = api.padded_linear(sequences, torch.tensor([steps, 1]), mask, layer)
    assert len(seen) == calls
    joint = torch.cat(sequences, dim=-1) * (mask if drops else 1.0)
    is_real = token_mask([steps, 1], steps)
    torch.testing.assert_close(found[is_real], layer(joint)[is_real])


@pytest.mark.parametrize(
    ("cell", "size", "autocast", "expected"),
    [
        ("gru", 6, False, True),
        ("gru", 6, True, True),
        ("lstm", 6, False, True),
        ("lstm", 512, True, True),
        ("lstm", 384, True, False),
        ("rnn", 512, False, False),
        ("rnn", 512, True, False),
    ],
)
def test_where_our_recurrent_layers_run(cell, size, autocast, expected):
    layer = recurrent.CELLS[cell](4, size, batch_first=True)
    sequence = torch.zeros(2, 3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        assert api.has_recurrent_layer(layer, sequence) is expected
        with torch.no_grad():
            assert api.has_recurrent_layer(layer, sequence) is expected
        with torch.inference_mode():
            assert not api.has_recurrent_layer(layer, sequence)


@pytest.mark.parametrize(
    ("cell", "size", "autocast", "has_lstm", "expected"),
    [
        ("lstm", 6, True, False, True),
        ("lstm", 6, True, True, False),
        ("lstm", 6, False, False, False),
        ("lstm", 512, True, False, False),
        ("gru", 6, True, False, False),
    ],
)
def test_an_lstm_leaves_autocast_where_onednn_has_none_in_bfloat16(
    monkeypatch, cell, size, autocast, has_lstm, expected
):
    monkeypatch.setattr(onednn, "has_bfloat16_lstm", lambda: has_lstm)
    layer = recurrent.CELLS[cell](4, size, batch_first=True)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        assert api.needs_float32(layer, torch.zeros(2, 3, 4)) is expected


def test_without_a_bfloat16_lstm_the_layer_keeps_the_dtype_of_its_weights(monkeypatch):
    monkeypatch.setattr(onednn, "has_bfloat16_lstm", lambda: False)
    # What PyTorch runs: ours would run outside autocast, in float32.
    monkeypatch.setattr(api, "has_recurrent_layer", lambda layer, sequence: False)
    torch.manual_seed(0)
    layer, lengths = nn.LSTM(5, 6, batch_first=True), torch.tensor([7, 1, 4])
    sequence, state = torch.randn(3, 7, 5), (torch.randn(3, 6), torch.randn(3, 6))
    runs = (
        lambda given: recurrent.run_layer(layer, given, state),
        lambda given: recurrent.run_layer(layer, given, state, lengths),
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


def gradients_of(network, batch):
    source, lengths, target = batch
    network.zero_grad()
    nll_sum = network.nll_sum(target, token_mask([6, 2, 4], 6), *network.start(source, lengths))
    nll_sum.backward()
    return [nll_sum.detach(), *(parameter.grad for parameter in network.parameters())]


@pytest.mark.parametrize("model", ["bahdanau", "luong", "cho", "lm"])
def test_without_numba_models_train_all_the_same(model, make, batch, no_numba, caplog, monkeypatch):
    network = make(model=model).train()
    with caplog.at_level(logging.WARNING), monkeypatch.context() as patched:
        # Neither of these may be needed.
        for name in (
            "packed",
            "products",
            "bahdanau",
            "luong",
            "linear",
            "recurrent",
            "loss_numba",
        ):
            patched.setitem(sys.modules, f"novelgen.models.kernels.{name}", None)
            patched.delattr(f"novelgen.models.kernels.{name}", raising=False)
        slow = gradients_of(network, batch)
    assert len(caplog.records) == 1
    api.is_compiled.cache_clear()
    monkeypatch.undo()
    for mine, truth in zip(gradients_of(network, batch), slow, strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-9, atol=1e-9)
