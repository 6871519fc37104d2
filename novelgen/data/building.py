"""Builds a store in an empty directory, block by block: a corpus of any size fits in memory.

Pass 1 streams the import to text.txt; which chapters are held out is known only then. Pass 2 counts
the training text for the vocabulary, pass 3 encodes all of it; both work on blocks of text.txt, in
several processes when it is large.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from novelgen.config import DataConfig
from novelgen.data.novel_files import Duplicate, find_novel
from novelgen.data.novels import describe_novels
from novelgen.data.passages import PassageIndex
from novelgen.data.split import (
    NONE,
    PARTS,
    TRAIN,
    NovelsSplit,
    find_targets,
    number_within,
    split_novels,
)
from novelgen.data.statistics import CorpusFigures
from novelgen.data.store import ARRAYS, FORMAT, ID_DTYPES, META, PASSAGES, TEXT, TOKENIZER
from novelgen.parallel import map_in_order, processors
from novelgen.text.importing import CorpusImport, Paragraph
from novelgen.text.tokenizers import Tokenizer
from novelgen.text.vocabulary import SymbolCounts
from novelgen.text.words import UserWord, spaced_word_cutter

BLOCK_CHARACTERS = 1 << 20
# Below this, starting processes costs more than it saves.
PARALLEL_BYTES = 8 << 20


class TextBlock(NamedTuple):
    """Bytes [start, end) of text.txt, which are segments [first, last)."""

    start: int
    end: int
    first: int
    last: int


def build(
    corpus: CorpusImport,
    data: DataConfig,
    user_words: Sequence[UserWord],
    directory: Path,
    identity: dict[str, Any],
    workers: int | None,
    duplicates: Sequence[Duplicate] = (),
    known: Tokenizer | None = None,
) -> None:
    """Writes the files of a store into `directory`, last meta.json, which makes it one.

    `identity` are the entries of meta.json that tell this corpus and its options from others,
    `duplicates` the files that were left out of it. The vocabulary has all symbols of `known`.
    Raises CorpusError, ConfigError and OSError.
    """
    # 1. The text, and which segments are held out.
    figures = CorpusFigures(corpus.report)
    blocks = _write_text(corpus, directory, figures)
    workers = workers or processors()
    if blocks[-1].end < PARALLEL_BYTES:
        workers = 1
    chapters = np.fromfile(directory / "chapters.bin", ARRAYS["chapters"])
    starts = [novel.start for novel in figures.novels]
    own_numbers = number_within(chapters, starts, [novel.first_number for novel in figures.novels])
    divided = split_novels(
        chapters, own_numbers, starts, _held_out(corpus, data.hold_out, duplicates)
    )
    _write(directory / "parts.bin", divided.parts.data)

    # 2. The vocabulary, of the training text alone.
    counts = SymbolCounts()
    words = list(user_words) if data.tokenizer == "word" else None
    for block_counts in map_in_order(partial(_count, directory, words), blocks, workers):
        counts.add(block_counts)
    tokenizer = counts.tokenizer(data, user_words)
    if known is not None:
        tokenizer = known.extended_by(tokenizer)
    tokenizer.save(directory / TOKENIZER)

    # 3. The ids, in the narrowest type that holds them.
    id_dtype = "uint16" if tokenizer.size <= 1 << 16 else "uint32"
    encode = partial(_encode, directory, tokenizer.fingerprint, id_dtype)
    tokens = _write_ids(directory, map_in_order(encode, blocks, workers))

    # 4. Where each passage of the training text stands, to find what a model copies.
    index = PassageIndex.build(_training_lines(directory, blocks, divided))
    _write(directory / PASSAGES, index.places.data)

    # 5. meta.json, when everything that it speaks of is there.
    meta = {
        "format": FORMAT,
        **identity,
        "tokenizer": tokenizer.fingerprint,
        "vocabulary_size": tokenizer.size,
        "id_dtype": id_dtype,
        "tokens": tokens,
        "segments": len(chapters),
        **_describe(directory, chapters, divided),
        "novels": describe_novels(figures.novels, corpus.report, chapters, own_numbers, divided),
        "statistics": figures.of_corpus(None if words is None else counts.words),
        "duplicate_files": [
            {"path": str(each.path), "same_as": str(each.same_as)} for each in duplicates
        ],
        "import": corpus.report.to_dict(),
    }
    _write(directory / META, json.dumps(meta, ensure_ascii=False, indent=1).encode("utf-8"))


def _held_out(
    corpus: CorpusImport, name: str | None, duplicates: Sequence[Duplicate]
) -> int | None:
    """The place of the novel that is held out, among the files that were read."""
    if name is None:
        return None
    paths = [Path(file.path) for file in corpus.report.files]
    # What a duplicate stands for may have been left out too.
    read = [each for each in duplicates if each.same_as in paths]
    names = [*paths, *(each.path for each in read)]
    place = find_novel(names, name)
    if place < len(paths):
        return place
    # The file that is named was left out, because another one has its text.
    return paths.index(read[place - len(paths)].same_as)


def _write_text(
    corpus: Iterable[Paragraph], directory: Path, figures: CorpusFigures
) -> list[TextBlock]:
    """Writes text.txt, chapters.bin and characters.bin; returns the blocks of the text."""
    blocks: list[TextBlock] = []
    # What is waiting to be written: the segments, and the numbers that belong to each.
    lines: list[str] = []
    chapters = array("i")
    characters = array("i")
    waiting = 0  # characters
    with (
        (directory / TEXT).open("wb") as text_file,
        (directory / "chapters.bin").open("wb") as chapters_file,
        (directory / "characters.bin").open("wb") as characters_file,
    ):

        def flush() -> None:
            """Writes what is waiting as one block."""
            text = ("\n".join(lines) + "\n").encode("utf-8")
            # A block begins where the last one ended.
            start = blocks[-1].end if blocks else 0
            first = blocks[-1].last if blocks else 0
            blocks.append(TextBlock(start, start + len(text), first, first + len(lines)))
            text_file.write(text)
            chapters_file.write(np.asarray(chapters, ARRAYS["chapters"]).data)
            characters_file.write(np.asarray(characters, ARRAYS["characters"]).data)
            lines.clear()
            del chapters[:]
            del characters[:]

        for paragraph in corpus:
            figures.add(paragraph)
            for segment in paragraph.segments:
                lines.append(segment)
                chapters.append(paragraph.chapter)
                characters.append(len(segment))
                waiting += len(segment)
            if waiting >= BLOCK_CHARACTERS:
                flush()
                waiting = 0
        if lines:
            flush()
    figures.finish()
    return blocks


def _lines(directory: Path, block: TextBlock) -> list[str]:
    """The segments of a block."""
    with (directory / TEXT).open("rb") as file:
        file.seek(block.start)
        return file.read(block.end - block.start).decode("utf-8").split("\n")[:-1]


@lru_cache(maxsize=1)
def _tokenizer(path: Path, fingerprint: str) -> Tokenizer:  # noqa: ARG001 - part of the cache's key
    """One tokenizer for all blocks of a process.

    The fingerprint tells it from an earlier one at that path.
    """
    return Tokenizer.load(path)


def _count(directory: Path, user_words: list[UserWord] | None, block: TextBlock) -> SymbolCounts:
    """The counts of the training segments of a block.

    Words are counted too, unless `user_words` is None.
    """
    # One byte for each segment: the parts of this block alone are read.
    with (directory / "parts.bin").open("rb") as file:
        file.seek(block.first)
        parts = np.frombuffer(file.read(block.last - block.first), np.uint8)
    text = "\n".join(compress(_lines(directory, block), parts == TRAIN))
    if user_words is None:
        return SymbolCounts.of(text, None)
    return SymbolCounts.of(text, spaced_word_cutter(tuple(user_words)))


def _encode(
    directory: Path, fingerprint: str, id_dtype: str, block: TextBlock
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The ids of a block, EOS after each segment, and how many each segment has."""
    tokenizer = _tokenizer(directory / TOKENIZER, fingerprint)
    ids, lengths = tokenizer.encode_lines(_lines(directory, block))
    return ids.astype(ID_DTYPES[id_dtype]), lengths


def _write_ids(
    directory: Path, encoded: Iterable[tuple[npt.NDArray[Any], npt.NDArray[Any]]]
) -> int:
    """Writes ids.bin and offsets.bin; returns how many tokens there are."""
    tokens = 0
    with (
        (directory / "ids.bin").open("wb") as ids_file,
        (directory / "offsets.bin").open("wb") as offsets_file,
    ):
        offsets_file.write(np.zeros(1, ARRAYS["offsets"]).data)
        for ids, lengths in encoded:
            ends = (tokens + np.cumsum(lengths)).astype(ARRAYS["offsets"])
            ids_file.write(ids.data)
            offsets_file.write(ends.data)
            tokens += len(ids)
    return tokens


def _training_lines(
    directory: Path, blocks: Sequence[TextBlock], divided: NovelsSplit
) -> Iterator[str]:
    """The segments that are trained on: all of them where nothing is held out."""
    for block in blocks:
        parts = divided.parts[block.first : block.last]
        is_chosen = parts == TRAIN
        if divided.rule == NONE:
            is_chosen = np.ones_like(is_chosen)
        yield from compress(_lines(directory, block), is_chosen)


def _describe(
    directory: Path, chapters: npt.NDArray[np.int32], divided: NovelsSplit
) -> dict[str, Any]:
    """How the corpus was split, and the pairs and target characters of each part."""
    # Characters are counted here because BPC divides by them, whatever the tokenizer.
    characters = np.fromfile(directory / "characters.bin", ARRAYS["characters"])
    is_target = find_targets(chapters)
    pairs = {}
    target_characters = {}
    for number, part in enumerate(PARTS):
        chosen = is_target
        if divided.rule != NONE:
            chosen = is_target & (divided.parts == number)
        pairs[part] = int(np.count_nonzero(chosen))
        target_characters[part] = int(characters[chosen].sum(dtype=np.int64))
    return {
        "split": {"rule": divided.rule},
        "pairs": pairs,
        "target_characters": target_characters,
    }


def _write(path: Path, content: bytes | memoryview) -> None:
    with path.open("wb") as file:
        file.write(content)


def sync(directory: Path) -> None:
    """Waits until every file of `directory` has reached the disk.

    After that no crash can leave one half written.
    """
    for path in directory.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
