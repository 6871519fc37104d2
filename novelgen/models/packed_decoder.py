"""The weights of a `BahdanauDecoder` as `inference.step` reads them, packed once.

H hidden size, A attention size, M size of the annotations, E size of embeddings and readout, V
vocabulary, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from novelgen.models.bahdanau import BahdanauDecoder
from novelgen.models.recurrent import layer_weights, layers_of
from novelgen.models.seq2seq import Seq2Seq

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
# In panels (P, K, columns) as `matmul_numba` multiplies them; bfloat16 as uint16.
PackedWeight = npt.NDArray[np.float32] | npt.NDArray[np.uint16]

# What tokens add to query, gates and readout is looked up, not computed, where the table for all
# of them is no larger than this, in bytes.
LARGEST_TABLE = 2**26


class DecoderWeights(NamedTuple):
    """The weights as `inference.step` takes them, which says their shapes."""

    score: Floats
    from_state: PackedWeight
    from_context: PackedWeight  # without panels where the values are multiplied already
    from_below: PackedWeight
    upper_bias: Floats
    from_top: PackedWeight
    output: PackedWeight
    output_bias: Floats


@dataclass(frozen=True)
class PackedDecoder:
    """Everything that is made of the model once."""

    kernel: ModuleType  # `inference`
    weights: DecoderWeights
    token_table: Floats | None  # (V + first tokens, A + 4H + E): what each one adds
    decoder: BahdanauDecoder
    embedding: torch.nn.Embedding

    def added_by(self, tokens: Integers) -> tuple[Integers, Floats]:
        """What tokens (B,) add to query, gates and readout: rows of a table, and the table."""
        if self.token_table is not None:
            return tokens, self.token_table
        embedded = self.embedding(torch.from_numpy(tokens))
        return np.arange(len(tokens)), _from_tokens(self.decoder, embedded)


@torch.inference_mode()
def pack_decoder(
    model: Seq2Seq,
    decoder: BahdanauDecoder,
    dtype: torch.dtype,
    kernel: ModuleType,
    largest_table: int = LARGEST_TABLE,
) -> PackedDecoder:
    """The decoder of a model for `kernel`, which is `inference`; `dtype` is that of products."""
    size = decoder.recurrent.in_features  # H
    memory_size = decoder.key.in_features  # M

    def packed(weight: Tensor) -> PackedWeight:
        made = panels(weight.to(dtype), kernel.COLUMNS)
        if dtype != torch.float32:
            # The two halves of a row alternate.
            halves = made.view(*made.shape[:-1], 2, kernel.COLUMNS // 2)
            made = halves.transpose(-1, -2).reshape(made.shape).view(torch.uint16)
        result: PackedWeight = made.numpy()
        return result

    # 1. The readout's columns for s, c and y; those for c go with what c adds to the gates.
    columns = [size, memory_size, model.embedding.embedding_dim]
    from_top, from_context, _ = torch.split(decoder.readout.weight, columns, dim=1)
    context = torch.cat([decoder.context.weight, from_context])  # (4H + E, M)

    # 2. The layers above the first, or none.
    above = [layer_weights(layer) for layer in layers_of(decoder.upper)]
    from_below = context.new_empty(0, 4 * size, 2 * size)
    upper_bias = context.new_empty(0, 4 * size)
    if above:
        from_below = torch.stack(
            [torch.cat([layer.weight_ih, layer.weight_hh], dim=1) for layer in above]
        )  # (L − 1, 4H, 2H)
        upper_bias = torch.stack([layer.bias_ih + layer.bias_hh for layer in above])  # (L − 1, 4H)

    weights = DecoderWeights(
        score=(-2 * decoder.score).numpy(),
        from_state=packed(torch.cat([decoder.split_query()[0], decoder.recurrent.weight])),
        from_context=packed(context),
        from_below=packed(from_below),
        upper_bias=upper_bias.numpy(),
        from_top=packed(from_top),
        output=packed(model.embedding.vocabulary),
        output_bias=model.output_bias.numpy().copy(),
    )

    # 3. What every token adds, where there is room for that.
    table = None
    embedding = model.embedding
    width = len(decoder.score) + len(context)
    if 4 * width * embedding.num_embeddings <= largest_table:
        table = _from_tokens(decoder, embedding.weight)
    return PackedDecoder(kernel, weights, table, decoder, embedding)


def _from_tokens(decoder: BahdanauDecoder, embedded: Tensor) -> Floats:
    """What tokens add to query, gates and readout, biases included: (N, E) → (N, A + 4H + E)."""
    readout = decoder.readout
    columns = readout.weight[:, -embedded.shape[1] :]  # (E, E): those for y
    queries = linear(embedded, decoder.split_query()[1])  # (N, A)
    shares = [queries, decoder.token(embedded), linear(embedded, columns, readout.bias)]
    added: Floats = torch.cat(shares, dim=1).detach().numpy()
    return added


def panels(weight: Tensor, columns: int) -> Tensor:
    """A packed copy of (…, N, K): (…, P, K, columns), the last panel padded with zeros."""
    *before, size, depth = weight.shape
    count = -(-size // columns)
    padded = pad(weight, (0, 0, 0, count * columns - size))
    return padded.view(*before, count, columns, depth).transpose(-1, -2).contiguous()
