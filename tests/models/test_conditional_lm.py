"""Tokens that a model draws while it is trained."""

import pytest
import torch

from novelgen.models import conditional_lm, pointer
from novelgen.models.conditional_lm import draw_tokens
from novelgen.models.zoo import VARIANTS

MODELS = [
    *({"model": name} for name in VARIANTS),
    *({"model": name, "copy": True} for name in ("bahdanau", "luong", "transformer")),
]


def test_tokens_are_drawn_by_their_probabilities_and_specials_never():
    torch.manual_seed(1)
    logits = torch.tensor([9.0, 9.0, 9.0, 0.0, 1.0, 2.0])
    drawn = draw_tokens(logits.expand(20_000, 6))
    found = torch.bincount(drawn, minlength=6) / len(drawn)
    expected = torch.cat([torch.zeros(3), logits[3:].softmax(0)])
    torch.testing.assert_close(found, expected, atol=0.015, rtol=0.0)


@pytest.mark.parametrize(
    "options", MODELS, ids=lambda options: "-".join(map(str, options.values()))
)
def test_a_token_is_drawn_from_the_prediction_at_its_place(monkeypatch, make, batch, options):
    for module in (conditional_lm, pointer):
        monkeypatch.setattr(module, "chunk_rows", lambda weight: 2)
        # The logit of one token stands for a draw.
        monkeypatch.setattr(module, "draw_tokens", lambda logits: logits[..., 5])
    network = make(**options)
    source, lengths, target = batch
    memory, state = network.start(source, lengths)
    logits, _ = network.unroll(target, memory, state)
    is_chosen = torch.tensor([[1, 0, 1, 1, 0, 0], [0] * 6, [0, 1, 0, 0, 1, 0]], dtype=torch.bool)
    drawn = network.sample(target, is_chosen, memory, state, None, torch.tensor([5, 1, 6]))
    torch.testing.assert_close(drawn, logits[..., 5][is_chosen])
