"""Pairs of a source and a target (of a novel, the paragraph that follows) as indices into flat ids; batches as padded arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from novelgen.data.split import find_targets
from novelgen.data.store import Store
from novelgen.errors import CorpusError
from novelgen.text.cleaning import plain
from novelgen.text.tokenizers import BOS, EOS, PAD, Tokenizer

TextPair = tuple[str | Sequence[str], str]  # a source, in one or several segments, and its target


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
    """n pairs. source_ids and target_ids (tokens,) of any integer type, the same array for a novel; all other fields (n,) int64.

    A source is source_ids[start:start + length], one or more segments with EOS after each; so is a target, of one segment.
    """

    source_ids: np.ndarray
    target_ids: np.ndarray
    source_starts: np.ndarray
    source_lengths: np.ndarray
    target_starts: np.ndarray
    target_lengths: np.ndarray
    target_characters: np.ndarray
    first: np.ndarray

    @classmethod
    def from_store(
        cls,
        store: Store,
        part: str,
        context_paragraphs: int = 1,
        task: str = "next",
        first: int = BOS,
    ) -> Pairs:
        """The pairs of a task whose target is in `part` ("train", "valid" or "test"); all of them begin after `first`.

        A source is up to `context_paragraphs` segments of the target's chapter, so that a source of a held-out chapter is held
        out too: those before the target, or for "previous" those behind it, as far as they are of the same part, or for "same"
        the target and those before it.
        """
        targets, sources, ends = _TASKS[task](store.chapters, store.is_in(part), context_paragraphs)
        source_starts, target_starts = store.offsets[sources], store.offsets[targets]
        return cls(
            store.ids,
            store.ids,
            source_starts,
            store.offsets[ends] - source_starts,
            target_starts,
            store.offsets[targets + 1] - target_starts,
            store.characters[targets].astype(np.int64),
            np.broadcast_to(np.int64(first), len(targets)),
        )

    @classmethod
    def from_texts(
        cls,
        pairs: Sequence[TextPair],
        tokenizer: Tokenizer,
        source_tokenizer: Tokenizer | None = None,
        first: int = BOS,
    ) -> Pairs:
        """Pairs of texts (source, target); a source may be a list of segments. All begin after `first`.

        No `source_tokenizer` is one tokenizer for both sides.
        """
        sources = [[source] if isinstance(source, str) else source for source, _ in pairs]
        source_ids, segment_lengths = (source_tokenizer or tokenizer).encode_lines(
            [each for source in sources for each in source]
        )
        target_ids, target_lengths = tokenizer.encode_lines([target for _, target in pairs])
        segment_ends = np.cumsum([0, *map(len, sources)])
        source_ends = np.concatenate([[0], np.cumsum(segment_lengths)])[segment_ends].astype(
            np.int64
        )
        return cls(
            source_ids,
            target_ids,
            source_ends[:-1],
            np.diff(source_ends),
            np.cumsum(target_lengths) - target_lengths,
            target_lengths,
            np.array([len(target) for _, target in pairs], dtype=np.int64),
            np.broadcast_to(np.int64(first), len(pairs)),
        )

    @classmethod
    def read_tsv(
        cls,
        path: Path,
        tokenizer: Tokenizer,
        source_tokenizer: Tokenizer | None = None,
        first: int = BOS,
    ) -> Pairs:
        """The pairs of a file as `read_pairs` reads it; all begin after `first`."""
        return cls.from_texts(read_pairs(path), tokenizer, source_tokenizer, first)

    def __len__(self) -> int:
        return len(self.target_starts)

    def subset(self, indices: Sequence[int] | np.ndarray) -> Pairs:
        """The pairs at `indices` alone, (n,) integers or booleans."""
        return replace(
            self,
            **{
                spec.name: getattr(self, spec.name)[indices]
                for spec in fields(self)
                if spec.name not in ("source_ids", "target_ids")
            },
        )

    def epoch(self, seed: int, number: int) -> Pairs:
        """The pairs that are trained in an epoch: all of these in every one."""
        return self

    def batch(self, indices: Sequence[int] | np.ndarray) -> Batch:
        """The pairs at `indices`, (B,) integers, padded to the longest of them."""
        chosen = np.asarray(indices, dtype=np.int64)
        source_lengths, target_lengths = self.source_lengths[chosen], self.target_lengths[chosen]
        return Batch(
            _gather(self.source_ids, self.source_starts[chosen], source_lengths),
            source_lengths,
            _gather(self.target_ids, self.target_starts[chosen], target_lengths),
            target_lengths,
            self.target_characters[chosen],
            self.first[chosen],
        )

    def texts(
        self,
        indices: Sequence[int] | np.ndarray,
        tokenizer: Tokenizer,
        source_tokenizer: Tokenizer | None = None,
    ) -> list[tuple[str, str]]:
        """(source, target) of the pairs at `indices` as text; several segments of a source are lines."""

        def text(ids: np.ndarray, start: int, length: int, tokenizer: Tokenizer) -> str:
            ids = ids[start : start + length]
            return "\n".join(
                tokenizer.decode(segment)
                for segment in np.split(ids, np.flatnonzero(ids == EOS) + 1)[:-1]
            )

        return [
            (
                text(
                    self.source_ids,
                    self.source_starts[index],
                    self.source_lengths[index],
                    source_tokenizer or tokenizer,
                ),
                text(
                    self.target_ids,
                    self.target_starts[index],
                    self.target_lengths[index],
                    tokenizer,
                ),
            )
            for index in indices
        ]

    def shuffled_sources(self, seed: int) -> Pairs:
        """The same targets, each with the source of another pair; evaluating them shows whether the source matters."""
        order = np.random.default_rng(seed).permutation(len(self))
        other = np.empty_like(order)
        other[order] = np.roll(order, 1)  # one cycle through all pairs, so that none keeps its own
        return replace(
            self, source_starts=self.source_starts[other], source_lengths=self.source_lengths[other]
        )


def _gather(ids: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    columns = np.arange(lengths.max(initial=0))
    is_token = columns < lengths[:, None]
    places = np.where(is_token, starts[:, None] + columns, 0)
    return np.where(is_token, ids[places].astype(np.int64), PAD)


def read_pairs(path: Path) -> list[TextPair]:
    """The texts of a UTF-8 file of pairs, one a line: source TAB target, without control characters and outer spaces.

    Further columns before the target are further source segments, oldest first, empty where a chapter has no more;
    every line must have the same number. Raises CorpusError, with the line.
    """
    pairs: list[TextPair] = []
    columns = 0
    for number, line in enumerate(_read_lines(Path(path)), 1):
        *source, target = [plain(column).strip() for column in line.split("\t")]
        width = len(source) + 1
        columns = columns or width
        source = [segment for segment in source if segment]
        if not source or not target:
            raise CorpusError(
                f"{path}：第 {number} 行应是源、TAB、目标，都不空 | line {number} must be source "
                "TAB target, both non-empty"
            )
        if width != columns:
            raise CorpusError(
                f"{path}：第 {number} 行有 {width} 列，前面是 {columns} 列，须一致 | line {number} "
                f"has {width} columns, the lines before {columns}; make them alike"
            )
        pairs.append((source, target))
    if not pairs:
        raise CorpusError(f"{path}：没有一对文本 | the file holds no pairs")
    return pairs


def _next(
    chapters: np.ndarray, is_in: np.ndarray, context: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chapters and is_in (segments,) → (n,) each: the targets, the first segments of their sources and the ends of these."""
    is_target = find_targets(chapters)
    targets = np.flatnonzero(is_target & is_in)
    return targets, np.maximum(targets - context, _chapter_starts(is_target)[targets]), targets


def _same(
    chapters: np.ndarray, is_in: np.ndarray, context: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    targets = np.flatnonzero(is_in)
    return (
        targets,
        np.maximum(targets + 1 - context, _chapter_starts(find_targets(chapters))[targets]),
        targets + 1,
    )


def _previous(
    chapters: np.ndarray, is_in: np.ndarray, context: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is held out lies behind the training's segments where parts change inside a chapter: a source stops before it."""
    places = np.arange(len(chapters))
    goes_on = np.zeros(
        len(chapters), dtype=bool
    )  # the next segment is of the same chapter and part
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
        raise CorpusError(
            f"{path}：读不了，{error.strerror} | cannot be read: {error.strerror}"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise CorpusError(
            f"{path}：第 {line} 行不是 UTF-8；请另存为 UTF-8 | line {line} is not UTF-8; "
            "save the file as UTF-8"
        ) from None
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
