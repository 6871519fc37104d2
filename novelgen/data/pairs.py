"""Pairs of a source and the paragraph that follows it, as indices into flat ids; batches of them as padded arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from novelgen.data.split import find_targets
from novelgen.data.store import Store
from novelgen.errors import CorpusError
from novelgen.text.tokenizers import BOS, EOS, PAD, Tokenizer


class Batch(NamedTuple):
    """B pairs, all int64.

    source (B, S) and target (B, T): ids, padded with PAD behind the last EOS. source_lengths and target_lengths (B,):
    tokens, EOS counted. characters (B,): of the target's text, EOS not counted. first (B,): what the decoder reads before the
    target, BOS or the first token of a task.
    """

    source: np.ndarray
    source_lengths: np.ndarray
    target: np.ndarray
    target_lengths: np.ndarray
    characters: np.ndarray
    first: np.ndarray


@dataclass(frozen=True)
class Pairs:
    """n pairs. ids (tokens,) of any integer type; all other fields (n,) int64.

    A source is ids[start:start + length], one or more segments with EOS after each; so is a target, of one segment.
    """

    ids: np.ndarray
    source_starts: np.ndarray
    source_lengths: np.ndarray
    target_starts: np.ndarray
    target_lengths: np.ndarray
    target_characters: np.ndarray
    first: np.ndarray

    @classmethod
    def from_store(cls, store: Store, part: str, context_paragraphs: int = 1, task: str = "next", first: int = BOS) -> Pairs:
        """The pairs of a task whose target is in `part` ("train", "valid" or "test"); all of them begin after `first`.

        A source is up to `context_paragraphs` segments of the target's chapter, so that a source of a held-out chapter is held
        out too: those before the target, or for "previous" those behind it, as far as they are of the same part, or for "same"
        the target and those before it.
        """
        targets, sources, ends = _TASKS[task](store.chapters, store.is_in(part), context_paragraphs)
        source_starts, target_starts = store.offsets[sources], store.offsets[targets]
        return cls(store.ids, source_starts, store.offsets[ends] - source_starts, target_starts,
                   store.offsets[targets + 1] - target_starts, store.characters[targets].astype(np.int64),
                   np.broadcast_to(np.int64(first), len(targets)))

    @classmethod
    def from_texts(cls, pairs: Sequence[tuple[str | Sequence[str], str]], tokenizer: Tokenizer, first: int = BOS) -> Pairs:
        """Pairs of texts (source, target); a source may be a list of segments. All begin after `first`."""
        sources = [[source] if isinstance(source, str) else list(source) for source, _ in pairs]
        segments = [segment for source, (_, target) in zip(sources, pairs, strict=True)
                    for segment in (*source, target)]
        ids, lengths = tokenizer.encode_lines(segments)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        counts = np.array([len(source) + 1 for source in sources], dtype=np.int64)
        ends = np.cumsum(counts)  # in segments; the last of a pair is its target
        firsts = ends - counts
        target_starts = offsets[ends - 1]
        return cls(ids, offsets[firsts], target_starts - offsets[firsts], target_starts, offsets[ends] - target_starts,
                   np.array([len(target) for _, target in pairs], dtype=np.int64), np.broadcast_to(np.int64(first), len(pairs)))

    @classmethod
    def read_tsv(cls, path: Path, tokenizer: Tokenizer, first: int = BOS) -> Pairs:
        """The pairs of a UTF-8 file, one a line: source TAB target.

        Further columns before the target are further source segments, oldest first, empty where a chapter has no more;
        every line must have the same number. Raises CorpusError, with the line.
        """
        pairs: list[tuple[list[str], str]] = []
        columns = 0
        for number, line in enumerate(_read_lines(Path(path)), 1):
            *source, target = line.split("\t")
            width = len(source) + 1
            columns = columns or width
            source = [segment for segment in source if segment]
            if not source or not target:
                raise CorpusError(f"{path}：第 {number} 行应是源、TAB、目标，都不空 | line {number} must be source "
                                  "TAB target, both non-empty")
            if width != columns:
                raise CorpusError(f"{path}：第 {number} 行有 {width} 列，前面是 {columns} 列，须一致 | line {number} "
                                  f"has {width} columns, the lines before {columns}; make them alike")
            pairs.append((source, target))
        if not pairs:
            raise CorpusError(f"{path}：没有一对文本 | the file holds no pairs")
        return cls.from_texts(pairs, tokenizer, first)

    def __len__(self) -> int:
        return len(self.target_starts)

    def subset(self, indices: Sequence[int] | np.ndarray) -> Pairs:
        """The pairs at `indices` alone, (n,) integers or booleans."""
        return replace(self, **{spec.name: getattr(self, spec.name)[indices] for spec in fields(self) if spec.name != "ids"})

    def epoch(self, seed: int, number: int) -> Pairs:
        """The pairs that are trained in an epoch: all of these in every one."""
        return self

    def batch(self, indices: Sequence[int] | np.ndarray) -> Batch:
        """The pairs at `indices`, (B,) integers, padded to the longest of them."""
        chosen = np.asarray(indices, dtype=np.int64)
        source_lengths, target_lengths = self.source_lengths[chosen], self.target_lengths[chosen]
        return Batch(self._gather(self.source_starts[chosen], source_lengths), source_lengths,
                     self._gather(self.target_starts[chosen], target_lengths), target_lengths,
                     self.target_characters[chosen], self.first[chosen])

    def texts(self, indices: Sequence[int] | np.ndarray, tokenizer: Tokenizer) -> list[tuple[str, str]]:
        """(source, target) of the pairs at `indices` as text; several segments of a source are lines."""
        def text(start: int, length: int) -> str:
            ids = self.ids[start:start + length]
            return "\n".join(tokenizer.decode(segment) for segment in np.split(ids, np.flatnonzero(ids == EOS) + 1)[:-1])

        return [(text(self.source_starts[index], self.source_lengths[index]),
                 text(self.target_starts[index], self.target_lengths[index])) for index in indices]

    def shuffled_sources(self, seed: int) -> Pairs:
        """The same targets, each with the source of another pair; evaluating them shows whether the source matters."""
        order = np.random.default_rng(seed).permutation(len(self))
        other = np.empty_like(order)
        other[order] = np.roll(order, 1)  # one cycle through all pairs, so that none keeps its own
        return replace(self, source_starts=self.source_starts[other], source_lengths=self.source_lengths[other])

    def _gather(self, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        columns = np.arange(lengths.max(initial=0))
        is_token = columns < lengths[:, None]
        places = np.where(is_token, starts[:, None] + columns, 0)
        return np.where(is_token, self.ids[places].astype(np.int64), PAD)


def _next(chapters: np.ndarray, is_in: np.ndarray, context: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """chapters and is_in (segments,) → (n,) each: the targets, the first segments of their sources and the ends of these."""
    is_target = find_targets(chapters)
    targets = np.flatnonzero(is_target & is_in)
    return targets, np.maximum(targets - context, _chapter_starts(is_target)[targets]), targets


def _same(chapters: np.ndarray, is_in: np.ndarray, context: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    targets = np.flatnonzero(is_in)
    return targets, np.maximum(targets + 1 - context, _chapter_starts(find_targets(chapters))[targets]), targets + 1


def _previous(chapters: np.ndarray, is_in: np.ndarray, context: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is held out lies behind the training's segments where parts change inside a chapter: a source stops before it."""
    places = np.arange(len(chapters))
    goes_on = np.zeros(len(chapters), dtype=bool)  # the next segment is of the same chapter and part
    goes_on[:-1] = find_targets(chapters)[1:] & is_in[1:] & is_in[:-1]
    targets = np.flatnonzero(goes_on)
    ends = np.minimum.accumulate(np.where(goes_on, len(chapters), places + 1)[::-1])[::-1]
    return targets, targets + 1, np.minimum(targets + 1 + context, ends[targets])


def _chapter_starts(is_target: np.ndarray) -> np.ndarray:
    """For every segment the first one of its chapter."""
    return np.maximum.accumulate(np.where(is_target, 0, np.arange(len(is_target))))


_TASKS = {"next": _next, "previous": _previous, "same": _same}


def _read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CorpusError(f"{path}：读不了，{error.strerror} | cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[:error.start].count(b"\n") + 1
        raise CorpusError(f"{path}：第 {line} 行不是 UTF-8；请另存为 UTF-8 | line {line} is not UTF-8; "
                          "save the file as UTF-8") from None
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
