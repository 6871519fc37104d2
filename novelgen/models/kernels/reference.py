"""The time loops as the papers write them; autograd derives their gradients.

Lengths are of no use to them: padding is computed like everything else.
"""

# ruff: noqa: ARG001

from __future__ import annotations

import torch
from torch import Tensor, nn

from novelgen.models.kernels.api import (
    FeedingOutput,
    FeedingWeights,
    LoopMemory,
    LoopOutput,
    LoopWeights,
)


def lstm_step(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: hidden and cell (B, H) each.

    gates (B, 4H) are the sums before sigmoid and tanh, in torch.nn.LSTM's order i, f, g, o.
    """
    i, f, g, o = gates.chunk(4, dim=-1)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(cell), cell


def attention_loop(
    inputs: Tensor,
    lengths: Tensor | None,
    memory: LoopMemory,
    hidden: Tensor,
    cell: Tensor,
    weights: LoopWeights,
) -> LoopOutput:
    """Runs s_i = f(s_{i-1}, y_{i-1}, c_i) along a target (Bahdanau et al., 2015, appendix A.1).

    e_ij = vᵀ tanh(q_i + U h_j), q_i = W s_{i-1} + Y y_{i-1};  α_i = softmax(e_i) over real
    positions;  c_i = Σ_j α_ij h_j. inputs (B, T, D): y_{i-1}; hidden and cell (B, H): s_0.
    """
    linear = nn.functional.linear
    size = len(weights.score)  # A
    of_query, of_gates = weights.token[:size], weights.token[size:]
    queries = linear(inputs, of_query)  # (B, T, A): y's share
    gates = linear(inputs, of_gates, weights.bias)  # (B, T, 4H): likewise
    hiddens = []
    contexts = []
    alphas = []
    for query, gate in zip(queries.unbind(1), gates.unbind(1), strict=True):
        # 1. e_i: how well q_i matches each source position.
        query = query + linear(hidden, weights.query)  # (B, A)
        energies = torch.tanh(query.unsqueeze(1) + memory.keys)  # (B, S, A)
        scores = energies @ weights.score  # (B, S)
        # 2. α_i and c_i.
        alpha = torch.softmax(scores.masked_fill(~memory.is_token, -torch.inf), dim=-1)  # (B, S)
        context = torch.bmm(alpha.unsqueeze(1), memory.annotations).squeeze(1)  # (B, M)
        # 3. s_i.
        sums = gate + linear(context, weights.context) + linear(hidden, weights.recurrent)
        hidden, cell = lstm_step(sums, cell)
        hiddens.append(hidden)
        contexts.append(context)
        alphas.append(alpha)
    return LoopOutput(
        torch.stack(hiddens, 1), cell, torch.stack(contexts, 1), torch.stack(alphas, 1)
    )


def input_feeding_loop(
    inputs: Tensor,
    lengths: Tensor | None,
    memory: LoopMemory,
    hidden: Tensor,
    cell: Tensor,
    fed: Tensor,
    drop: Tensor | None,
    weights: FeedingWeights,
) -> FeedingOutput:
    """Runs s_t = f(s_{t-1}, [y_{t-1}; h̃_{t-1}]) along a target (Luong et al., 2015, section 3.3).

    e_tj = s_t · k_j;  α_t = softmax(e_t) over real positions;  c_t = Σ_j α_tj h_j; h̃_t = tanh(W
    [c_t; s_t]), their equation 5. inputs (B, T, D): y_{t-1}; the memory's keys (B, S, H); hidden
    and cell (B, H): s_0; fed (B, D): h̃_0; drop (B, M + H): what [c_t; s_t] is multiplied by at
    every step, no gradient flows to it.
    """
    linear = nn.functional.linear
    gates = linear(inputs, weights.token, weights.bias)  # (B, T, 4H): y's share
    readouts = []
    alphas = []
    for step in gates.unbind(1):
        # 1. s_t, fed with the readout before.
        sums = step + linear(hidden, weights.recurrent) + linear(fed, weights.feeding)  # (B, 4H)
        hidden, cell = lstm_step(sums, cell)
        # 2. α_t and c_t.
        scores = torch.bmm(memory.keys, hidden.unsqueeze(2)).squeeze(2)  # (B, S)
        alpha = torch.softmax(scores.masked_fill(~memory.is_token, -torch.inf), dim=-1)  # (B, S)
        context = torch.bmm(alpha.unsqueeze(1), memory.annotations).squeeze(1)  # (B, M)
        # 3. h̃_t.
        read = torch.cat([context, hidden], dim=-1)  # (B, M + H)
        if drop is not None:
            read = read * drop
        fed = torch.tanh(linear(read, weights.readout))  # (B, D)
        readouts.append(fed)
        alphas.append(alpha)
    return FeedingOutput(torch.stack(readouts, 1), hidden, cell, torch.stack(alphas, 1))
