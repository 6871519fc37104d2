"""Recurrent parts: layers of any cell over a sequence, the encoder, dropout that stays the same along time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from novelgen.models.kernels import backends

CELLS: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
STATE_PARTS = {
    "lstm": 2,
    "gru": 1,
    "rnn": 1,
}  # tensors of a layer's state: hidden, and an LSTM's cell

State = tuple[
    Tensor, ...
]  # batch first; of recurrent layers (B, H) each: the parts of the first layer's, then of the second's, …


def token_mask(lengths: Tensor, size: int) -> Tensor:
    """True where a position holds a real token: lengths (B,) → (B, size) bool."""
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)


def reverse_by_length(sequence: Tensor, lengths: Tensor) -> Tensor:
    """Reverses each row within its own length and leaves its padding where it is.

    sequence (B, S, …), lengths (B,) → the same shape. It is its own inverse.
    """
    positions = torch.arange(sequence.shape[1], device=sequence.device)
    index = torch.where(
        token_mask(lengths, sequence.shape[1]), lengths.unsqueeze(1) - 1 - positions, positions
    )
    index = index.view(*index.shape, *[1] * (sequence.dim() - 2)).expand_as(sequence)
    return sequence.gather(1, index)


class VariationalDropout(nn.Module):
    """Dropout with one mask for a whole sequence (Gal and Ghahramani, 2016): (B, T, D) → (B, T, D)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, sequence: Tensor) -> Tensor:
        """Zeroes the same features at every step of a row and scales the rest by 1 / (1 − rate)."""
        return self.once(sequence, sequence.shape[2])(sequence)

    def once(self, like: Tensor, width: int) -> Callable[[Tensor], Tensor]:
        """Draws the mask of a sequence (B, T, width) that is made step by step; the rest is taken from `like` (B, …)."""
        mask = self.mask(like, width)
        return lambda sequence: sequence if mask is None else sequence * mask

    def mask(self, like: Tensor, width: int) -> Tensor | None:
        """That mask (B, 1, width): 0 or 1 / (1 − rate); None where nothing is dropped."""
        if not self.training or self.rate == 0:
            return None
        keep = 1 - self.rate
        return like.new_empty(like.shape[0], 1, width).bernoulli_(keep).div_(keep)


def run_layer(
    layer: nn.RNNBase,
    sequence: Tensor,
    state: State | None = None,
    lengths: Tensor | None = None,
) -> tuple[Tensor, State]:
    """One layer along sequence (B, T, D), from zeros or its state's parts (B, H): outputs (B, T, H) and the last state.

    With `lengths` (B,) the sequence is packed: the last state of a row is that after its last token. On CUDA the layer runs
    in the precision of its weights even under autocast: PyTorch's autocast runs cuDNN's LSTM in float16, whatever dtype was
    asked for, and gradients underflow there. So it does on CPUs where `backends.needs_float32`.
    """
    device = sequence.device.type
    if device != "cuda" and not backends.needs_float32(layer, sequence):
        return _run_layer(layer, sequence, state, lengths)
    dtype = layer.weight_hh_l0.dtype
    with torch.autocast(device, enabled=False):
        return _run_layer(
            layer, sequence.to(dtype), state and tuple(part.to(dtype) for part in state), lengths
        )


def _run_layer(
    layer: nn.RNNBase, sequence: Tensor, state: State | None, lengths: Tensor | None
) -> tuple[Tensor, State]:
    if state and sequence.shape[1] == 1:
        return _step_layer(layer, sequence, state)
    if backends.has_recurrent_layer(layer, sequence):
        zeros = layer.weight_hh_l0.new_zeros(len(sequence), layer.hidden_size)
        first = state or (zeros,) * (2 if isinstance(layer, nn.LSTM) else 1)
        return backends.recurrent_layer(sequence, lengths, first, *_weights(layer))
    first = state and tuple(part.unsqueeze(0).contiguous() for part in state)
    if first and len(first) == 1:
        first = first[0]
    given = (
        sequence
        if lengths is None
        else pack_padded_sequence(sequence, lengths.cpu(), batch_first=True, enforce_sorted=False)
    )
    output, last = layer(given, first)
    if lengths is not None:
        output, _ = pad_packed_sequence(output, batch_first=True, total_length=sequence.shape[1])
    return output, tuple(part.squeeze(0) for part in (last if isinstance(last, tuple) else (last,)))


def _step_layer(layer: nn.RNNBase, sequence: Tensor, state: State) -> tuple[Tensor, State]:
    """A single step (B, 1, D); measured, twice as fast on a CPU as the layer called for a sequence of one."""
    cell = {nn.LSTM: torch.lstm_cell, nn.GRU: torch.gru_cell, nn.RNN: torch.rnn_tanh_cell}[
        type(layer)
    ]
    moved = cell(sequence.squeeze(1), state if len(state) == 2 else state[0], *_weights(layer))
    moved = moved if isinstance(moved, tuple) else (moved,)
    return moved[0].unsqueeze(1), moved


def _weights(layer: nn.RNNBase) -> tuple[Tensor, ...]:
    return layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0


def run_layers(
    layers: nn.ModuleList,
    sequence: Tensor,
    state: State,
    between: Sequence[Callable[[Tensor], Tensor]],
) -> tuple[Tensor, State]:
    """Layers on top of one another; `between` are the dropouts of what the second, the third, … reads."""
    parts, moved = len(state) // max(len(layers), 1), []
    for number, layer in enumerate(layers):
        below = between[number - 1](sequence) if number else sequence
        sequence, last = run_layer(layer, below, state[parts * number : parts * (number + 1)])
        moved += last
    return sequence, tuple(moved)


def read_to_end(
    layer: nn.RNNBase, sequence: Tensor, lengths: Tensor, whole_state: bool
) -> tuple[Tensor, State]:
    """A layer along padded rows: outputs (B, S, H) and the state after each row's last token.

    Of an LSTM's state only the hidden part is given unless `whole_state`: a layer's outputs hold no cells.
    """
    if backends.has_recurrent_layer(layer, sequence):
        output, state = run_layer(layer, sequence, lengths=lengths)
        return output, state if whole_state else state[:1]
    if not (whole_state and isinstance(layer, nn.LSTM)):
        output, _ = run_layer(layer, sequence)
        return output, (_at_end(output, lengths),)
    if sequence.device.type == "cuda":
        return run_layer(layer, sequence, lengths=lengths)
    return _hold_cells(layer, sequence, lengths)


def _at_end(output: Tensor, lengths: Tensor) -> Tensor:
    return output[torch.arange(len(lengths), device=lengths.device), lengths - 1]


def _hold_cells(layer: nn.LSTM, sequence: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
    """What packing gives, at 1.6 times the speed on a CPU: at padding a further input feature shuts the input gate and opens
    the forget gate, so exactly that the cell stays what it was after the last token.
    """
    if backends.needs_float32(layer, sequence):
        with torch.autocast("cpu", enabled=False):
            return _hold_cells(layer, sequence.to(layer.weight_hh_l0.dtype), lengths)
    weight_ih, weight_hh, *biases = _weights(layer)
    shut = weight_ih.new_tensor([[-1e4], [1e4], [0.0], [0.0]]).repeat_interleave(
        layer.hidden_size, dim=0
    )
    is_padding = ~token_mask(lengths, sequence.shape[1]).unsqueeze(-1)
    zeros = sequence.new_zeros(1, len(sequence), layer.hidden_size)
    output, _, cell = torch.lstm(
        torch.cat([sequence, is_padding.to(sequence.dtype)], dim=-1),
        (zeros, zeros),
        (torch.cat([weight_ih, shut], dim=1), weight_hh, *biases),
        True,
        1,
        0.0,
        layer.training,
        False,
        True,
    )
    return output, (_at_end(output, lengths), cell.squeeze(0))


class Encoded(NamedTuple):
    """What an encoder knows of the source. M is H for one direction and 2H for two, whose states stand side by side."""

    annotations: Tensor  # (B, S, M): h_j, zero at padding
    is_token: Tensor  # (B, S) bool: True = real
    last: Tensor  # (B, M): the top layer's hidden state when everything is read
    states: State  # (B, M) each: the states of all layers then; of LSTMs the cells too if the encoder was told so


class Encoder(nn.Module):
    """Reads the source in one direction, or in both: h_j = [→h_j; ←h_j] (Bahdanau et al., 2015, section 3.2).

    The backward direction is an ordinary layer over the source reversed within its length: no packing, so shapes stay
    static and the padding never touches a state that is used. A reversed source (Sutskever et al., 2014) is the same.
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        layers: int,
        dropout: float,
        *,
        bidirectional: bool,
        reverse_source: bool = False,
        whole_states: bool = False,
    ) -> None:
        """`whole_states`: `Encoded.states` shall hold cells too."""
        super().__init__()
        sizes = [input_size] + [hidden_size * (1 + bidirectional)] * (layers - 1)
        self.forwards = nn.ModuleList(
            CELLS[cell](size, hidden_size, batch_first=True) for size in sizes
        )
        self.backwards = nn.ModuleList(
            CELLS[cell](size, hidden_size, batch_first=True) for size in sizes if bidirectional
        )
        self.dropout = VariationalDropout(dropout)
        self.reverse_source, self.whole_states = reverse_source, whole_states

    def forward(self, embedded: Tensor, lengths: Tensor) -> Encoded:
        """Embedded (B, S, D), lengths (B,) ≥ 1 → Encoded; its annotations are in the order of the source."""
        is_token = token_mask(lengths, embedded.shape[1])
        annotations = reverse_by_length(embedded, lengths) if self.reverse_source else embedded
        states: list[Tensor] = []
        for number, forwards in enumerate(self.forwards):
            below = self.dropout(annotations) if number else annotations
            annotations, ends = read_to_end(forwards, below, lengths, self.whole_states)
            if self.backwards:
                behind, ends_behind = read_to_end(
                    self.backwards[number],
                    reverse_by_length(below, lengths),
                    lengths,
                    self.whole_states,
                )
                annotations = torch.cat([annotations, reverse_by_length(behind, lengths)], dim=-1)
                ends = tuple(
                    torch.cat(pair, dim=-1) for pair in zip(ends, ends_behind, strict=True)
                )
            states += ends
        if self.reverse_source:
            annotations = reverse_by_length(annotations, lengths)
        last = states[-len(ends)]
        return Encoded(
            annotations.masked_fill(~is_token.unsqueeze(-1), 0.0), is_token, last, tuple(states)
        )
