"""What the source did for every written token, measured by changing the source.

S source positions, T written tokens, U parts of the source. All in bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from novelgen.attribution.forced import Floats, Written, log_probs_given
from novelgen.text.segments import split_sentences
from novelgen.text.tokenizers import EOS, FIRST_BYTE, FIRST_CHARACTER, Tokenizer
from novelgen.text.words import is_spaced, spaced_word_cutter, word_cutter


def information_of_source(
    model: nn.Module,
    written: Written,
    device: torch.device,
    other: Sequence[int] = (EOS,),
) -> Floats:
    """How many bits the source saved at each token (T,): log₂ p(y|x) − log₂ p(y|other).

    The pointwise conditional cross-mutual information (P-CXMI) of Fernandes et al. (2023, "When
    Does Translation Require Context?"). `other` is the source to compare with: none, which is an
    end mark alone, or another text. Below 0 the token was less likely because of the source.
    """
    with_source, without = log_probs_given(model, written, [written.source, other], device)
    information: Floats = with_source - without
    return information


def leave_out(
    model: nn.Module,
    written: Written,
    parts: Sequence[Sequence[int]],
    device: torch.device,
) -> Floats:
    """What each of U parts, lists of source positions, does for each token (T, U).

    How many bits the token loses when the source is read without the part (leave-one-out, Li et
    al., 2016, "Understanding Neural Networks through Representation Erasure").
    """
    whole = log_probs_given(model, written, [written.source], device)
    effects: Floats = (whole - log_probs_without(model, written, parts, device)).T
    return effects


def log_probs_without(
    model: nn.Module,
    written: Written,
    parts: Sequence[Sequence[int]],
    device: torch.device,
) -> Floats:
    """log₂ p (U, T) of the written tokens without each of U parts of the source."""
    sources = [_without(written.source, part) for part in parts]
    if not sources:
        return np.zeros((0, len(written.tokens)))
    return log_probs_given(model, written, sources, device)


def _without(source: Sequence[int], positions: Sequence[int]) -> list[int]:
    """The source without some positions; an end mark alone where nothing else is left."""
    left_out = set(positions)
    return [token for place, token in enumerate(source) if place not in left_out] or [EOS]


def characters_of(source: Sequence[int]) -> list[list[int]]:
    """Its tokens but the end marks, each with its positions: several bytes are one character."""
    found: list[list[int]] = []
    for place, token in enumerate(source):
        if token == EOS:
            continue
        # A byte that continues a character, as UTF-8 has them: 10xxxxxx.
        continues = FIRST_BYTE <= token < FIRST_CHARACTER and (token - FIRST_BYTE) >> 6 == 0b10
        if continues and found and found[-1][-1] == place - 1:
            found[-1].append(place)
        else:
            found.append([place])
    return found


def sentences_of(source: Sequence[int], tokenizer: Tokenizer) -> list[list[int]]:
    """Its sentences, as positions; a segment's end mark goes with the last sentence of it."""
    found: list[list[int]] = []
    start = 0
    ends = np.flatnonzero(np.asarray(source) == EOS) + 1
    for stop in [*ends.tolist(), len(source)]:
        if stop > start:
            found += _sentences_of_segment(source[start:stop], start, tokenizer)
        start = stop
    # The end mark of the whole source is what a source without anything has as well.
    if found and found[-1][-1] == len(source) - 1 and source[-1] == EOS:
        found[-1].pop()
    return [positions for positions in found if positions]


def _sentences_of_segment(
    segment: Sequence[int], start: int, tokenizer: Tokenizer
) -> list[list[int]]:
    """Positions of the sentences of a segment that begins at position `start`."""
    # How much of the text is there after each token, so that a sentence can be found among them.
    text = tokenizer.decode(token for token in segment if token != EOS)
    sizes = np.array([len(tokenizer.decode(segment[: place + 1])) for place in range(len(segment))])
    ends = np.cumsum([len(sentence) for sentence in split_sentences(text)])
    numbers = np.minimum(np.searchsorted(ends, sizes), max(len(ends) - 1, 0))
    return [(start + np.flatnonzero(numbers == number)).tolist() for number in np.unique(numbers)]


def words_of(source: Sequence[int], tokenizer: Tokenizer) -> list[list[int]]:
    """Its words, punctuation left out, as positions of characters that make them up."""
    found: list[list[int]] = []
    characters = characters_of(source)
    texts = [tokenizer.decode(source[place] for place in part) for part in characters]
    text = "".join(texts)
    cut = spaced_word_cutter() if is_spaced(text) else word_cutter()
    # The words in order; each takes the characters that begin in it.
    starts = np.cumsum([0, *map(len, texts)])[:-1]
    start = 0
    for word in cut(text):
        stop = start + len(word)
        inside = np.flatnonzero((starts >= start) & (starts < stop))
        if any(character.isalnum() for character in word):
            positions = [place for number in inside for place in characters[number]]
            if positions:
                found.append(positions)
        start = stop
    return found
