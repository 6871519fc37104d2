"""Which characters and words get a token of their own: the commonest of the training text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from novelgen.config import DataConfig
from novelgen.text.tokenizers import FIRST_CHARACTER, Tokenizer, code_points
from novelgen.text.words import Cutter, UserWord, is_spaced

# Words held while counting. Past it the rarest are forgotten, so that memory is bounded (lossy
# counting, Manku and Motwani, 2002); a word frequent enough for any usual vocabulary is not among
# them.
MAX_WORDS = 1_500_000


class SymbolCounts:
    """How often each character and, where words are cut, each word of two or more occurs."""

    def __init__(self) -> None:
        self.characters: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.spaced = False  # words were counted that stand between spaces

    @classmethod
    def of(cls, text: str, cut: Cutter | None) -> SymbolCounts:
        """The counts of `text`, whose newlines separate segments and count as nothing."""
        # 1. Characters: occurrences[code] for every code point up to the largest.
        counts = cls()
        occurrences = np.bincount(code_points(text))
        counts.characters.update(
            {chr(code): int(occurrences[code]) for code in np.flatnonzero(occurrences).tolist()}
        )
        del counts.characters["\n"]

        # 2. Words; one of a single character is counted already.
        if cut is not None:
            counts.words.update(cut(text))
            counts.spaced = is_spaced(text)
            for word in [word for word in counts.words if len(word) == 1 or "\n" in word]:
                del counts.words[word]
        return counts

    def add(self, other: SymbolCounts, max_words: int = MAX_WORDS) -> None:
        """Adds the counts of a further part of the text.

        Past `max_words` words the rarest are forgotten.
        """
        self.characters.update(other.characters)
        self.words.update(other.words)
        self.spaced |= other.spaced
        rare = 1
        while len(self.words) > max_words:
            self.words = Counter(
                {word: count for word, count in self.words.items() if count > rare}
            )
            rare += 1

    def tokenizer(self, config: DataConfig, user_words: Sequence[UserWord] = ()) -> Tokenizer:
        """A tokenizer of at most `config.vocabulary_size` tokens.

        First come all characters, then words while there is room.
        """
        room = config.vocabulary_size - FIRST_CHARACTER
        characters = _commonest(self.characters, config.min_count)[:room]
        if config.tokenizer == "char":
            return Tokenizer(characters)
        words = _commonest(self.words, config.min_count)[: room - len(characters)]
        return Tokenizer(characters, words, user_words, self.spaced)


def _commonest(counts: Counter[str], min_count: int) -> list[str]:
    """By falling count, then by code points, so that the order rests on nothing but the text."""
    kept = [(-count, symbol) for symbol, count in counts.items() if count >= min_count]
    return [symbol for _, symbol in sorted(kept)]
