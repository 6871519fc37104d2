"""The decoders of Bahdanau, Cho and Bengio (2015): attention from s_{i-1}, before the cell.

B batch, T target length, S source length, D size of the embeddings and of the readout, H hidden
size, M size of the annotations, A hidden units of the score.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from novelgen.config import ModelConfig
from novelgen.models.attention import attend, query_size
from novelgen.models.decoders import AttendingDecoder, Decoder
from novelgen.models.dropout import VariationalDropout, drop_elements
from novelgen.models.encoder import Encoded
from novelgen.models.initialization import (
    reset_layer,
    reset_layers,
    reset_linear,
    reset_lstm_bias,
    reset_recurrent_weight,
    reset_score_vector,
)
from novelgen.models.kernels import api
from novelgen.models.kernels.api import AttentionLoop, LoopMemory, LoopWeights
from novelgen.models.recurrent import (
    CELLS,
    STATE_PARTS,
    State,
    make_layers,
    run_layer,
    run_layers,
)
from novelgen.models.zoo import annotation_size, present

# The share of the recurrent weights that is dropped at most.
_MOST_DROPPED = 0.5


class BahdanauDecoder(Decoder):
    """The decoder of Bahdanau, Cho and Bengio (2015), with LSTM cells and the additive score.

    e_ij = vᵀ tanh(W q_i + U h_j), q_i = [s_{i-1}; y_{i-1}]
    α_i = softmax(e_i)
    c_i = Σ_j α_ij h_j
    s_i = f(s_{i-1}, y_{i-1}, c_i)
    t_i = tanh(R [s_i; c_i; y_{i-1}] + b), the readout (their "deep output")

    Theirs is q_i = s_{i-1}, which has not seen y_{i-1} yet; with it attention finds what followed
    the same token in the source (cf. the conditional GRU of Sennrich et al., 2017).

    Attention belongs to the first layer; further layers are ordinary LSTMs on top of it. In
    training the recurrent weights of the first are dropped as well, one mask for the whole batch
    (DropConnect as in Merity, Keskar and Socher, 2018), at twice the dropout's rate, but no more
    than their half.
    """

    def __init__(self, config: ModelConfig) -> None:
        """The sizes are those of a resolved configuration."""
        super().__init__()
        embedding_size = config.embedding_size  # D
        memory_size = annotation_size(config)  # M
        size = config.decoder_size  # H
        attention_size = present(config.attention_size)  # A
        self.key = nn.Linear(memory_size, attention_size, bias=False)  # U
        self.query = nn.Linear(query_size(config), attention_size, bias=False)  # W
        self.score = nn.Parameter(torch.empty(attention_size))  # v
        # The gates of f, 4H in torch's order i, f, g, o: what y, c and s add to them.
        self.token = nn.Linear(embedding_size, 4 * size)
        self.context = nn.Linear(memory_size, 4 * size, bias=False)
        self.recurrent = nn.Linear(size, 4 * size, bias=False)
        self.upper = make_layers("lstm", [size] * (present(config.decoder_layers) - 1), size)
        self.readout = nn.Linear(size + memory_size + embedding_size, embedding_size)  # R, b
        self.dropout = VariationalDropout(config.dropout)
        self.loop: AttentionLoop = api.attention_loop

    def reset_parameters(self) -> None:
        """As `Decoder.reset_parameters`."""
        reset_score_vector(self.score)
        for linear in (self.key, self.query, self.token, self.context):
            reset_linear(linear)
        reset_lstm_bias(self.token.bias)  # of the gates, which `token` begins with
        reset_recurrent_weight(self.recurrent.weight)
        reset_layers(self.upper)
        reset_linear(self.readout)

    def remember(self, encoded: Encoded) -> LoopMemory:
        """Annotations, their keys U h_j, which are computed once, and where real tokens are."""
        annotations = self.dropout(encoded.annotations)  # (B, S, M)
        lengths = encoded.is_token.sum(1)  # (B,)
        keys = api.padded_linear([annotations], lengths, None, self.key)  # (B, S, A)
        return LoopMemory(annotations, keys, encoded.is_token)

    def split_query(self) -> tuple[Tensor, Tensor]:
        """The columns of W for s_{i-1}, and those for y_{i-1}, 0 without: (A, H), (A, D)."""
        of_state, of_token = self.query.weight.tensor_split([self.recurrent.in_features], dim=1)
        if not of_token.numel():
            of_token = of_state.new_zeros(len(of_state), self.token.in_features)
        return of_state, of_token

    def forward(
        self,
        embedded: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State, Tensor]:
        """As `Decoder` says; the state is hidden and cell (B, H) of each layer."""
        # 1. The first layer, with attention.
        rate = min(2 * self.dropout.rate, _MOST_DROPPED)
        recurrent = self.recurrent.weight  # (4H, H)
        if self.training:
            recurrent = drop_elements(recurrent, rate)
        of_state, of_token = self.split_query()
        weights = LoopWeights(
            torch.cat([of_token, self.token.weight]),
            self.token.bias,
            of_state,
            self.score,
            recurrent,
            self.context.weight,
        )
        looped = self.loop(embedded, lengths, LoopMemory(*memory), state[0], state[1], weights)
        hiddens = looped.hiddens  # s: (B, T, H)
        last_state: State = (hiddens[:, -1], looped.cell)

        # 2. The layers above it.
        if self.upper:
            between = [self.dropout] * len(self.upper)
            hiddens, above = run_layers(
                self.upper, self.dropout(hiddens), state[2:], between, lengths
            )
            last_state += above

        # 3. The readout.
        joint = [hiddens, looped.contexts, embedded]
        mask = self.dropout.mask(embedded, self.readout.in_features)  # (B, 1, H + M + D)
        readouts = torch.tanh(api.padded_linear(joint, lengths, mask, self.readout))
        return readouts, last_state, looped.weights


class GenericBahdanauDecoder(AttendingDecoder):
    """The equations of `BahdanauDecoder` for any cell and any score, as they stand.

    It is slower: autograd follows every step. No recurrent weights are dropped.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        cell = present(config.cell)
        size = config.decoder_size  # H
        seen = config.embedding_size + annotation_size(config)  # of [y; c]
        self.first = CELLS[cell](seen, size, batch_first=True)  # f
        self.token_in_query = bool(config.token_in_query)
        self.upper = make_layers(cell, [size] * (present(config.decoder_layers) - 1), size)
        self.readout = nn.Linear(size + seen, config.embedding_size)  # R, b
        self.parts = STATE_PARTS[cell]

    def reset_parameters(self) -> None:
        """As `Decoder.reset_parameters`."""
        self.attention.reset_parameters()
        reset_layer(self.first)
        reset_layers(self.upper)
        reset_linear(self.readout)

    def forward(
        self,
        embedded: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State, Tensor]:
        """As `Decoder` says."""
        del lengths  # every step is computed
        # The state: the first layer's, that of the layers above, and what is covered.
        inner = self.parts * (1 + len(self.upper))
        first = state[: self.parts]
        above = state[self.parts : inner]
        covered = state[inner:]

        # 1. The first layer, with attention.
        loop_memory = LoopMemory(*memory)
        steps: list[tuple[Tensor, Tensor, Tensor]] = []
        for token in torch.split(embedded, 1, dim=1):  # y_{i-1}: (B, 1, D)
            query = first[0].unsqueeze(1)  # s_{i-1}: (B, 1, H)
            if self.token_in_query:
                query = torch.cat([query, token], dim=-1)  # q_i: (B, 1, H + D)
            context, alpha = attend(self.attention, query, loop_memory, *covered)
            inputs = torch.cat([token, context], dim=-1)  # (B, 1, D + M)
            hidden, first = run_layer(self.first, inputs, first)  # s_i: (B, 1, H)
            covered = tuple(before + alpha.squeeze(1) for before in covered)  # C_{i+1}: (B, S)
            steps.append((hidden, context, alpha))
        hiddens, contexts, alphas = (torch.cat(parts, dim=1) for parts in zip(*steps, strict=True))

        # 2. The layers above it.
        if self.upper:
            between = [self.dropout] * len(self.upper)
            hiddens, above = run_layers(self.upper, self.dropout(hiddens), above, between)

        # 3. The readout.
        joint = torch.cat([hiddens, contexts, embedded], dim=-1)  # (B, T, H + M + D)
        readouts = torch.tanh(self.readout(self.dropout(joint)))  # t: (B, T, D)
        return readouts, (*first, *above, *covered), alphas


def make_bahdanau_decoder(config: ModelConfig) -> Decoder:
    """The decoder of a resolved configuration: that with its own time loop where it has the parts.

    It has LSTM cells and the additive score without coverage, and drops recurrent weights.
    """
    if config.cell == "lstm" and config.score == "additive" and not config.coverage:
        return BahdanauDecoder(config)
    return GenericBahdanauDecoder(config)
