"""What attention looks at, and whether that is what the model uses.

B pairs, S source positions, T target tokens, V vocabulary. A source ends with EOS, the end mark; so
does a target. Weights are those of teacher forcing: α of each true token, before it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from novelgen.data.pairs import Batch

Floats = npt.NDArray[np.floating[Any]]


class Span(NamedTuple):
    """A name's place among tokens: those from `start` up to `stop`."""

    name: str
    start: int
    stop: int


class Hits(NamedTuple):
    """Of target tokens within a name that the source holds: where the heaviest position is."""

    tokens: int  # how many such tokens there are
    first: int  # it is the first token of that name in the source
    within: int  # it is any token of that name
    any_name: int  # it is in this name or in another one
    expected: float  # as `within`, of a position drawn from all with equal chances


def heaviest_share(weights: Floats) -> float:
    """The mean weight of the one position that gets most, over all steps: weights (T, S)."""
    return float(weights.mean(0).max())


def entropy_bits(weights: Floats) -> Floats:
    """The entropy of every row in bits: (T,) of weights (T, S); log₂ S where they are equal."""
    positive = np.where(weights > 0, weights, 1.0)
    entropy: Floats = -(positive * np.log2(positive)).sum(1)
    return entropy


def rank_correlation(left: Floats, right: Floats) -> Floats:
    """Spearman's correlation of every two rows: (T,) of (T, S) each; NaN where a row is constant.

    Equal values share the mean of their ranks.
    """
    ranks = [_ranks(side) - (side.shape[1] - 1) / 2 for side in (left, right)]
    products = (ranks[0] * ranks[1]).sum(1)
    squares = (ranks[0] ** 2).sum(1) * (ranks[1] ** 2).sum(1)
    correlation: Floats = np.divide(
        products, np.sqrt(squares), out=np.full(len(left), np.nan), where=squares > 0
    )
    return correlation


def _ranks(values: Floats) -> Floats:
    """The ranks from 0 within every row of (T, S): how many are smaller, and half the equals."""
    smaller = (values[:, None, :] < values[:, :, None]).sum(2)
    equal = (values[:, None, :] == values[:, :, None]).sum(2) - 1
    ranks: Floats = smaller + equal / 2
    return ranks


def find_spans(tokens: Sequence[str], names: Sequence[str]) -> list[Span]:
    """Where `names` stand in a text that is given as tokens; of two that overlap the longer one.

    A name counts where it begins and ends with a token.
    """
    starts = np.cumsum([0, *map(len, tokens)]).tolist()
    token_at = {start: number for number, start in enumerate(starts)}
    text = "".join(tokens)
    taken = np.zeros(len(text), bool)
    spans = []
    for name in sorted(set(names), key=lambda name: (-len(name), name)):
        start = text.find(name)
        while start >= 0:
            stop = start + len(name)
            if start in token_at and stop in token_at and not taken[start:stop].any():
                taken[start:stop] = True
                spans.append(Span(name, token_at[start], token_at[stop]))
            start = text.find(name, start + 1)
    return sorted(spans, key=lambda span: span.start)


def name_hits(weights: Floats, source: Sequence[Span], target: Sequence[Span]) -> Hits:
    """How often the heaviest position of weights (T, S) lies in the name that is being written.

    `source` and `target` are the names there; one that the source does not hold counts nothing.
    """
    heaviest = weights.argmax(1)  # (T,)
    tokens = 0
    first = 0
    within = 0
    any_name = 0
    expected = 0.0
    named = {place for span in source for place in range(span.start, span.stop)}
    for written in target:
        places = [span for span in source if span.name == written.name]
        if not places:
            continue
        inside = {place for span in places for place in range(span.start, span.stop)}
        starts = {span.start for span in places}
        for step in range(written.start, written.stop):
            tokens += 1
            first += int(heaviest[step]) in starts
            within += int(heaviest[step]) in inside
            any_name += int(heaviest[step]) in named
            expected += len(inside) / weights.shape[1]
    return Hits(tokens, first, within, any_name, expected)


@torch.inference_mode()
def teacher_forced(model: nn.Module, batch: Batch, device: torch.device) -> tuple[Floats, Floats]:
    """Log-probabilities (B, T) of the true tokens, and weights (B, T, S); padding means nothing."""
    source, lengths, target, first = (
        torch.from_numpy(part).to(device)
        for part in (batch.source, batch.source_lengths, batch.target, batch.first)
    )
    log_probs, weights = _unrolled(model, source, lengths, target, first)
    return log_probs.cpu().numpy(), weights.float().cpu().numpy()


@torch.inference_mode()
def leave_one_out(
    model: nn.Module, batch: Batch, device: torch.device, rows: int = 32
) -> tuple[Floats, Floats]:
    """What each source character does for each token of a batch of one pair: (T, S − 1), twice.

    The first is how much the log-probability of the true token falls without the character, the
    second the weights on the characters. `rows` sources are read at a time.
    """
    source = torch.from_numpy(batch.source[0])  # (S,)
    size = len(source)
    # Row j is the source without its j-th token; the end mark stays.
    kept = ~torch.eye(size, dtype=torch.bool)[: size - 1]
    without = source.expand(size - 1, size)[kept].view(size - 1, size - 1).to(device)
    target, first = (torch.from_numpy(part).to(device) for part in (batch.target, batch.first))
    whole, weights = teacher_forced(model, batch, device)
    parts = []
    for sources in torch.split(without, rows):
        lengths = torch.full((len(sources),), size - 1, device=device)
        log_probs, _ = _unrolled(
            model,
            sources,
            lengths,
            target.expand(len(sources), -1),
            first.expand(len(sources)),
        )
        parts.append(log_probs.cpu().numpy())
    effects = whole[0][:, None] - np.concatenate(parts).T  # (T, S − 1)
    return effects, weights[0, :, :-1]


def _unrolled(
    model: nn.Module, source: Tensor, lengths: Tensor, target: Tensor, first: Tensor
) -> tuple[Tensor, Tensor]:
    """Log-probabilities (B, T) of the tokens of target (B, T), and weights (B, T, S)."""
    # Every variant has `start` and `unroll`; they have no common class that says so.
    variant: Any = model
    memory, state = variant.start(source, lengths)
    logits, weights = variant.unroll(target, memory, state, first)  # (B, T, V), (B, T, S)
    chosen = logits.gather(2, target.unsqueeze(2)).squeeze(2)
    log_probs: Tensor = (chosen - logits.logsumexp(2)).float()
    return log_probs, weights
