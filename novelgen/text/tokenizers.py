"""Text to token ids and back, without loss.

A word without a token is spelled in characters, a character without one in UTF-8 bytes. Ids: PAD,
BOS, EOS are 0, 1, 2; the 256 bytes 3 to 258; then the characters, then the words, each by falling
count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from novelgen.errors import CheckpointError, CorpusError
from novelgen.i18n import _
from novelgen.text.words import Cutter, UserWord, spaced_word_cutter, word_cutter

PAD = 0
BOS = 1
EOS = 2
SPECIALS = ("<PAD>", "<BOS>", "<EOS>")
FIRST_BYTE = len(SPECIALS)
FIRST_CHARACTER = FIRST_BYTE + 256
FORMAT = 1
_NEWLINE = ord("\n")


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """The code points of `text`, (characters,) uint32.

    Raises CorpusError on a lone surrogate, which is half a character.
    """
    try:
        return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    except UnicodeEncodeError as error:
        code = f"U+{ord(text[error.start]):04X}"
        raise CorpusError(
            _("character {position} is a lone surrogate ({code}); remove it").format(
                position=error.start + 1, code=code
            )
        ) from None


class Tokenizer:
    """Characters, and with `words` also words; decode(encode(text)) == text for every text.

    `characters` and `words` (two characters and more) are the vocabulary in the order of their ids;
    `words` None means a character tokenizer. `user_words` go to the word segmenter. `spaced` says
    that the words were learned from text with spaces between words too (`spaced_word_cutter`);
    without it jieba cuts everything.
    """

    def __init__(
        self,
        characters: Sequence[str],
        words: Sequence[str] | None = None,
        user_words: Sequence[UserWord] = (),
        spaced: bool = False,
    ) -> None:
        self.kind = "char" if words is None else "word"
        self.characters = list(characters)
        self.words = list(words or ())
        self.user_words = list(user_words)
        self.spaced = spaced
        # These errors reach a user where a file is damaged.
        if any(len(character) != 1 or character == "\n" for character in self.characters):
            raise ValueError(_("an entry of the characters is not one character, or a newline"))
        if any(len(word) < 2 or "\n" in word for word in self.words):
            raise ValueError(_("a word has less than two characters, or a newline"))
        self._ids = {
            symbol: number
            for number, symbol in enumerate([*self.characters, *self.words], FIRST_CHARACTER)
        }
        self.size = FIRST_CHARACTER + len(self.characters) + len(self.words)
        if len(self._ids) != self.size - FIRST_CHARACTER:
            raise ValueError(_("a character or word occurs twice"))
        known = code_points("".join(self.characters))
        # (code points,) int32: the id of each, -1 for none; the last entry stands for all code
        # points beyond the table.
        self._character_ids = np.full(int(known.max(initial=_NEWLINE)) + 2, -1, dtype=np.int32)
        self._character_ids[known] = np.arange(FIRST_CHARACTER, FIRST_CHARACTER + len(known))

    def encode(self, text: str) -> list[int]:
        """The ids of `text`, without BOS or EOS. Raises CorpusError on a lone surrogate."""
        ids: list[int] = self._encode(text).tolist()
        return ids

    def encode_lines(
        self, lines: Sequence[str]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The ids of all lines, (tokens,) int32, and how many each line has, (lines,) int64.

        An EOS follows each line and counts as its own. Raises CorpusError on a lone surrogate.
        """
        text = "".join(f"{line}\n" for line in lines)
        if text.count("\n") == len(lines):
            ids = self._encode(text, newline=EOS)
        else:
            # A line has a newline of its own, so that newlines cannot stand for EOS.
            pieces = [np.append(self._encode(line), np.int32(EOS)) for line in lines]
            ids = np.concatenate(pieces)
        return ids, np.diff(np.flatnonzero(ids == EOS), prepend=-1)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`; incomplete UTF-8 becomes �, specials are left out."""
        return b"".join([self._bytes[number] for number in ids]).decode("utf-8", errors="replace")

    def labels(self, ids: Iterable[int]) -> list[str]:
        """A readable name for each token: its text, <E4> for a byte, <EOS> for a special."""
        return [self._label(int(number)) for number in ids]

    @property
    def symbols(self) -> list[str]:
        """The characters, then the words: those of the ids from FIRST_CHARACTER on."""
        return list(self._ids)

    def extended_by(self, other: Tokenizer) -> Tokenizer:
        """A tokenizer of the kind of `other`, with this one's symbols before those of `other`."""
        characters = dict.fromkeys([*self.characters, *other.characters])
        if other.kind == "char":
            return Tokenizer(list(characters))
        words = dict.fromkeys([*self.words, *other.words])
        return Tokenizer(list(characters), list(words), other.user_words, other.spaced)

    def ids_of(self, symbols: Iterable[str]) -> npt.NDArray[np.int64]:
        """(symbols,) int64: the id of each character or word, -1 where it has no token."""
        return np.array([self._ids.get(symbol, -1) for symbol in symbols], dtype=np.int64)

    @cached_property
    def punctuation_ids(self) -> tuple[int, ...]:
        """The characters and words without a letter, digit or ideograph."""
        return tuple(
            number for symbol, number in self._ids.items() if not any(map(str.isalnum, symbol))
        )

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the vocabulary: two tokenizers with equal fingerprints give equal ids."""
        # Sorted keys and ASCII make the bytes the same everywhere.
        data = json.dumps(self.to_dict(), sort_keys=True).encode("ascii")
        return hashlib.sha256(data).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        data: dict[str, Any] = {
            "format": FORMAT,
            "kind": self.kind,
            "characters": "".join(self.characters),
        }
        if self.kind == "word":
            data.update(words=self.words, user_words=[list(entry) for entry in self.user_words])
        if self.spaced:
            # Written only where it is so, because older vocabularies keep their fingerprints.
            data["spaced"] = True
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tokenizer:
        """The inverse of `to_dict`.

        Raises CheckpointError when the data is damaged or of a newer format.
        """
        try:
            return cls._from_dict(data)
        except (KeyError, TypeError, ValueError, CorpusError) as error:
            raise CheckpointError(
                _("the tokenizer is damaged ({reason}); restore it or train again").format(
                    reason=error
                )
            ) from None

    @classmethod
    def _from_dict(cls, data: Mapping[str, Any]) -> Tokenizer:
        if data["format"] > FORMAT:
            raise CheckpointError(
                _(
                    "the tokenizer's format {format} is newer than this program; upgrade novelgen"
                ).format(format=data["format"])
            )
        if data["kind"] == "char":
            return cls(data["characters"])
        if data["kind"] == "word":
            return cls(
                data["characters"],
                data["words"],
                [UserWord(*entry) for entry in data["user_words"]],
                bool(data.get("spaced", False)),
            )
        raise ValueError(f"kind {data['kind']!r}")

    def save(self, path: Path) -> None:
        """Writes the tokenizer as JSON. Raises OSError."""
        with Path(path).open("w", encoding="utf-8", newline="\n") as file:
            json.dump(self.to_dict(), file, ensure_ascii=False, indent=0)

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Reads what `save` wrote.

        Raises CheckpointError when it is missing, damaged or of a newer format.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise CheckpointError(
                _("{path}: cannot be read: {reason}").format(path=path, reason=error.strerror)
            ) from None
        except ValueError:
            raise CheckpointError(
                _(
                    "{path}: the tokenizer is damaged (no JSON in UTF-8); restore it or train again"
                ).format(path=path)
            ) from None
        except CheckpointError as error:
            raise CheckpointError(_("{path}: {problem}").format(path=path, problem=error)) from None

    @cached_property
    def _cut(self) -> Cutter:
        # Loading the segmenter's dictionary takes a while, and decoding alone does not need it.
        user_words = tuple(self.user_words)
        if self.spaced:
            return spaced_word_cutter(user_words)
        return word_cutter(user_words)

    @cached_property
    def _bytes(self) -> list[bytes]:
        """The UTF-8 bytes of every token; none for the specials."""
        single = [bytes([value]) for value in range(256)]
        return [b""] * FIRST_BYTE + single + [symbol.encode("utf-8") for symbol in self._ids]

    def _label(self, number: int) -> str:
        if number < FIRST_BYTE:
            return SPECIALS[number]
        if number < FIRST_CHARACTER:
            return f"<{number - FIRST_BYTE:02X}>"
        return self._bytes[number].decode("utf-8")

    def _encode(self, text: str, newline: int = -1) -> npt.NDArray[np.int32]:
        """(tokens,) int32; `newline` is the token of a newline, -1 to spell it."""
        if self.kind == "char":
            ids, _counts = self._spell(text, newline)
            return ids
        # Only this reports a lone surrogate well; the segmenter does not.
        code_points(text)
        # 1. The words that have a token.
        words = self._cut(text)
        ids = np.fromiter(map(self._ids.get, words, repeat(-1)), dtype=np.int32, count=len(words))
        unknown = np.flatnonzero(ids < 0)  # (unknown words,)
        if not len(unknown):
            return ids
        # 2. The others are spelled, all in one go.
        spelled = [words[place] for place in unknown.tolist()]
        spelling, counts = self._spell("".join(spelled), newline)
        # 3. Each takes as many tokens as its characters have together.
        starts = np.cumsum([0, *map(len, spelled[:-1])])  # (unknown words,)
        lengths = np.add.reduceat(counts, starts)
        ids, _counts = _replace(ids, unknown, spelling, lengths)
        return ids

    def _spell(
        self, text: str, newline: int
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """`text` in characters and bytes.

        The ids, (tokens,) int32, and how many tokens each character has, (characters,) int64.
        """
        codes = code_points(text)  # (characters,)
        ids = self._character_ids.take(codes, mode="clip")
        if newline >= 0:
            ids[codes == _NEWLINE] = newline
        unknown = np.flatnonzero(ids < 0)
        # A character without a token is its bytes.
        in_bytes = [text[place].encode("utf-8") for place in unknown.tolist()]
        spelling = np.frombuffer(b"".join(in_bytes), dtype=np.uint8).astype(np.int32) + FIRST_BYTE
        lengths = np.array([len(piece) for piece in in_bytes], dtype=np.int64)
        return _replace(ids, unknown, spelling, lengths)


def _replace(
    ids: npt.NDArray[np.int32],
    places: npt.NDArray[np.intp],
    spelling: npt.NDArray[np.int32],
    lengths: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """`ids` with the one at places[i] replaced by the next lengths[i] ids of `spelling`.

    Also how many ids stand for each now, (ids,) int64.
    """
    counts = np.ones(len(ids), dtype=np.int64)
    counts[places] = lengths
    is_spelled = np.zeros(len(ids), dtype=bool)
    is_spelled[places] = True
    # Every id as often as it has tokens, then the spelling in the places of what is spelled.
    longer = np.repeat(ids, counts)
    longer[np.repeat(is_spelled, counts)] = spelling
    return longer, counts
