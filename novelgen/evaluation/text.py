"""Measures of written text: variety, repetition, likeness to the truth, originality."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from novelgen.text.words import is_spaced

COPY_LENGTH = 8
_BLOCK = 2_000  # lines of training text that are looked through at a time


def ngrams(text: str, size: int) -> Iterator[str]:
    """The character n-grams of a text, in order."""
    return (text[start : start + size] for start in range(len(text) - size + 1))


def distinct(texts: Sequence[str], size: int) -> float:
    """Distinct-n (Li et al., 2016): different character n-grams over all of them, all texts together; 0 without any."""
    grams = [gram for text in texts for gram in ngrams(text, size)]
    return len(set(grams)) / len(grams) if grams else 0.0


def repeated(texts: Sequence[str], size: int = 4) -> float:
    """The share of character n-grams that stood earlier in the same text; 0 without any."""
    total = again = 0
    for text in texts:
        grams = list(ngrams(text, size))
        total += len(grams)
        again += len(grams) - len(set(grams))
    return again / total if total else 0.0


def copied(texts: Sequence[str], training: Iterable[str], size: int = COPY_LENGTH) -> float:
    """The share of the texts' character n-grams that occur in a line of the training text; 0 without any."""
    *_, share = copying(texts, training, size)
    return share


def copying(
    texts: Sequence[str], training: Iterable[str], size: int = COPY_LENGTH
) -> Iterator[float]:
    """What `copied` has found so far, again and again while the training text is looked through; the last is the whole share.

    Only the texts' own n-grams are kept in memory; the training text is streamed past them.
    """
    grams = [gram for text in texts for gram in ngrams(text, size)]
    wanted = _hashes(np.array([[ord(character) for character in gram] for gram in set(grams)]))
    suspects: set[str] = set()
    yield 0.0
    if not grams:
        return
    lines = iter(training)
    while block := list(islice(lines, _BLOCK)):
        passage = "\n".join(block)
        codes = np.frombuffer(passage.encode("utf-32-le"), dtype=np.uint32)
        if len(codes) >= size:
            windows = np.lib.stride_tricks.sliding_window_view(codes, size)
            suspects.update(
                passage[place : place + size]
                for place in np.flatnonzero(np.isin(_hashes(windows), wanted))
            )
        yield sum(gram in suspects for gram in grams) / len(grams)


def _hashes(windows: np.ndarray) -> np.ndarray:
    """(N, n) code points → (N,) uint64; equal windows agree, others hardly ever, and the texts are compared afterwards."""
    if not windows.size:
        return np.zeros(0, dtype=np.uint64)
    powers = np.array(
        [pow(1_000_003, power, 1 << 64) for power in range(windows.shape[1])], dtype=np.uint64
    )
    return windows.astype(np.uint64) @ powers


def likeness(written: Sequence[str], truth: Sequence[str]) -> dict[str, float]:
    """BLEU (Papineni et al., 2002) and chrF (Popović, 2015) against the true texts, both 0..100.

    BLEU counts Chinese characters, or the words of text between spaces.
    """
    from sacrebleu.metrics import BLEU, CHRF

    spaced = sum(map(is_spaced, truth)) > len(truth) / 2
    return {
        "bleu": BLEU(tokenize="13a" if spaced else "zh")
        .corpus_score(list(written), [list(truth)])
        .score,
        "chrf": CHRF().corpus_score(list(written), [list(truth)]).score,
    }
