import torch
from torch import nn

from novelgen.config import TrainingConfig
from novelgen.training.optimizer import build_optimizer


class Parts(nn.Module):
    """One parameter of each kind: a matrix, a bias, and a score, which is a vector."""

    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(3, 2))
        self.bias = nn.Parameter(torch.ones(3))
        self.score = nn.Parameter(torch.ones(2))


def test_matrices_decay_and_vectors_do_not():
    model = Parts()
    config = TrainingConfig(learning_rate=0.1, weight_decay=0.5)
    optimizer = build_optimizer(model, config)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    # Nothing but the decay moves a weight whose gradient is zero.
    torch.testing.assert_close(model.matrix.detach(), torch.full((3, 2), 1 - 0.1 * 0.5))
    assert torch.equal(model.bias.detach(), torch.ones(3))
    assert torch.equal(model.score.detach(), torch.ones(2))


def test_every_parameter_is_trained():
    model = nn.Sequential(nn.Embedding(3, 2), nn.LSTM(2, 2), nn.LayerNorm(2))
    optimizer = build_optimizer(model, TrainingConfig(learning_rate=0.1))
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(map(id, trained)) == sorted(map(id, model.parameters()))
