"""Measures of written text: variety, repetition, likeness to the truth, originality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from novelgen.text.words import is_spaced

COPY_LENGTH = 8
BLOCK_LINES = 2_000  # lines of training text that are looked through at a time


def ngrams(text: str, size: int) -> Iterator[str]:
    """The character n-grams of a text, in order."""
    return (text[start : start + size] for start in range(len(text) - size + 1))


def distinct(texts: Sequence[str], size: int) -> float:
    """Distinct-n (Li et al., 2016): the share of different ones among all character n-grams.

    All texts are counted together; 0 without any n-gram.
    """
    grams = [gram for text in texts for gram in ngrams(text, size)]
    if not grams:
        return 0.0
    return len(set(grams)) / len(grams)


def repeated(texts: Sequence[str], size: int = 4) -> float:
    """The share of character n-grams that stood earlier in the same text; 0 without any."""
    total = 0
    repetitions = 0
    for text in texts:
        grams = list(ngrams(text, size))
        total += len(grams)
        repetitions += len(grams) - len(set(grams))
    if not total:
        return 0.0
    return repetitions / total


def divergence(written: Sequence[str], truth: Sequence[str], size: int = 2) -> float | None:
    """The Jensen–Shannon divergence (Lin, 1991) of two collections' character n-grams, in bits.

    JSD(P, Q) = H((P + Q) / 2) - (H(P) + H(Q)) / 2, where P and Q are the relative frequencies: 0
    where these are the same, 1 where no n-gram is in both. None where a collection has no n-gram.
    """
    counts = [
        Counter(gram for text in texts for gram in ngrams(text, size)) for texts in (written, truth)
    ]
    if not all(counts):
        return None
    grams = list(counts[0] | counts[1])
    p, q = (np.array([each[gram] for gram in grams]) / each.total() for each in counts)
    bits = _entropy_bits((p + q) / 2) - (_entropy_bits(p) + _entropy_bits(q)) / 2
    # Rounding may leave a little less than nothing.
    return max(bits, 0.0)


def _entropy_bits(shares: npt.NDArray[np.float64]) -> float:
    """H(P) = -Σ p log₂ p of (N,) shares that sum to 1."""
    positive = shares[shares > 0]
    return float(-(positive * np.log2(positive)).sum())


def copied(texts: Sequence[str], training: Iterable[str], size: int = COPY_LENGTH) -> float:
    """The share of the texts' character n-grams that occur in a line of the training text.

    0 without any n-gram.
    """
    (share,) = copied_shares([texts], training, size)
    return share


def copied_shares(
    groups: Iterable[Sequence[str]], training: Iterable[str], size: int = COPY_LENGTH
) -> list[float]:
    """The share that `copied` has for each group of texts; the training text is read once."""
    grams = [[gram for text in texts for gram in ngrams(text, size)] for texts in groups]
    wanted = {gram for each in grams for gram in each}
    *_, found = _occurring(wanted, training, size, BLOCK_LINES)
    return [_share(each, found) for each in grams]


def copying(
    texts: Sequence[str],
    training: Iterable[str],
    size: int = COPY_LENGTH,
    block_lines: int = BLOCK_LINES,
) -> Iterator[float]:
    """The share that `copied` returns, as far as it is found after each `block_lines` of training.

    The last value is the whole share.
    """
    grams = [gram for text in texts for gram in ngrams(text, size)]
    for found in _occurring(set(grams), training, size, block_lines):
        yield _share(grams, found)


def _share(grams: Sequence[str], found: Collection[str]) -> float:
    return sum(gram in found for gram in grams) / max(len(grams), 1)


def _occurring(
    wanted: Collection[str], training: Iterable[str], size: int, block_lines: int
) -> Iterator[set[str]]:
    """Those n-grams of `wanted` that occur in training so far: at first, and after each block.

    With a few others, whose hashes are equal by chance. Only the wanted n-grams are kept in memory;
    the training text is streamed past them.
    """
    suspects: set[str] = set()
    yield suspects
    if not wanted:
        return
    wanted_hashes = hashes(np.array([[ord(character) for character in gram] for gram in wanted]))
    lines = iter(training)
    while block := list(islice(lines, block_lines)):
        # No n-gram of a text without newlines runs over the end of a line.
        passage = "\n".join(block)
        # All windows of the block are hashed at once: looking them up in a set of strings would
        # make one string for each character of the training text.
        places = np.flatnonzero(np.isin(hashes(windows(passage, size)), wanted_hashes))
        suspects.update(passage[place : place + size] for place in places)
        yield suspects


def windows(text: str, size: int) -> npt.NDArray[np.uint32]:
    """The code points of all n-grams of a text, (N, size); (0, size) of one that is shorter."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    if len(codes) < size:
        return np.zeros((0, size), dtype=np.uint32)
    return np.lib.stride_tricks.sliding_window_view(codes, size)


def hashes(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """(N, n) code points → (N,) uint64 hashes.

    Equal windows agree, others hardly ever; the texts are compared afterwards.
    """
    if not rows.size:
        return np.zeros(0, dtype=np.uint64)
    # A polynomial in a prime, modulo 2^64.
    powers = np.array(
        [pow(1_000_003, power, 1 << 64) for power in range(rows.shape[1])], dtype=np.uint64
    )
    found: npt.NDArray[np.uint64] = rows.astype(np.uint64) @ powers
    return found


def likeness(written: Sequence[str], truth: Sequence[str]) -> dict[str, float]:
    """BLEU (Papineni et al., 2002) and chrF (Popović, 2015) against the true texts, both 0..100.

    BLEU counts Chinese characters, or the words of text between spaces.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    hypotheses = list(written)
    references = [list(truth)]  # one reference for each text
    is_mostly_spaced = sum(map(is_spaced, truth)) > len(truth) / 2
    bleu = BLEU(tokenize="13a" if is_mostly_spaced else "zh")
    return {
        "bleu": bleu.corpus_score(hypotheses, references).score,
        "chrf": CHRF().corpus_score(hypotheses, references).score,
    }
