"""Recorded steps: shapes, padding, gradients.

The recorder of these tests records nothing and runs the step again each time.
"""

import pytest
import torch

from novelgen.errors import ConfigError
from novelgen.models.kernels.cross_entropy import linear_cross_entropy
from novelgen.training import batch_gradients, graphs
from novelgen.training.loss import batch_loss

CPU = torch.device("cpu")


def gradients_of(model):
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.fixture
def task(workshop):
    """A model without dropout, the pairs it trains on, and steps of it that are "recorded"."""
    model = workshop.model(dropout=0.0)
    steps = graphs.RecordedSteps(model, CPU, torch.float32, record=lambda run: run)
    return model, workshop.train, steps


def test_a_rounded_size_is_at_most_an_eighth_larger_and_rounds_to_itself():
    for size in range(1, 3000):
        found = graphs.rounded(size)
        assert size <= found <= max(size + 7, size * 9 / 8)
        assert graphs.rounded(found) == found
        assert found % 8 == 0


def test_few_shapes_cover_all_sizes():
    assert len({graphs.rounded(size) for size in range(1, 1025)}) <= 40


def test_padding_changes_neither_loss_nor_gradients(task):
    model, pairs, steps = task
    batch = pairs.batch(range(5))
    loss = batch_loss(model, batch, CPU)
    (loss / 7).backward()
    truth = gradients_of(model)
    model.zero_grad()
    found = [steps.gradients(batch, 7) for _ in range(graphs.FREQUENT)]
    assert found[:-1] == [None] * (graphs.FREQUENT - 1)
    assert found[-1] == pytest.approx(loss.item(), rel=1e-5)
    for name, gradient in gradients_of(model).items():
        torch.testing.assert_close(gradient, truth[name], rtol=1e-4, atol=1e-6, msg=name)


def test_a_step_is_recorded_once_and_replayed_for_other_batches_of_its_shape(task):
    model, pairs, _ = task
    recorded = []
    steps = graphs.RecordedSteps(
        model, CPU, torch.float32, record=lambda run: recorded.append(run) or run
    )
    found = [steps.gradients(pairs.batch([index]), 3) for index in range(6)]
    assert len(recorded) == 1
    assert found[:2] == [None, None]
    assert found[2:] == pytest.approx(
        [batch_loss(model, pairs.batch([index]), CPU).item() for index in range(2, 6)], rel=1e-5
    )


def test_no_more_steps_are_recorded_than_the_limit(task):
    model, pairs, _ = task
    steps = graphs.RecordedSteps(
        model, CPU, torch.float32, record=lambda run: run, frequent=1, most=1
    )
    assert steps.gradients(pairs.batch(range(3)), 1) is not None
    assert steps.gradients(pairs.batch(range(20)), 1) is None
    assert steps.gradients(pairs.batch(range(3)), 1) is not None


def test_rows_that_do_not_count_have_no_share_in_the_loss():
    generator = torch.Generator().manual_seed(3)
    leaves = [
        torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in ((9, 4), (7, 4), (7,))
    ]
    target, counted = torch.arange(9) % 7, torch.arange(9) % 3 > 0
    mine = linear_cross_entropy(*leaves, target, counted)
    truth = linear_cross_entropy(leaves[0][counted], *leaves[1:], target[counted])
    torch.testing.assert_close(mine, truth)
    for found, expected in zip(
        torch.autograd.grad(mine, leaves), torch.autograd.grad(truth, leaves), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_the_trainer_learns_by_recorded_steps_as_without(workshop, monkeypatch):
    used = []

    def record_steps(model, device, precision, processes):
        return graphs.RecordedSteps(
            model, device, precision, record=lambda run: used.append(run) or run, frequent=1
        )

    monkeypatch.setattr(batch_gradients, "record_steps", record_steps)
    plain = workshop.trainer("plain", dropout=0.0)
    other = workshop.trainer("other", dropout=0.0, cuda_graph=True)
    assert other.fit().best == pytest.approx(plain.fit().best, rel=1e-3)
    assert used


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_on_cuda_a_step_has_the_same_gradients(workshop):
    model, device = workshop.model(dropout=0.0).to("cuda"), torch.device("cuda")
    steps = graphs.record_steps(model, device, torch.float32)
    for first in range(graphs.FREQUENT + 3):
        batch = workshop.train.batch(range(first, first + 5))
        model.zero_grad()
        loss = batch_loss(model, batch, device)
        (loss / 7).backward()
        truth = gradients_of(model)
        found = steps.gradients(batch, 7)
        assert (found is None) == (first + 1 < graphs.FREQUENT)
        if found is not None:
            assert found == pytest.approx(loss.item(), rel=1e-4)
            for name, gradient in gradients_of(model).items():
                torch.testing.assert_close(gradient, truth[name], rtol=1e-3, atol=1e-5, msg=name)


def test_on_a_cpu_the_option_is_refused(workshop):
    with pytest.raises(ConfigError, match="--cuda-graph"):
        workshop.trainer(cuda_graph=True)


def test_a_model_that_copies_cannot_be_recorded():
    with pytest.raises(ConfigError, match="--copy"):
        graphs.record_steps(torch.nn.Linear(1, 1), torch.device("cuda"), torch.float32)
