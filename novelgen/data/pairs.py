"""Pairs of a source and a target as indices into flat ids, and batches of them as padded arrays.

In a novel they are neighbouring segments of a chapter; `spans` says which, for each task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from novelgen.data.spans import TASK_SPANS
from novelgen.data.store import Store
from novelgen.errors import CorpusError
from novelgen.i18n import _
from novelgen.os_errors import reason_of
from novelgen.text.cleaning import plain
from novelgen.text.tokenizers import BOS, EOS, PAD, Tokenizer

TextPair = tuple[str | Sequence[str], str]  # a source, in one or several segments, and its target
Ids = npt.NDArray[np.integer[Any]]
Int64s = npt.NDArray[np.int64]
Indices = Sequence[int] | npt.NDArray[Any]

_SAMPLE_SEED = 1


class Batch(NamedTuple):
    """B pairs, all int64; ids are padded with PAD behind the last EOS."""

    source: Int64s  # (B, S) ids
    source_lengths: Int64s  # (B,) tokens, EOS counted
    target: Int64s  # (B, T) ids
    target_lengths: Int64s  # (B,) tokens, EOS counted
    characters: Int64s  # (B,) of the target's text, EOS not counted
    first: Int64s  # (B,) what the decoder reads before the target: BOS, or a task's first token


@dataclass(frozen=True)
class Pairs:
    """n pairs. For a novel, source_ids and target_ids are the same array.

    A source is source_ids[start:start + length], one or more segments with EOS after each; so is a
    target, of one segment.
    """

    source_ids: Ids  # (tokens,)
    target_ids: Ids  # (tokens,)
    source_starts: Int64s  # (n,)
    source_lengths: Int64s  # (n,)
    target_starts: Int64s  # (n,)
    target_lengths: Int64s  # (n,)
    target_characters: Int64s  # (n,)
    first: Int64s  # (n,) what the decoder reads before each target

    @classmethod
    def from_store(
        cls,
        store: Store,
        part: str,
        context_paragraphs: int = 1,
        task: str = "next",
        first: int = BOS,
    ) -> Pairs:
        """The pairs of a task whose target is in `part` ("train", "valid" or "test").

        A source is up to `context_paragraphs` segments of the target's chapter, so that a source of
        a held-out chapter is held out too: for "next" those before the target; for "previous" those
        behind it, as far as they are of the same part; for "same" the target and those before it.
        All pairs begin after `first`.
        """
        # From places of segments to places of tokens.
        spans = TASK_SPANS[task](store.chapters, store.is_in(part), context_paragraphs)
        source_starts = store.offsets[spans.sources]
        target_starts = store.offsets[spans.targets]
        return cls(
            store.ids,
            store.ids,
            source_starts,
            store.offsets[spans.source_ends] - source_starts,
            target_starts,
            store.offsets[spans.targets + 1] - target_starts,
            store.characters[spans.targets].astype(np.int64),
            np.broadcast_to(np.int64(first), len(spans.targets)),
        )

    @classmethod
    def from_texts(
        cls,
        pairs: Sequence[TextPair],
        tokenizer: Tokenizer,
        source_tokenizer: Tokenizer | None = None,
        first: int = BOS,
    ) -> Pairs:
        """Pairs of texts (source, target); a source may be a list of segments.

        Without a `source_tokenizer` there is one tokenizer for both sides. All pairs begin after
        `first`.
        """
        # 1. The tokens of all segments of all sources, one after the other.
        sources = [[source] if isinstance(source, str) else source for source, _ in pairs]
        segments = [segment for source in sources for segment in source]
        source_ids, segment_lengths = (source_tokenizer or tokenizer).encode_lines(segments)

        # 2. Where each source ends: (n + 1,), first in segments, then in tokens.
        segment_ends = np.cumsum([0, *map(len, sources)])
        token_ends = np.concatenate([[0], np.cumsum(segment_lengths)])
        source_ends = token_ends[segment_ends].astype(np.int64)

        # 3. The targets, of one segment each.
        targets = [target for _, target in pairs]
        target_ids, target_lengths = tokenizer.encode_lines(targets)
        return cls(
            source_ids,
            target_ids,
            source_ends[:-1],
            np.diff(source_ends),
            np.cumsum(target_lengths) - target_lengths,
            target_lengths,
            np.array(list(map(len, targets)), dtype=np.int64),
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

    def subset(self, indices: Indices) -> Pairs:
        """The pairs at `indices` alone, (n,) integers or booleans."""
        return replace(self, **{name: getattr(self, name)[indices] for name in PER_PAIR})

    def sample(self, count: int) -> Pairs:
        """`count` pairs drawn at random, or all of them where there are no more.

        Always the same ones, in reading order; a larger sample holds every smaller one.
        """
        if count >= len(self):
            return self
        return self.subset(np.sort(self.sample_order()[:count]))

    def sample_order(self) -> Int64s:
        """The places (n,) of the pairs in the order in which a sample that grows takes them."""
        return np.random.default_rng(_SAMPLE_SEED).permutation(len(self))

    def epoch(self, seed: int, number: int) -> Pairs:  # noqa: ARG002 - TaskPairs draws by them
        """The pairs that are trained in an epoch: all of these in every one."""
        return self

    def batch(self, indices: Indices) -> Batch:
        """The pairs at `indices`, (B,) integers, padded to the longest of them."""
        chosen = np.asarray(indices, dtype=np.int64)
        source_lengths = self.source_lengths[chosen]  # (B,)
        target_lengths = self.target_lengths[chosen]  # (B,)
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
        indices: Indices,
        tokenizer: Tokenizer,
        source_tokenizer: Tokenizer | None = None,
    ) -> list[tuple[str, str]]:
        """(source, target) of the pairs at `indices` as text; segments of a source are lines."""
        source_tokenizer = source_tokenizer or tokenizer
        texts = []
        for index in indices:
            source_start = self.source_starts[index]
            source = self.source_ids[source_start : source_start + self.source_lengths[index]]
            target_start = self.target_starts[index]
            target = self.target_ids[target_start : target_start + self.target_lengths[index]]
            texts.append((_decode(source, source_tokenizer), _decode(target, tokenizer)))
        return texts

    def shuffled_sources(self, seed: int) -> Pairs:
        """The same targets, each with the source of another pair.

        Evaluating them shows whether the source matters.
        """
        order = np.random.default_rng(seed).permutation(len(self))
        other = np.empty_like(order)
        # One cycle through all pairs, so that none keeps its own source.
        other[order] = np.roll(order, 1)
        return replace(
            self, source_starts=self.source_starts[other], source_lengths=self.source_lengths[other]
        )


# The fields of Pairs that have one entry for each pair.
PER_PAIR = (
    "source_starts",
    "source_lengths",
    "target_starts",
    "target_lengths",
    "target_characters",
    "first",
)


def _gather(ids: Ids, starts: Int64s, lengths: Int64s) -> Int64s:
    """(B, longest) the ids[start:start + length] of every row, padded with PAD."""
    columns = np.arange(lengths.max(initial=0))
    is_token = columns < lengths[:, None]  # (B, longest)
    # Any id will do where there is no token: 0 is always there to be read.
    places = np.where(is_token, starts[:, None] + columns, 0)
    return np.where(is_token, ids[places].astype(np.int64), PAD)


def _decode(ids: Ids, tokenizer: Tokenizer) -> str:
    """The text of some segments, with EOS after each; segments are lines."""
    # Nothing stands behind the last EOS: np.split's last piece is empty.
    segments = np.split(ids, np.flatnonzero(ids == EOS) + 1)[:-1]
    return "\n".join(tokenizer.decode(segment) for segment in segments)


def read_pairs(path: Path) -> list[TextPair]:
    """The texts of a UTF-8 file of pairs, one a line: source TAB target.

    Control characters and outer spaces are removed. Further columns before the target are further
    source segments, oldest first, empty where a chapter has no more; every line must have the same
    number. Raises CorpusError, with the line.
    """
    pairs: list[TextPair] = []
    columns = 0  # of the first line
    for number, line in enumerate(_read_lines(Path(path)), 1):
        *source, target = [plain(column).strip() for column in line.split("\t")]
        width = len(source) + 1
        columns = columns or width
        source = [segment for segment in source if segment]  # empty: before the chapter began
        if not source or not target:
            raise CorpusError(
                _("{path}: line {line} must be source TAB target, both non-empty").format(
                    path=path, line=number
                )
            )
        if width != columns:
            raise CorpusError(
                _(
                    "{path}: line {line} has {found} columns, the lines before it {expected}; "
                    "all lines need the same number"
                ).format(path=path, line=number, found=width, expected=columns)
            )
        pairs.append((source, target))
    if not pairs:
        raise CorpusError(_("{path}: the file holds no pairs").format(path=path))
    return pairs


def _read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CorpusError(
            _("{path}: cannot be read: {reason}").format(path=path, reason=reason_of(error))
        ) from None
    except UnicodeDecodeError as error:
        # The error knows the byte; a person looks for the line.
        line = error.object[: error.start].count(b"\n") + 1
        raise CorpusError(
            _("{path}: line {line} is not UTF-8; save the file as UTF-8").format(
                path=path, line=line
            )
        ) from None
    if not text:
        return []
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")
