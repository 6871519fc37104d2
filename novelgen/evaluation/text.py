"""Measures of written text: variety, repetition, likeness to the truth, originality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from novelgen.data.passages import PASSAGE_LENGTH, PassageIndex
from novelgen.text.words import is_spaced


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


def copied(texts: Sequence[str], training: PassageIndex) -> float:
    """The share of the texts' 8-grams that stand in a line of the training text; 0 without any."""
    passages = [passage for text in texts for passage in ngrams(text, PASSAGE_LENGTH)]
    if not passages:
        return 0.0
    found = training.find(passages)
    return sum(place is not None for place in found) / len(found)


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
