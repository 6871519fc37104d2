"""What `evaluate` measures on: a part of the run's own data, another novel, or other pairs."""

from __future__ import annotations

import dataclasses
import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from novelgen.api.evaluation import EvaluationData
from novelgen.config import DataConfig
from novelgen.data.novel import Novel
from novelgen.data.pairs import Pairs
from novelgen.data.store import Store, is_store
from novelgen.data.tasks import first_tokens, trained_task
from novelgen.errors import ConfigError
from novelgen.evaluation.groups import chapter_places, length_places, novel_places
from novelgen.evaluation.origins import find_copies
from novelgen.evaluation.sweep import SweepRow
from novelgen.i18n import _
from novelgen.text.importing import CorpusImport
from novelgen.training.checkpoint import Run
from novelgen.training.stores import data_of_run


def pairs_by_task(
    run: Run, directory: Path, wanted: EvaluationData, task: str | None
) -> dict[str, Pairs]:
    """The pairs to measure on, by task: of `task` alone, or of all, the main one first.

    A file of pairs is of one task only.
    """
    data = run.config.data
    main_task = trained_task(data, task)
    firsts = first_tokens(data, run.tokenizer.size)
    # 1. A file of pairs.
    if wanted.pairs is not None:
        first = firsts[main_task]
        pairs = Pairs.read_tsv(wanted.pairs, run.tokenizer, run.source_tokenizer, first)
        return {main_task: pairs}
    tasks = [main_task] if task else list(firsts)
    # 2. A part of what the run was trained on.
    if not wanted.corpus:
        by_task = data_of_run(directory, run.info).by_task(wanted.part)
        return {name: by_task[name] for name in tasks}
    # 3. Another novel, all of it.
    if run.config.from_pairs:
        raise ConfigError(
            _("this model was trained on text pairs, not on a novel; evaluate with --pairs")
        )
    chapters = _chapters(wanted, run)
    found: dict[str, Pairs] = {}
    for name in tasks:
        texts = list(_text_pairs(chapters, name, data))
        if not texts:
            raise ConfigError(_("--corpus holds no two consecutive paragraphs"))
        found[name] = Pairs.from_texts(texts, run.tokenizer, first=firsts[name])
    return found


def group_places(
    run: Run, directory: Path, pairs: Pairs, by: str
) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The group of each pair (n,), and the names of the groups: "novel", "chapter" or "length".

    Raises ConfigError where a run of text pairs is asked for its chapters.
    """
    if by == "length":
        texts = pairs.texts(range(len(pairs)), run.tokenizer, run.source_tokenizer)
        lengths = [len(source.replace("\n", "")) for source, _target in texts]
        return length_places(np.array(lengths))
    data = data_of_run(directory, run.info)
    if not isinstance(data, Novel):
        message = _("--by {by}: only the run's own data has chapters; use --by length")
        raise ConfigError(message.format(by=by))
    places = novel_places if by == "novel" else chapter_places
    return places(data.store, pairs)


def _text_pairs(
    chapters: Iterable[list[str]], task: str, data: DataConfig
) -> Iterator[tuple[list[str], str]]:
    """Source segments and target of every pair, as `Pairs.from_store` has them."""
    context = data.context_paragraphs
    for chapter in chapters:
        for place, segment in enumerate(chapter):
            # Sources do not reach beyond their chapter.
            source = {
                "next": chapter[max(place - context, 0) : place],
                "previous": chapter[place + 1 : place + 1 + context],
                "same": chapter[max(place + 1 - context, 0) : place + 1],
            }[task]
            if source:
                yield source, segment


def _chapters(wanted: EvaluationData, run: Run) -> list[list[str]]:
    """The segments of a corpus, chapter by chapter."""
    # Segments come in reading order: those of a chapter stand together.
    by_chapter = itertools.groupby(_segments(wanted, run), key=operator.itemgetter(0))
    return [[segment for _number, segment in chapter] for _number, chapter in by_chapter]


def _segments(wanted: EvaluationData, run: Run) -> Iterator[tuple[int, str]]:
    """Chapter number and text of every segment of --corpus, prepared or not."""
    if len(wanted.corpus) == 1 and is_store(wanted.corpus[0]):
        if wanted.encoding or wanted.errors:
            raise ConfigError(_("--corpus is prepared already; leave out --encoding and --errors"))
        store = Store.open(wanted.corpus[0])
        yield from zip(store.chapters.tolist(), store.texts(), strict=True)
        return
    # Cleaned as the run's own corpus was: only how the file is decoded may differ.
    options = dataclasses.replace(
        run.config.text, encoding=wanted.encoding or "auto", errors=wanted.errors or "strict"
    )
    for paragraph in CorpusImport(wanted.corpus, options):
        for segment in paragraph.segments:
            yield paragraph.chapter, segment


def copies_of(directory: Path, rows: Sequence[SweepRow]) -> list[dict[str, Any]]:
    """The spans of all texts that stand in the training text, and where; none where it is away."""
    texts = [(row.label, text) for row in rows for text in row.texts]
    found = find_copies(directory, [text.text for _label, text in texts]) or []
    return [
        {
            "setting": label,
            "prompt": text.prompt,
            **copy._asdict(),
            "source": copy.source._asdict(),
        }
        for (label, text), copies in zip(texts, found, strict=False)
        for copy in copies
    ]
