from types import SimpleNamespace

import pytest
import torch
from torch import nn

from novelgen.training import gradient_sum
from novelgen.training.gradient_sum import GradientSum


@pytest.fixture
def sent(monkeypatch):
    """A second process whose gradients are three times ours; returns the sizes that were sent."""
    sizes = []

    def all_reduce(flat, *, async_op):
        assert async_op
        sizes.append(flat.numel())
        flat.mul_(4)
        return SimpleNamespace(wait=lambda: None)

    monkeypatch.setattr(gradient_sum.dist, "all_reduce", all_reduce)
    return sizes


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def loss_of(network):
    return network(torch.ones(5, 3)).square().sum()


@pytest.mark.parametrize("bucket_bytes", [1, 60, 10**6])
def test_every_gradient_is_summed_over_the_processes(sent, bucket_bytes):
    alone, together = model(), model()
    loss_of(alone).backward()
    summing = GradientSum(together.parameters(), SimpleNamespace(size=2), bucket_bytes)
    for _ in range(2):  # a step after the other
        sent.clear()
        together.zero_grad()
        summing.backward(loss_of(together), is_last=True)
        summing.finish()
        assert sum(sent) == sum(parameter.numel() for parameter in alone.parameters())
        for one, other in zip(alone.parameters(), together.parameters(), strict=True):
            torch.testing.assert_close(other.grad, 4 * one.grad)


def test_the_parts_of_a_step_are_sent_once_with_the_last(sent):
    alone, together = model(), model()
    (2 * loss_of(alone)).backward()
    summing = GradientSum(together.parameters(), SimpleNamespace(size=2))
    summing.backward(loss_of(together), is_last=False)
    assert sent == []
    summing.backward(loss_of(together), is_last=True)
    summing.finish()
    for one, other in zip(alone.parameters(), together.parameters(), strict=True):
        torch.testing.assert_close(other.grad, 4 * one.grad)


def test_a_parameter_without_a_gradient_counts_as_zero(sent):
    network = model()
    summing = GradientSum(network.parameters(), SimpleNamespace(size=2))
    summing.finish()
    assert all(not parameter.grad.any() for parameter in network.parameters())


def test_a_single_process_sends_nothing(sent):
    network = model()
    summing = GradientSum(network.parameters(), SimpleNamespace(size=1))
    summing.backward(loss_of(network), is_last=True)
    summing.finish()
    assert sent == []
    assert network[0].weight.grad.any()
