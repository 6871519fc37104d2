"""Measures runs for a report, part by part; what is measured is kept, so that it can go on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from novelgen import __version__
from novelgen.api import heatmaps
from novelgen.api.effort import Effort
from novelgen.api.evaluation_losses import measured_losses, network_loss
from novelgen.api.request import path_from_here
from novelgen.attribution.forced import teacher_forced
from novelgen.config import NO_INIT
from novelgen.data.novel import Novel
from novelgen.data.store import Store
from novelgen.decoding.generator import Generator
from novelgen.evaluation.attention import entropy_bits, heaviest_share
from novelgen.evaluation.comparison import Result, result_of
from novelgen.evaluation.failures import WrittenText, count_failures
from novelgen.evaluation.origins import copies_from, find_origins
from novelgen.evaluation.pair_losses import PairLosses
from novelgen.evaluation.sweep import Setting, SweepRow, held_out_texts, sweep
from novelgen.models.zoo import attends
from novelgen.options import AUTO
from novelgen.report.paper.study import CopiedSpan, CorpusStudy, RunStudy
from novelgen.report.samples import read_samples
from novelgen.text.names import find_names
from novelgen.text.tokenizers import EOS
from novelgen.text.words import word_tagger
from novelgen.training.atomic_write import write_whole
from novelgen.training.baselines import baselines_of
from novelgen.training.checkpoint import Run, load_run
from novelgen.training.journal import read_metrics
from novelgen.training.run_directory import RunDirectory
from novelgen.training.stores import Data, data_of_run

# Called with what is measured, how much of it is done, and of how much.
Progress = Callable[[str, int, int], None]

# Held-out sources among which those for the heatmaps are looked for.
_HEATMAP_SOURCES = 40
_PERSON = "nr"  # jieba's tag
_WRITTEN = "written"  # the setting that failures are counted in: the program's own default


class Measurer:
    """Measures one run. `folder` keeps the parts; one that is there is not measured again."""

    def __init__(
        self, directory: Path, name: str, folder: Path, effort: Effort, device: str, tell: Progress
    ) -> None:
        """Opens the run; raises CheckpointError when it is damaged, or its data gone."""
        self._directory = directory
        self._name = name
        self._effort = effort
        self._tell = tell
        self._run: Run = load_run(directory, device)
        self.data: Data = data_of_run(directory, self._run.info)
        self._test = self.data.pairs("test").sample(effort.pairs)
        # Parts of other weights, of another effort or another version are others.
        of = f"{_weights_hash(directory)} {effort!r} {__version__}"
        own_name = directory.resolve().name
        self._folder = folder / f"{own_name}-{hashlib.sha1(of.encode()).hexdigest()[:10]}"
        self._folder.mkdir(parents=True, exist_ok=True)

    def measure(self) -> RunStudy:
        """Everything that the report says of the run."""
        info = self._facts()
        prediction = self._part("prediction", self._prediction)
        result = Result.from_dict(self._part("result", self._result))
        generator = Generator.of(self._run, "float32")
        rows = self._rows(generator, "sweep", self._effort.settings, self._effort.prompts)
        (written,) = self._rows(generator, _WRITTEN, (Setting(_WRITTEN, {}),), self._effort.written)
        texts = self._written_texts(written, generator)
        copied = self._part("copied", lambda: self._copied(texts))
        attention = {}
        if attends(self._run.config.model):
            attention = self._part("attention", lambda: self._attention(generator))
        # All that words are made of, too.
        vocabulary = frozenset("".join(self._run.tokenizer.symbols))
        names = frozenset(self._part("names", self._names)["names"])
        return RunStudy(
            name=self._name,
            info=info,
            records=read_metrics(RunDirectory(self._directory).metrics),
            samples=read_samples(RunDirectory(self._directory).samples),
            bpc=prediction,
            result=result,
            sweep=rows,
            prompts=[source for source, _target in self._prompts(generator, self._effort.prompts)],
            written=texts,
            written_options=written.options,
            measures=written.measures,
            failures=count_failures(texts, vocabulary, names),
            true_failures=_true_failures(texts, vocabulary, names, copied["true_texts"]),
            copying_texts=copied["texts"],
            copied=[CopiedSpan(**span) for span in copied["spans"]],
            attention=[heatmaps.from_data(each) for each in attention.get("paragraphs", [])],
            attention_pairs=attention.get("pairs", 0),
            heaviest_share=attention.get("heaviest_share"),
            entropy=attention.get("entropy"),
        )

    def _facts(self) -> dict[str, Any]:
        """What config.json says, and what it may lack."""
        baselines = self._run.info.get("baselines")
        if baselines is None and self.data.holds_out:
            # Of a run of before they were measured in training.
            baselines = self._part("baselines", self._baselines)
        init = self._run.config.training.init
        first_weights = None
        if init not in (NO_INIT, AUTO, None):
            # In the file, the path begins at the run directory.
            first_weights = path_from_here(self._directory / init)
        return {
            **self._run.info,
            "baselines": baselines or {},
            "first_weights": first_weights,
            "is_all_training": not self.data.holds_out,
            "vocabulary_size": self._run.tokenizer.size,
            "training_characters": int(self.data.pairs("train").target_characters.sum()),
        }

    def _part(self, name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A part that was kept, or else is measured now and kept."""
        path = self._folder / f"{name}.json"
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found
        self._tell(name, 0, 1)
        measured = measure()
        write_whole(path, json.dumps(measured, ensure_ascii=False).encode())
        self._tell(name, 1, 1)
        return measured

    def _baselines(self) -> dict[str, Any]:
        """The BPC of n-gram models, by name and part."""
        baselines = baselines_of(self.data)
        return {} if baselines is None else {**baselines.by_part}

    def _names(self) -> dict[str, Any]:
        """The people of the novel, as far as they are found; none in pairs of texts."""
        if not isinstance(self.data, Novel):
            return {"names": []}
        found = find_names(self.data.targets("train"), *word_tagger())
        return {"names": [name.word for name in found if name.tag == _PERSON]}

    def _prediction(self) -> dict[str, Any]:
        """The BPC with exchanged sources, beside an n-gram model, and on as much training text."""
        shuffled = self._test.shuffled_sources(seed=1)
        training = self.data.pairs("train").sample(len(self._test))
        found = {
            "shuffled": network_loss(self._run, shuffled).bits_per_character,
            "train": network_loss(self._run, training).bits_per_character,
        }
        _losses, figures = self._test_losses
        if figures:
            found["interpolated"] = figures["bits_per_character_interpolated"]
        return found

    def _result(self) -> dict[str, Any]:
        losses, _figures = self._test_losses
        return dataclasses.asdict(result_of(self._run, self._name, [], 0, len(self._test), losses))

    @cached_property
    def _test_losses(self) -> tuple[PairLosses, dict[str, Any]]:
        """Of the network and of the n-gram model, in one pass over the test part."""
        return measured_losses(self._run, self._test)

    def _prompts(self, generator: Generator, count: int) -> list[tuple[str, str]]:
        return held_out_texts(generator, self.data.pairs("test"), count)

    def _rows(
        self, generator: Generator, name: str, settings: tuple[Setting, ...], prompts: int
    ) -> list[SweepRow]:
        """The rows of some settings; those that were kept are not written again."""
        path = self._folder / f"{name}.jsonl"
        kept = {}
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            kept = {row.label: row for row in map(SweepRow.from_dict, map(json.loads, lines))}
        missing = [setting for setting in settings if setting.label not in kept]
        texts = self._prompts(generator, prompts)
        rows = sweep(
            generator,
            texts,
            missing,
            self.data.passages() if missing else None,
            on_text=lambda done, total: self._tell(name, done, total),
        )
        for row in rows:
            kept[row.label] = row
            _write_rows(path, kept.values())
        return [kept[setting.label] for setting in settings]

    def _written_texts(self, row: SweepRow, generator: Generator) -> list[WrittenText]:
        sources = self._prompts(generator, self._effort.written)
        texts = []
        for text in row.texts:
            source, target = sources[text.prompt]
            texts.append(WrittenText(source, target, text.text, text.finished))
        return texts

    def _copied(self, texts: list[WrittenText]) -> dict[str, Any]:
        """The spans that stand in the training text, longest first, and where."""
        found = copies_from(self.data, [text.text for text in texts])
        spans = [
            {"text": copy.text, **copy.source._asdict()} for copies in found for copy in copies
        ]
        spans.sort(key=lambda span: -len(span["text"]))
        true = find_origins([text.target for text in texts], self.data.passages())
        return {
            "texts": sum(map(bool, found)),
            "true_texts": sum(map(bool, true)),
            "spans": spans,
        }

    def _attention(self, generator: Generator) -> dict[str, Any]:
        """Heatmaps of written paragraphs, and the mean figures of some test pairs."""
        sources = [source for source, _target in self._prompts(generator, _HEATMAP_SOURCES)]
        paragraphs = heatmaps.written_to_draw(generator, sources, self._effort.heatmaps)
        pairs = self._test.sample(min(len(self._test), 100))
        shares = []
        entropies = []
        for number in range(len(pairs)):
            batch = pairs.batch(np.array([number]))
            weights = teacher_forced(self._run.model, batch, self._run.device)[1][0]
            shares.append(heaviest_share(weights))
            entropies.append(float(entropy_bits(weights).mean()))
        return {
            "paragraphs": [heatmaps.to_data(paragraph) for paragraph in paragraphs],
            "pairs": len(pairs),
            "heaviest_share": float(np.mean(shares)),
            "entropy": float(np.mean(entropies)),
        }


def _write_rows(path: Path, rows: Iterable[SweepRow]) -> None:
    """Writes all rows anew: a file that was written in part would have half a line."""
    lines = [json.dumps(row.to_dict(), ensure_ascii=False) for row in rows]
    write_whole(path, ("\n".join(lines) + "\n").encode())


def study_corpus(data: Data) -> CorpusStudy | None:
    """A corpus in figures; None for pairs of texts, which are none."""
    if not isinstance(data, Novel):
        return None
    store: Store = data.store
    counts = np.bincount(np.asarray(store.ids), minlength=EOS + 1)
    # The ends of the segments are no symbols of the text.
    counts[EOS] = 0
    ordered = np.sort(counts[counts > 0])[::-1]
    coverage = np.cumsum(ordered) / ordered.sum()
    return CorpusStudy(store.meta, store.characters, store.chapters, coverage)


def _true_failures(
    texts: Sequence[WrittenText],
    vocabulary: Collection[str],
    names: Collection[str],
    copying: int,
) -> dict[str, float]:
    """The share of the true paragraphs with each failure; `copying` of them copy."""
    true = [text._replace(text=text.target, finished=True) for text in texts]
    shares = {
        failure.name: len(failure.places) / len(texts)
        for failure in count_failures(true, vocabulary, names)
    }
    # A truth is not shorter than itself.
    del shares["early"]
    return {**shares, "copies": copying / len(texts)}


def _weights_hash(directory: Path) -> str:
    return hashlib.sha1((directory / "model.safetensors").read_bytes()).hexdigest()
