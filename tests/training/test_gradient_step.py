import numpy as np
import pytest
import torch

from novelgen.training.gradient_step import GradientStep
from novelgen.training.loss import batch_loss
from novelgen.training.prefetch import BatchPrefetcher

CPU = torch.device("cpu")
NOTHING_NEXT = np.empty(0, dtype=np.int64)


@pytest.fixture
def make(workshop):
    """Makes a GradientStep of a small model, and a function that gives the gradients of a step."""

    def build(**changes):
        trainer = workshop.trainer(**changes)
        model = trainer.model.train()
        gradients = GradientStep(model, trainer.config, BatchPrefetcher(CPU))

        def at_step(step, rows=(0, 1, 2, 3), teacher_forcing=1.0):
            gradients.compute(workshop.train, np.array(rows), NOTHING_NEXT, step, teacher_forcing)
            return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

        return model, at_step

    return build


def test_dropout_masks_differ_from_step_to_step(make):
    _, at_step = make(dropout=0.5)
    assert not torch.equal(at_step(1), at_step(2))


def test_the_dropout_masks_of_a_step_follow_from_its_number(make):
    _, at_step = make(dropout=0.5)
    first = at_step(7)
    torch.manual_seed(123)  # whatever was drawn in between
    torch.rand(5)
    assert torch.equal(at_step(7), first)


def test_dropout_masks_follow_from_the_seed(make):
    _, of_one_seed = make(dropout=0.5, seed=3)
    model, of_another = make(dropout=0.5, seed=4)
    other_weights, _ = make(dropout=0.5, seed=3)
    model.load_state_dict(other_weights.state_dict())
    assert not torch.equal(of_one_seed(1), of_another(1))


def test_the_drawn_tokens_of_a_step_follow_from_its_number(make):
    _, at_step = make(dropout=0.0, accumulation_steps=2)
    first = at_step(7, teacher_forcing=0.0)
    torch.rand(5)  # whatever was drawn in between
    assert torch.equal(at_step(7, teacher_forcing=0.0), first)
    assert not torch.equal(at_step(8, teacher_forcing=0.0), first)
    assert not torch.equal(at_step(7, teacher_forcing=1.0), first)


def test_gradients_are_of_the_summed_loss_divided_by_the_tokens_of_a_batch(make, workshop):
    model, at_step = make(dropout=0.0, batch_tokens=200)
    found = at_step(1, rows=(5, 6))
    model.zero_grad()
    (batch_loss(model, workshop.train.batch(np.array([5, 6])), CPU) / 200).backward()
    expected = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    torch.testing.assert_close(found, expected)
