"""Which loop Luong's decoder runs, and that it gives the same."""

import pytest
import torch

from novelgen.models.kernels import api
from tests.models.kernels.comparison import token_mask

pytest.importorskip("numba")


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
