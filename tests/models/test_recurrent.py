import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from novelgen.config import ModelConfig
from novelgen.models.encoder import Encoder
from novelgen.models.recurrent import (
    CELLS,
    read_to_end,
    reverse_by_length,
    run_layer,
    token_mask,
)
from novelgen.models.zoo import resolve


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_reversing_reverses_every_row_and_leaves_its_padding(lengths):
    width = max(lengths)
    rows = [[*range(1, length + 1), *[0] * (width - length)] for length in lengths]
    reversed_rows = [[*range(length, 0, -1), *[0] * (width - length)] for length in lengths]
    sequence, sizes = torch.tensor(rows), torch.tensor(lengths)
    assert reverse_by_length(sequence, sizes).tolist() == reversed_rows
    assert reverse_by_length(reverse_by_length(sequence, sizes), sizes).tolist() == rows


def test_token_mask_is_true_at_real_tokens():
    assert token_mask(torch.tensor([2, 3]), 3).tolist() == [[True, True, False], [True, True, True]]


def run_packed_lstm(encoder, embedded, lengths):
    """Outputs and last hidden state of torch's bidirectional LSTM, with packing; one layer."""
    size = encoder.forwards[0].hidden_size
    lstm = nn.LSTM(embedded.shape[2], size, batch_first=True, bidirectional=True).double()
    ahead = encoder.forwards[0].state_dict()
    behind = encoder.backwards[0].state_dict()
    lstm.load_state_dict(ahead | {f"{name}_reverse": tensor for name, tensor in behind.items()})
    packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
    output, (last, _) = lstm(packed)
    return pad_packed_sequence(output, batch_first=True)[0], torch.cat([last[0], last[1]], dim=-1)


def test_encoder_equals_a_packed_bidirectional_lstm():
    torch.manual_seed(0)
    encoder = Encoder(resolve(ModelConfig(embedding_size=5, encoder_size=4))).double()
    embedded, lengths = torch.randn(3, 6, 5, dtype=torch.float64), torch.tensor([6, 1, 4])
    annotations, _, last, _ = encoder(embedded, lengths)
    expected, expected_last = run_packed_lstm(encoder, embedded, lengths)
    torch.testing.assert_close(annotations, expected)
    torch.testing.assert_close(last, expected_last)


def test_last_cell_of_an_lstm_is_that_of_packing():
    torch.manual_seed(0)
    layer, lengths = nn.LSTM(5, 4, batch_first=True).double(), torch.tensor([6, 1, 4])
    sequence = torch.randn(3, 6, 5, dtype=torch.float64, requires_grad=True)
    leaves = [sequence, *layer.parameters()]
    found = []
    for output, (hidden, cell) in (
        read_to_end(layer, sequence, lengths, whole_state=True),
        run_layer(layer, sequence, lengths=lengths),
    ):
        used = output * token_mask(lengths, 6).unsqueeze(-1)
        total = used.sin().sum() + hidden.cos().sum() + cell.exp().sum()
        found.append([used, hidden, cell, *torch.autograd.grad(total, leaves)])
    for mine, truth in zip(*found, strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_one_step_equals_a_sequence_of_one(cell):
    torch.manual_seed(0)
    layer = CELLS[cell](5, 4, batch_first=True).double()
    sequence = torch.randn(3, 4, 5, dtype=torch.float64)
    whole, last = run_layer(layer, sequence)
    _, state = run_layer(layer, sequence[:, :3])
    step, moved = run_layer(layer, sequence[:, 3:], state)
    for mine, truth in zip((step, *moved), (whole[:, 3:], *last), strict=True):
        torch.testing.assert_close(mine, truth)


@pytest.mark.parametrize(
    "options",
    [
        {"model": "bahdanau"},
        {"model": "bahdanau", "bridge": "last"},
        {"model": "sutskever", "bridge": "projected"},
    ],
)
@pytest.mark.parametrize("layers", [1, 3])
def test_padding_never_changes_annotations_and_states(layers, options):
    torch.manual_seed(0)
    sizes = {"embedding_size": 5, "decoder_size": 8, "dropout": 0.0}
    depth = {"encoder_layers": layers, "decoder_layers": layers}
    encoder = Encoder(resolve(ModelConfig(**options, **sizes, **depth)))
    embedded, lengths = torch.randn(2, 6, 5), torch.tensor([6, 3])
    changed = embedded.clone()
    changed[1, 3:] = 1e3
    before, after = encoder(embedded, lengths), encoder(changed, lengths)
    assert len(before.states) == layers * (2 if options.get("bridge") == "last" else 1)
    for one, other in zip((*before[:3], *before.states), (*after[:3], *after.states), strict=True):
        torch.testing.assert_close(one, other)
    alone = encoder(embedded[1:, :3], lengths[1:])
    torch.testing.assert_close(before.annotations[1:, :3], alone.annotations)
    torch.testing.assert_close(before.states[0][1:], alone.states[0])
