"""A prepared corpus on disk: flat token ids, memory-mapped, and where each segment lies in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from novelgen.config import DataConfig, TextConfig
from novelgen.data.split import NONE, PARTS
from novelgen.errors import CheckpointError, CorpusError
from novelgen.text.report import FileReport, ImportReport
from novelgen.text.tokenizers import Tokenizer

FORMAT = 1
META, TEXT, TOKENIZER = "meta.json", "text.txt", "tokenizer.json"
# What is stored per segment, by file: offsets has one more entry, the end of the last segment.
ARRAYS = {
    "offsets": np.dtype("<i8"),
    "chapters": np.dtype("<i4"),
    "characters": np.dtype("<i4"),
    "parts": np.dtype("u1"),
}
PAIRING = (
    "context_paragraphs",
    "tasks",
)  # fields of DataConfig that make pairs of the segments, and so are not the store's
ID_DTYPES = {"uint16": np.dtype("<u2"), "uint32": np.dtype("<u4")}


def is_store(directory: Path) -> bool:
    """Whether `directory` looks like a store, whole or damaged."""
    return (directory / META).is_file() and (directory / TOKENIZER).is_file()


class Store:
    """The n segments of a corpus, in reading order; open it with `Store.open`. All arrays are read-only.

    ids (tokens,) uint16 or uint32: all segments, EOS after each. offsets (n + 1,) int64: segment i is
    ids[offsets[i]:offsets[i + 1]]. chapters (n,) int32: 0 before the first heading. characters (n,) int32: its length
    as text. parts (n,) uint8: 0 train, 1 valid, 2 test. meta: what the import found, the options, the split, counts.
    """

    def __init__(self, directory: Path, meta: dict[str, Any]) -> None:
        self.directory, self.meta = directory, meta
        segments = meta["segments"]
        self.ids = self._map("ids", ID_DTYPES[meta["id_dtype"]], meta["tokens"])
        self.offsets = self._map("offsets", ARRAYS["offsets"], segments + 1)
        self.chapters = self._map("chapters", ARRAYS["chapters"], segments)
        self.characters = self._map("characters", ARRAYS["characters"], segments)
        self.parts = self._map("parts", ARRAYS["parts"], segments)

    @classmethod
    def open(cls, directory: Path) -> Store:
        """Opens a store in milliseconds, whatever its size. Raises CorpusError when it is missing, damaged or newer."""
        directory = Path(directory)
        damaged = (
            f"{directory}：语料库已损坏，请删去后重新 prepare | the prepared corpus is damaged; "
            "delete it and prepare it again"
        )
        try:
            meta = json.loads((directory / META).read_text(encoding="utf-8"))
            if meta["format"] != FORMAT:
                raise CorpusError(
                    f"{directory}：语料库格式是 {meta['format']}，本程序用 {FORMAT}，请重新 prepare | "
                    f"prepared in format {meta['format']}, this program reads {FORMAT}; prepare it again"
                )
            return cls(directory, meta)
        except FileNotFoundError as error:
            name = Path(error.filename).name
            raise CorpusError(
                f"{directory}：不是 prepare 做出的目录，没有 {name} | not a prepared corpus: {name} is "
                "missing"
            ) from None
        except OSError as error:
            raise CorpusError(
                f"{directory}：读不了，{error.strerror} | cannot be read: {error.strerror}"
            ) from None
        except (KeyError, TypeError, ValueError):
            raise CorpusError(damaged) from None

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the ids. Raises CheckpointError when its file is damaged."""
        tokenizer = Tokenizer.load(self.directory / TOKENIZER)
        if tokenizer.fingerprint != self.meta["tokenizer"]:
            raise CheckpointError(
                f"{self.directory / TOKENIZER}：词表与语料库不符，请重新 prepare | not the tokenizer "
                "of this corpus; prepare it again"
            )
        return tokenizer

    @property
    def text_config(self) -> TextConfig:
        """The options that the text was imported with."""
        return TextConfig(**self.meta["options"]["text"])

    @property
    def data_config(self) -> DataConfig:
        """The options of the tokenizer; those of PAIRING, which a store does not fix, are at their defaults."""
        return DataConfig(**self.meta["options"]["data"])

    def summary(self) -> str:
        """What was imported and what became of it, as lines for a person."""
        meta = self.meta
        kind = {"char": "按字 characters", "word": "按词 words"}[
            meta["options"]["data"]["tokenizer"]
        ]
        return "\n".join(
            [
                _import_report(meta["import"]).to_text(),
                "对 pairs         "
                + "，".join(f"{part} {meta['pairs'][part]:,}" for part in PARTS),
                f"划分 split       {meta['split']['description']}",
                f"词元 tokens      {meta['tokens']:,}（{kind}，词表 vocabulary {meta['vocabulary_size']:,}）",
            ]
        )

    def is_in(self, part: str) -> np.ndarray:
        """(segments,) bool: the segments of "train", "valid" or "test"; all of them where the corpus was not split."""
        number = PARTS.index(part)
        if self.meta["split"]["rule"] == NONE:
            return np.ones(len(self.parts), dtype=bool)
        return self.parts == number

    def texts(self, part: str | None = None) -> Iterator[str]:
        """The text of every segment, or of those of one part, in order. Raises CorpusError when it cannot be read."""
        is_in = np.ones(len(self.parts), dtype=bool) if part is None else self.is_in(part)
        try:
            with (self.directory / TEXT).open(encoding="utf-8", newline="\n") as file:
                for chosen, line in zip(is_in, file, strict=True):
                    if chosen:
                        yield line[:-1]
        except (OSError, ValueError) as error:
            raise CorpusError(
                f"{self.directory / TEXT}：已损坏（{error}），请重新 prepare | damaged; "
                "prepare it again"
            ) from None

    def _map(self, name: str, dtype: np.dtype, length: int) -> np.ndarray:
        path = self.directory / f"{name}.bin"
        if path.stat().st_size != length * dtype.itemsize:
            raise ValueError(f"{path.name} has the wrong size")
        return np.memmap(path, dtype, mode="r", shape=(length,)).view(np.ndarray)


def _import_report(data: dict[str, Any]) -> ImportReport:
    """The inverse of ImportReport.to_dict: a reused store tells its report again."""
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
    )
