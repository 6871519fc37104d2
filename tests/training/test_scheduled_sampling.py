"""What the decoder reads below --teacher-forcing 1, in every variant."""

import pytest
import torch
from torch.nn.functional import pad

from novelgen.models.zoo import VARIANTS
from novelgen.training.loss import batch_loss
from novelgen.training.scheduled_sampling import mixed_history

CPU = torch.device("cpu")
MODELS = [
    *({"model": name} for name in VARIANTS),
    {"model": "transformer", "copy": True},
    {"model": "luong", "score": "additive", "coverage": True, "copy": True},
]


@pytest.fixture
def make(workshop):
    """Makes a small model without dropout, and a list of what its `nll_sum` is called with."""

    def build(**options):
        model = workshop.model(encoder_size=None, attention_size=None, dropout=0.0, **options)
        calls, nll_sum = [], model.nll_sum

        def watch(*arguments, **named):
            calls.append((*arguments, *named.values()))
            return nll_sum(*arguments, **named)

        model.nll_sum = watch
        return model, calls

    return build


@pytest.mark.parametrize(
    "options", MODELS, ids=lambda options: "-".join(map(str, options.values()))
)
def test_some_tokens_are_drawn_and_gradients_are_of_the_second_pass_alone(workshop, make, options):
    model, calls = make(**options)
    batch = workshop.train.batch(range(8))
    torch.manual_seed(1)
    batch_loss(model, batch, CPU, teacher_forcing=0.8).backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters()}

    # 1. Targets are true; the history is not, in some of the places that are read.
    ((target, is_token, memory, state, first, history, _),) = calls
    assert torch.equal(target, torch.from_numpy(batch.target))
    is_read = pad(is_token[:, 1:], (0, 1))
    is_drawn = history != target
    assert not is_drawn[~is_read].any()
    assert 0 < is_drawn.sum() < 0.5 * is_read.sum()
    assert (history[is_drawn] > 2).all()  # neither PAD nor BOS nor EOS

    # 2. The gradients are those of that history, wherever it came from.
    model.zero_grad()
    source, lengths = (torch.from_numpy(part) for part in (batch.source, batch.source_lengths))
    memory, state = model.start(source, lengths)
    model.nll_sum(target, is_token, memory, state, first, history, source).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, msg=name)


def test_with_teacher_forcing_nothing_is_drawn(workshop, make):
    model, calls = make(model="luong")
    before = torch.get_rng_state()
    batch_loss(model, workshop.train.batch(range(8)), CPU)
    assert torch.equal(torch.get_rng_state(), before)
    ((target, *_, history, _),) = calls
    assert history is target


def test_a_text_of_its_end_alone_has_nothing_to_draw():
    target = torch.tensor([[2], [2]])
    is_token = torch.ones_like(target, dtype=torch.bool)
    first = torch.ones(2, dtype=torch.int64)
    assert mixed_history(None, target, is_token, (), (), first, 0.0) is target


def test_under_autocast_the_second_pass_reaches_every_parameter(workshop, make):
    """PyTorch once kept weights in bfloat16 that a pass without gradients had made."""
    model, _ = make(model="transformer")
    batch = workshop.train.batch(range(8))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = batch_loss(model, batch, CPU, teacher_forcing=0.0)
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
