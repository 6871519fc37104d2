"""A prepared corpus on disk: flat token ids, memory-mapped, and where each segment lies in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from novelgen.config import DataConfig, TextConfig
from novelgen.data.novels import novel_lines, statistics_lines
from novelgen.data.passages import PassageIndex
from novelgen.data.split import NONE, PARTS, describe_split
from novelgen.errors import CheckpointError, CorpusError
from novelgen.i18n import _
from novelgen.os_errors import reason_of
from novelgen.text.chapterlist import from_data
from novelgen.text.folders import Skipped
from novelgen.text.report import FileReport, ImportReport
from novelgen.text.tokenizers import Tokenizer

FORMAT = 1
META = "meta.json"
TEXT = "text.txt"
TOKENIZER = "tokenizer.json"
PASSAGES = "passages.bin"

# What is stored per segment, by file; offsets has one more entry, the end of the last segment.
ARRAYS: dict[str, np.dtype[Any]] = {
    "offsets": np.dtype("<i8"),
    "chapters": np.dtype("<i4"),
    "characters": np.dtype("<i4"),
    "parts": np.dtype("u1"),
}
ID_DTYPES: dict[str, np.dtype[Any]] = {"uint16": np.dtype("<u2"), "uint32": np.dtype("<u4")}

# The fields of DataConfig that make pairs of the segments: a store does not depend on them.
PAIRING = ("context_paragraphs", "tasks")


def is_store(directory: Path) -> bool:
    """Whether `directory` looks like a store, whole or damaged."""
    return (directory / META).is_file() and (directory / TOKENIZER).is_file()


class Store:
    """The n segments of a corpus, in reading order; open it with `Store.open`.

    All arrays are read-only. Segment i is ids[offsets[i]:offsets[i + 1]]. `meta` is what the
    import found, the options, the split, and counts.
    """

    ids: npt.NDArray[np.unsignedinteger[Any]]  # (tokens,) uint16 or uint32, EOS after each segment
    offsets: npt.NDArray[np.int64]  # (n + 1,) where each segment begins, and the end of the last
    chapters: npt.NDArray[np.int32]  # (n,) chapter numbers, 0 before the first heading
    characters: npt.NDArray[np.int32]  # (n,) length as text
    parts: npt.NDArray[np.uint8]  # (n,) places in PARTS

    def __init__(self, directory: Path, meta: dict[str, Any]) -> None:
        self.directory = directory
        self.meta = meta
        segments = meta["segments"]
        self.ids = self._map("ids", ID_DTYPES[meta["id_dtype"]], meta["tokens"])
        self.offsets = self._map("offsets", ARRAYS["offsets"], segments + 1)
        self.chapters = self._map("chapters", ARRAYS["chapters"], segments)
        self.characters = self._map("characters", ARRAYS["characters"], segments)
        self.parts = self._map("parts", ARRAYS["parts"], segments)

    def __repr__(self) -> str:
        return f"Store({str(self.directory)!r}, {len(self.parts):,} segments)"

    @classmethod
    def open(cls, directory: Path) -> Store:
        """Opens a store in milliseconds, whatever its size.

        Raises CorpusError when it is missing, damaged or of another format.
        """
        directory = Path(directory)
        try:
            meta = json.loads((directory / META).read_text(encoding="utf-8"))
            if meta["format"] != FORMAT:
                raise CorpusError(
                    _(
                        "{directory}: prepared in format {found}, this program reads format "
                        "{known}; prepare it again"
                    ).format(directory=directory, found=meta["format"], known=FORMAT)
                )
            return cls(directory, meta)
        except FileNotFoundError as error:
            raise CorpusError(
                _("{directory}: not a prepared corpus: {name} is missing").format(
                    directory=directory, name=Path(error.filename).name
                )
            ) from None
        except OSError as error:
            raise CorpusError(
                _("{path}: cannot be read: {reason}").format(
                    path=directory, reason=reason_of(error)
                )
            ) from None
        except (KeyError, TypeError, ValueError):
            raise CorpusError(
                _(
                    "{directory}: the prepared corpus is damaged; delete it and prepare it again"
                ).format(directory=directory)
            ) from None

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the ids. Raises CheckpointError when its file is damaged."""
        tokenizer = Tokenizer.load(self.directory / TOKENIZER)
        if tokenizer.fingerprint != self.meta["tokenizer"]:
            raise CheckpointError(
                _("{path}: not the tokenizer of this corpus; prepare it again").format(
                    path=self.directory / TOKENIZER
                )
            )
        return tokenizer

    @property
    def text_config(self) -> TextConfig:
        """The options that the text was imported with."""
        return TextConfig(**self.meta["options"]["text"])

    @property
    def data_config(self) -> DataConfig:
        """The options of the tokenizer; those of PAIRING are at their defaults."""
        return DataConfig(**self.meta["options"]["data"])

    def summary(self) -> str:
        """What was imported and what became of it, as lines for a person."""
        return "\n".join(
            [
                _import_report(self.meta["import"]).to_text(),
                *novel_lines(self.meta),
                describe_pairs(self.meta["pairs"]),
                # Stores of older versions hold a text of their own as well, in two languages.
                _("split: {rule}").format(rule=describe_split(self.meta["split"]["rule"])),
                self._tokens_line(),
                *self._passages_lines(),
                *statistics_lines(self.meta),
            ]
        )

    def _tokens_line(self) -> str:
        if self.meta["options"]["data"]["tokenizer"] == "word":
            line = _("tokens: {count:,} (words; vocabulary of {vocabulary:,})")
        else:
            line = _("tokens: {count:,} (characters; vocabulary of {vocabulary:,})")
        return line.format(count=self.meta["tokens"], vocabulary=self.meta["vocabulary_size"])

    def _passages_lines(self) -> list[str]:
        path = self.directory / PASSAGES
        if not path.is_file():
            return []
        line = _("index of the training text, to find copied passages: {size:.1f} MB")
        return [line.format(size=path.stat().st_size / 1e6)]

    def is_in(self, part: str) -> npt.NDArray[np.bool_]:
        """(segments,) bool: the segments of "train", "valid" or "test".

        All of them where the corpus was not split.
        """
        number = PARTS.index(part)
        if self.meta["split"]["rule"] == NONE:
            return np.ones(len(self.parts), dtype=bool)
        is_in: npt.NDArray[np.bool_] = self.parts == number
        return is_in

    def texts(self, part: str | None = None) -> Iterator[str]:
        """The text of every segment, or of those of one part, in order.

        Raises CorpusError when it cannot be read.
        """
        is_in = np.ones(len(self.parts), dtype=bool)
        if part is not None:
            is_in = self.is_in(part)
        try:
            with (self.directory / TEXT).open(encoding="utf-8", newline="\n") as file:
                # Strict: a text of more or fewer lines than there are segments is damaged.
                for chosen, line in zip(is_in, file, strict=True):
                    if chosen:
                        yield line[:-1]
        except (OSError, ValueError) as error:
            raise CorpusError(
                _("{path}: damaged ({reason}); prepare it again").format(
                    path=self.directory / TEXT, reason=error
                )
            ) from None

    def passages(self) -> PassageIndex:
        """Where each passage of the training text stands. Raises CorpusError as `texts`.

        Stores of older versions have no index, and one is built for them each time.
        """
        return PassageIndex.open(self.directory / PASSAGES, self.texts("train"))

    def _map(self, name: str, dtype: np.dtype[Any], length: int) -> npt.NDArray[Any]:
        """The array of a file, read from disk as it is used."""
        path = self.directory / f"{name}.bin"
        if path.stat().st_size != length * dtype.itemsize:
            raise ValueError(f"{path.name} has the wrong size")
        # A plain array: every slice of a numpy.memmap is a memmap again, which is slow to make.
        mapped: npt.NDArray[Any] = np.memmap(path, dtype, mode="r", shape=(length,)).view(
            np.ndarray
        )
        return mapped


def describe_pairs(counts: dict[str, int]) -> str:
    """The numbers of pairs of the three parts, as a line for a person."""
    return _("pairs: train {train:,}, valid {valid:,}, test {test:,}").format(**counts)


def _import_report(data: dict[str, Any]) -> ImportReport:
    """The inverse of ImportReport.to_dict: a store that is reused shows its report again."""
    files = [
        FileReport(file["path"], file["encoding"], file["bytes"], file["notes"])
        for file in data["files"]
    ]
    counts = {name: data[name] for name in ("chapters", "paragraphs", "segments", "characters")}
    return ImportReport(
        files,
        **counts,
        removed=Counter(data["removed"]),
        removed_characters=Counter(data["removed_characters"]),
        # Stores of older versions have none of these.
        doubtful=Counter(data.get("doubtful", {})),
        skipped=[Skipped(**skipped) for skipped in data.get("skipped", [])],
        chapter_starts=from_data(data),
    )
