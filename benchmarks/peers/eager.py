"""Bahdanau's encoder-decoder as a good student writes it in plain PyTorch.

That is: a packed nn.LSTM, an nn.LSTMCell step by step, autograd.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from novelgen.config import ModelConfig
from novelgen.models.seq2seq import Seq2Seq

PAD, BOS = 0, 1


class EagerSeq2Seq(nn.Module):
    """The same equations and sizes as novelgen's `bahdanau` with one layer.

    Called with padded batches (B, S), (B, T), it returns their loss.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        """`config` is resolved."""
        super().__init__()
        width, size = config.embedding_size, config.decoder_size
        memory = 2 * config.encoder_size
        self.embedding = nn.Embedding(vocabulary_size, width)
        self.encoder = nn.LSTM(width, config.encoder_size, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(memory, 2 * size)
        self.key = nn.Linear(memory, config.attention_size, bias=False)
        self.query = nn.Linear(size + width, config.attention_size, bias=False)
        self.energy = nn.Linear(config.attention_size, 1, bias=False)
        self.cell = nn.LSTMCell(width + memory, size)
        self.readout = nn.Linear(size + memory + width, width)
        self.output = nn.Linear(width, vocabulary_size)
        self.output.weight = self.embedding.weight
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """The mean −ln p of the real target tokens, EOS included."""
        packed = pack_padded_sequence(
            self.dropout(self.embedding(source)),
            source_lengths.cpu(),
            batch_first=True,
            enforce_sorted=False,
        )
        packed, (last, _) = self.encoder(packed)
        annotations, _ = pad_packed_sequence(packed, batch_first=True, total_length=source.shape[1])
        hidden, cell = torch.tanh(self.bridge(torch.cat([last[0], last[1]], dim=-1))).chunk(
            2, dim=-1
        )
        annotations = self.dropout(annotations)
        keys, padding = self.key(annotations), source == PAD
        before = torch.cat([target.new_full((len(target), 1), BOS), target[:, :-1]], dim=1)
        embedded = self.dropout(self.embedding(before))
        seen = []
        for token in embedded.unbind(1):
            query = self.query(torch.cat([hidden, token], dim=-1))
            scores = self.energy(torch.tanh(query.unsqueeze(1) + keys)).squeeze(2)
            weights = torch.softmax(scores.masked_fill(padding, -torch.inf), dim=-1)
            context = torch.bmm(weights.unsqueeze(1), annotations).squeeze(1)
            hidden, cell = self.cell(torch.cat([token, context], dim=-1), (hidden, cell))
            seen.append(torch.cat([hidden, context, token], dim=-1))
        readout = torch.tanh(self.readout(self.dropout(torch.stack(seen, dim=1))))
        return nn.functional.cross_entropy(
            self.output(readout).flatten(0, 1), target.flatten(), ignore_index=PAD
        )

    @torch.no_grad()
    def copy_weights(self, model: Seq2Seq) -> None:
        """Takes the weights of novelgen's model."""
        decoder, forwards, backwards = (
            model.decoder,
            model.encoder.forwards[0],
            model.encoder.backwards[0],
        )
        self.embedding.load_state_dict(model.embedding.state_dict())
        self.encoder.load_state_dict(
            {
                **forwards.state_dict(),
                **{f"{name}_reverse": value for name, value in backwards.state_dict().items()},
            }
        )
        for mine, other in (
            (self.bridge, model.bridge),
            (self.key, decoder.key),
            (self.query, decoder.query),
            (self.readout, decoder.readout),
        ):
            mine.load_state_dict(other.state_dict())
        self.energy.weight.copy_(decoder.score.unsqueeze(0))
        self.cell.weight_ih.copy_(torch.cat([decoder.token.weight, decoder.context.weight], dim=1))
        self.cell.weight_hh.copy_(decoder.recurrent.weight)
        self.cell.bias_ih.copy_(decoder.token.bias)
        self.cell.bias_hh.zero_()
        self.output.bias.copy_(model.output_bias)
