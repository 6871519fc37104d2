"""Decoders: how the state moves from one target token to the next, and what it reads of the source."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from novelgen.models.attention import CoverageScore, DotScore, Memory, attend
from novelgen.models.kernels import backends
from novelgen.models.kernels.products import in_few_shapes
from novelgen.models.kernels.reference import FeedingWeights, LoopWeights
from novelgen.models.recurrent import (
    CELLS,
    STATE_PARTS,
    Encoded,
    State,
    VariationalDropout,
    read_to_end,
    run_layer,
    run_layers,
)


class Decoder(nn.Module):
    """What every decoder has: `remember` what steps read of the source, `begin` with a state, `forward` along a target.

    embedded (B, T, D) are y_0 … y_{T-1}. `forward` returns readouts (B, T, D), the state after the last of them, and attention
    weights (B, T, S), or (B, T, 0) from a decoder without attention.
    """

    def begin(self, state: State, memory: tuple[Tensor, ...]) -> State:
        """The first state, given that of the recurrent layers."""
        return state


class BahdanauDecoder(Decoder):
    """The decoder of Bahdanau, Cho and Bengio (2015), with LSTM cells.

    e_ij = vᵀ tanh(W s_{i-1} + U h_j);  α_i = softmax(e_i);  c_i = Σ_j α_ij h_j;  s_i = f(s_{i-1}, y_{i-1}, c_i);
    then the readout t_i of s_i, c_i and y_{i-1} (their "deep output"). Attention belongs to the first layer; further layers are
    ordinary LSTMs on top of it. In training the recurrent weights of the first are dropped as well, one mask for the whole batch
    (DropConnect as in Merity, Keskar and Socher, 2018), at twice the dropout's rate, but no more than their half.
    """

    def __init__(
        self,
        embedding_size: int,
        memory_size: int,
        size: int,
        layers: int,
        attention_size: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.key = nn.Linear(memory_size, attention_size, bias=False)
        self.query = nn.Linear(size, attention_size, bias=False)
        self.score = nn.Parameter(torch.empty(attention_size))
        self.token = nn.Linear(embedding_size, 4 * size)
        self.context = nn.Linear(memory_size, 4 * size, bias=False)
        self.recurrent = nn.Linear(size, 4 * size, bias=False)
        self.upper = nn.ModuleList(nn.LSTM(size, size, batch_first=True) for _ in range(layers - 1))
        self.readout = nn.Linear(size + memory_size + embedding_size, embedding_size)
        self.dropout = VariationalDropout(dropout)
        self.loop = backends.attention_loop

    def remember(self, encoded: Encoded) -> Memory:
        """The memory that every step reads; U h_j is computed once."""
        annotations = self.dropout(encoded.annotations)
        return Memory(annotations, in_few_shapes(self.key, annotations), encoded.is_token)

    def forward(
        self, embedded: Tensor, memory: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, State, Tensor]:
        """Runs along y_0 … y_{T-1}: embedded (B, T, D) → readouts (B, T, D), the last state, weights (B, T, S)."""
        memory = Memory(*memory)
        recurrent = nn.functional.dropout(
            self.recurrent.weight, min(2 * self.dropout.rate, 0.5), self.training
        )
        weights = LoopWeights(self.query.weight, self.score, recurrent, self.context.weight)
        hiddens, cell, contexts, alphas = self.loop(
            self.token(embedded), memory, *state[:2], weights
        )
        moved = (hiddens[:, -1], cell)
        if self.upper:
            hiddens, above = run_layers(
                self.upper, self.dropout(hiddens), state[2:], [self.dropout] * len(self.upper)
            )
            moved += above
        seen = torch.cat([hiddens, contexts, embedded], dim=-1)
        return torch.tanh(self.readout(self.dropout(seen))), moved, alphas


class AttendingDecoder(Decoder):
    """A decoder with a score of its own module. The state of one with a CoverageScore ends with what is covered (B, S)."""

    def __init__(self, attention: nn.Module, dropout: float) -> None:
        super().__init__()
        self.attention = attention
        self.dropout = VariationalDropout(dropout)

    def remember(self, encoded: Encoded) -> Memory:
        """The memory that every step reads; the keys are computed once."""
        annotations = self.dropout(encoded.annotations)
        return Memory(annotations, self.attention.keys(annotations), encoded.is_token)

    def begin(self, state: State, memory: Memory) -> State:
        """Nothing is covered yet."""
        return (
            (*state, memory.keys.new_zeros(memory.is_token.shape))
            if isinstance(self.attention, CoverageScore)
            else state
        )


class GenericBahdanauDecoder(AttendingDecoder):
    """The equations of `BahdanauDecoder` for any cell and any score, as they stand; slower, autograd follows every step."""

    def __init__(
        self,
        cell: str,
        attention: nn.Module,
        embedding_size: int,
        memory_size: int,
        size: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__(attention, dropout)
        self.first = CELLS[cell](embedding_size + memory_size, size, batch_first=True)
        self.upper = nn.ModuleList(
            CELLS[cell](size, size, batch_first=True) for _ in range(layers - 1)
        )
        self.readout = nn.Linear(size + memory_size + embedding_size, embedding_size)
        self.parts = STATE_PARTS[cell]

    def forward(
        self, embedded: Tensor, memory: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, State, Tensor]:
        """As `Decoder` says."""
        memory, seen, inner = Memory(*memory), [], self.parts * (1 + len(self.upper))
        first, above, covered = state[: self.parts], state[self.parts : inner], state[inner:]
        for token in embedded.split(1, dim=1):
            context, alpha = attend(self.attention, first[0].unsqueeze(1), memory, *covered)
            hidden, first = run_layer(self.first, torch.cat([token, context], dim=-1), first)
            covered = tuple(before + alpha.squeeze(1) for before in covered)
            seen.append((hidden, context, alpha))
        hiddens, contexts, alphas = (torch.cat(parts, dim=1) for parts in zip(*seen, strict=True))
        if self.upper:
            hiddens, above = run_layers(
                self.upper, self.dropout(hiddens), above, [self.dropout] * len(self.upper)
            )
        read = torch.cat([hiddens, contexts, embedded], dim=-1)
        return torch.tanh(self.readout(self.dropout(read))), (*first, *above, *covered), alphas


class LuongDecoder(AttendingDecoder):
    """The global attention of Luong, Pham and Manning (2015), after the recurrent layers.

    h_t = f(h_{t-1}, y_{t-1});  α_t = softmax(score(h_t, h̄_s));  c_t = Σ_s α_ts h̄_s;  h̃_t = tanh(W [c_t; h_t]), which is the readout.
    With input feeding f reads [y_{t-1}; h̃_{t-1}], and h̃ is part of the state; without, all T run at once.
    """

    def __init__(
        self,
        cell: str,
        attention: nn.Module,
        embedding_size: int,
        memory_size: int,
        size: int,
        layers: int,
        dropout: float,
        input_feeding: bool,
    ) -> None:
        super().__init__(attention, dropout)
        sizes = [embedding_size * (1 + input_feeding)] + [size] * (layers - 1)
        self.layers = nn.ModuleList(CELLS[cell](below, size, batch_first=True) for below in sizes)
        self.readout = nn.Linear(memory_size + size, embedding_size, bias=False)
        self.input_feeding, self.parts = input_feeding, STATE_PARTS[cell] * layers

    def begin(self, state: State, memory: Memory) -> State:
        """h̃_0 = 0 joins the state where it is fed, before what is covered."""
        fed = (
            (state[0].new_zeros(len(state[0]), self.readout.out_features),)
            if self.input_feeding
            else ()
        )
        return super().begin((*state, *fed), memory)

    def forward(
        self, embedded: Tensor, memory: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, State, Tensor]:
        """As `Decoder` says."""
        memory = Memory(*memory)
        if self._has_own_loop(embedded):
            return self._run_own_loop(embedded, memory, state)
        # Drawn here, once: a mask of its own for every step would not be variational.
        between = [self.dropout.once(embedded, layer.input_size) for layer in self.layers[1:]]
        drop = self.dropout.once(embedded, self.readout.in_features)

        def advance(inputs: Tensor, state: State, covered: State) -> tuple[Tensor, State, Tensor]:
            hiddens, state = run_layers(self.layers, inputs, state, between)
            contexts, alphas = attend(self.attention, hiddens, memory, *covered)
            return (
                torch.tanh(self.readout(drop(torch.cat([contexts, hiddens], dim=-1)))),
                state,
                alphas,
            )

        inner, extra = state[: self.parts], state[self.parts :]
        if not extra:
            return advance(embedded, inner, ())
        fed, covered, found = extra[: self.input_feeding], extra[self.input_feeding :], []
        for token in embedded.split(1, dim=1):
            inputs = torch.cat([token, *(readout.unsqueeze(1) for readout in fed)], dim=-1)
            readout, inner, alpha = advance(inputs, inner, covered)
            fed = tuple(readout.squeeze(1) for _ in fed)
            covered = tuple(before + alpha.squeeze(1) for before in covered)
            found.append((readout, alpha))
        readouts, alphas = (torch.cat(parts, dim=1) for parts in zip(*found, strict=True))
        return readouts, (*inner, *fed, *covered), alphas

    def _has_own_loop(self, embedded: Tensor) -> bool:
        """Whether `backends` has a loop written by hand for this decoder's parts, and there is a loop to be run: more than one step."""
        one_lstm = len(self.layers) == 1 and isinstance(self.layers[0], nn.LSTM)
        return (
            one_lstm
            and self.input_feeding
            and isinstance(self.attention, DotScore)
            and embedded.shape[1] > 1
            and backends.has_input_feeding_loop(embedded.device)
        )

    def _run_own_loop(
        self, embedded: Tensor, memory: Memory, state: State
    ) -> tuple[Tensor, State, Tensor]:
        layer, drop = self.layers[0], self.dropout.mask(embedded, self.readout.in_features)
        of_token, feeding = layer.weight_ih_l0.split(
            [embedded.shape[2], self.readout.out_features], dim=1
        )
        gates = nn.functional.linear(embedded, of_token, layer.bias_ih_l0 + layer.bias_hh_l0)
        weights = FeedingWeights(layer.weight_hh_l0, feeding, self.readout.weight)
        found = backends.input_feeding_loop(
            gates, memory, *state, drop if drop is None else drop.squeeze(1), weights
        )
        return found.readouts, (found.hidden, found.cell, found.readouts[:, -1]), found.weights


class PlainDecoder(Decoder):
    """Sees the source through its first state alone (Sutskever, Vinyals and Le, 2014).

    s_t = f(s_{t-1}, y_{t-1});  the readout is R s_t: tied to the embeddings, the output layer is the product E R.
    """

    def __init__(
        self, cell: str, embedding_size: int, size: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        sizes = [embedding_size] + [size] * (layers - 1)
        self.layers = nn.ModuleList(CELLS[cell](below, size, batch_first=True) for below in sizes)
        self.readout = nn.Linear(size, embedding_size, bias=False)
        self.dropout = VariationalDropout(dropout)

    def remember(self, encoded: Encoded) -> tuple[Tensor, ...]:
        """Nothing: an empty tuple."""
        return ()

    def forward(
        self, embedded: Tensor, memory: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, State, Tensor]:
        """As `Decoder` says."""
        hiddens, state = run_layers(self.layers, embedded, state, [self.dropout] * len(self.layers))
        return (
            self.readout(self.dropout(hiddens)),
            state,
            embedded.new_zeros(*embedded.shape[:2], 0),
        )

    def read(self, embedded: Tensor, lengths: Tensor) -> State:
        """Runs along padded rows (B, S, D) from zeros and returns the state after each row's last token."""
        state: State = ()
        for number, layer in enumerate(self.layers):
            embedded, last = read_to_end(
                layer, self.dropout(embedded) if number else embedded, lengths, whole_state=True
            )
            state += last
        return state


class EveryStepDecoder(Decoder):
    """One vector c of the source enters every step and the output (Cho et al., 2014): c is the encoder's last state.

    s_t = f(s_{t-1}, y_{t-1}, c);  the readout is tanh(R [s_t; c; y_{t-1}] + b), where they take the larger of two units.
    """

    def __init__(
        self,
        cell: str,
        embedding_size: int,
        memory_size: int,
        size: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        sizes = [embedding_size + memory_size] + [size] * (layers - 1)
        self.layers = nn.ModuleList(CELLS[cell](below, size, batch_first=True) for below in sizes)
        self.readout = nn.Linear(size + memory_size + embedding_size, embedding_size)
        self.dropout = VariationalDropout(dropout)

    def remember(self, encoded: Encoded) -> tuple[Tensor, ...]:
        """C (B, M)."""
        return (self.dropout(encoded.last.unsqueeze(1)).squeeze(1),)

    def forward(
        self, embedded: Tensor, memory: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, State, Tensor]:
        """As `Decoder` says."""
        context = memory[0].unsqueeze(1).expand(-1, embedded.shape[1], -1)
        inputs = torch.cat([embedded, context], dim=-1)
        hiddens, state = run_layers(self.layers, inputs, state, [self.dropout] * len(self.layers))
        read = torch.cat([hiddens, context, embedded], dim=-1)
        return (
            torch.tanh(self.readout(self.dropout(read))),
            state,
            embedded.new_zeros(*embedded.shape[:2], 0),
        )
