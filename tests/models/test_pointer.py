import itertools
import math
import random

import numpy as np
import pytest
import torch

from novelgen.config import ModelConfig
from novelgen.models import pointer
from novelgen.models.build import build_model
from novelgen.models.zoo import VARIANTS, attends
from novelgen.text.tokenizers import EOS

MODELS = [name for name in VARIANTS if attends(ModelConfig(model=name))]


@pytest.mark.parametrize("model", MODELS)
def test_distribution_is_the_mixture_of_the_paper(model, make, batch):
    network = make(model=model, copy=True)
    source, lengths, target = batch
    with torch.no_grad():
        network.gate.bias.fill_(0.4)
        memory, state = network.start(source, lengths)
        logits, weights = network.unroll(target, memory, state)
        readout, _ = network.writer.read(target, memory[1:], state)
        scores = network.writer.project(readout).numpy()
    gate_weight, gate_bias = network.gate.weight[0].detach().numpy(), network.gate.bias.item()
    for row, place in itertools.product(range(3), range(6)):
        g = 1 / (1 + math.exp(-(gate_weight @ readout[row, place].numpy() + gate_bias)))
        expected = g * np.exp(scores[row, place]) / np.exp(scores[row, place]).sum()
        for position in range(int(lengths[row])):
            alpha = weights[row, place, position].item()
            expected[source[row, position]] += (1 - g) * alpha
        found = np.exp(logits[row, place].numpy())
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rows", [1, 4, 1000])
@pytest.mark.parametrize("model", MODELS)
def test_loss_and_gradients_are_those_of_the_distribution(monkeypatch, model, rows, make, batch):
    monkeypatch.setattr(pointer, "chunk_rows", lambda weight: rows)
    network = make(model=model, copy=True)
    source, lengths, target = batch
    target[0, 1] = source[0, 3]  # something to copy
    is_token = torch.arange(6) < torch.tensor([[6], [3], [1]])
    parameters = list(network.parameters())
    mine = network.nll_sum(target, is_token, *network.start(source, lengths))
    logits, _ = network.unroll(target, *network.start(source, lengths))
    truth = -logits.gather(2, target.unsqueeze(2)).squeeze(2)[is_token].sum()
    torch.testing.assert_close(mine, truth)
    log_probs = network.log_probs(target, is_token, *network.start(source, lengths))
    torch.testing.assert_close(-log_probs.sum(), truth)
    for one, other in zip(
        torch.autograd.grad(mine, parameters), torch.autograd.grad(truth, parameters), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_loss_is_finite_for_a_token_that_cannot_be_copied(make, batch):
    network = make(model="bahdanau", copy=True).float()
    source, lengths, _ = batch
    with torch.no_grad():
        network.gate.bias.fill_(-200.0)  # nothing but copying
    target = torch.full((3, 2), 11)
    source[source == 11] = 5
    loss = network.nll_sum(
        target, torch.ones(3, 2, dtype=torch.bool), *network.start(source, lengths)
    )
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def sentences(chance, names, count):
    """Sources of fillers with a name behind a mark (7), and targets 8, name, 9, EOS.

    Fillers are the ids 3 … 6, names those from 10.
    """
    source = [
        [
            *(chance.randint(3, 6) for _ in range(chance.randint(1, 4))),
            7,
            chance.choice(names),
            *(chance.randint(3, 6) for _ in range(chance.randint(1, 4))),
        ]
        for _ in range(count)
    ]
    target = [[8, line[line.index(7) + 1], 9, EOS] for line in source]
    width = max(map(len, source))
    padded = torch.tensor([line + [0] * (width - len(line)) for line in source])
    return padded, torch.tensor([len(line) for line in source]), torch.tensor(target)


def share_exact(network, source, lengths, target):
    """The share of targets that greedy decoding gets right."""
    memory, state = network.start(source, lengths)
    token = torch.ones(len(source), dtype=torch.int64)
    right = torch.ones(len(source), dtype=torch.bool)
    for place in range(target.shape[1]):
        logits, state, _ = network.step(token, memory, state)
        token = logits.argmax(1)
        right &= token == target[:, place]
    return right.double().mean().item()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "copy"), [("bahdanau", True), ("bahdanau", False), ("luong", True), ("luong", False)]
)
def test_names_unseen_in_training_are_copied(make, model, copy):
    torch.manual_seed(1)
    chance = random.Random(1)
    known, unknown = list(range(10, 250)), list(range(250, 300))
    network = build_model(
        ModelConfig(model=model, copy=copy, embedding_size=24, decoder_size=32, dropout=0.0), 300
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(150):
        source, lengths, target = sentences(chance, known, 64)
        is_token = torch.ones_like(target, dtype=torch.bool)
        memory, state = network.start(source, lengths)
        loss = network.nll_sum(target, is_token, memory, state) / target.numel()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        found = share_exact(network.eval(), *sentences(chance, unknown, 200))
    assert found > 0.95 if copy else found < 0.05
