"""Text in, text and attention out: what the command line, the web page and the evaluation call."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from novelgen.config import PRECISIONS, Config, DecodingConfig, decoding_defaults, validate_choice
from novelgen.data.tasks import first_tokens, trained_task
from novelgen.decoding.beam import Search, search
from novelgen.decoding.filters import EARLIER_FACTOR, build_rules
from novelgen.decoding.history import History, Vocabulary, content_units, following
from novelgen.decoding.inspection import Place, inspect, whole_characters
from novelgen.decoding.protocol import Hypothesis, Model, start
from novelgen.decoding.sampling import Draft, SeededSampler, Task, greedy, write
from novelgen.errors import ConfigError
from novelgen.text.cleaning import plain
from novelgen.text.prompt import clean_prompt, plain_prompt
from novelgen.text.tokenizers import BOS, EOS, Tokenizer

if TYPE_CHECKING:
    from novelgen.training.checkpoint import Run


@dataclass(frozen=True)
class Paragraph:
    """A written paragraph, a given opening included."""

    text: str
    source_tokens: list[str]  # S labels of what it was written from
    tokens: list[str]  # T labels, EOS included where it was reached
    log_probabilities: list[float]  # T, natural, of the model itself: temperature 1, no rules
    attention: np.ndarray  # (T, S) float32, a row sums to 1; (T, 0) from a model without attention
    score: float  # Σ log-probability / T ** length_penalty
    finished: bool  # ended by itself, not by max_length
    source_ids: list[int]  # S: source_tokens as the model knows them
    ids: list[int]  # T: tokens as the model knows them
    first: int = BOS  # what the model read before them


@dataclass(frozen=True)
class Generation:
    """What was written for a prompt. `notes` are lines for the user about how the request was understood."""

    prompt: str
    paragraphs: list[Paragraph]
    seed: int
    finished: bool  # nothing follows any more; False in the snapshots of a stream
    notes: list[str]
    task: str = (
        "next"  # what they are to the prompt; those before it are in the order of their writing
    )

    @property
    def text(self) -> str:
        """The paragraphs, one a line."""
        return "\n".join(paragraph.text for paragraph in self.paragraphs)

    @property
    def score(self) -> float:
        """The mean of the paragraphs' scores."""
        return sum(paragraph.score for paragraph in self.paragraphs) / len(self.paragraphs)


class Generator:
    """Writes the paragraphs that follow a prompt, or the target of a source where the run learned pairs.

    Holds nothing that moves, so that several threads may use one Generator. Closing the iterator that `stream`
    returns stops the writing.
    """

    def __init__(
        self,
        model: Model,
        tokenizer: Tokenizer,
        config: Config,
        device: torch.device,
        source_tokenizer: Tokenizer | None = None,
    ) -> None:
        """`model` must be in evaluation mode and on `device`; of `config` the sections text, data and pairs count.

        `source_tokenizer` is the source's own; None, or the same object, is one vocabulary for both.
        """
        self.model, self.tokenizer, self.config, self.device = model, tokenizer, config, device
        self.source_tokenizer = source_tokenizer or tokenizer
        self.vocabulary = Vocabulary.of(tokenizer)

    @classmethod
    def load(
        cls, directory: str | Path, device: str = "auto", precision: str = "auto"
    ) -> Generator:
        """The generator of a run directory. Raises CheckpointError when that is missing, damaged or too new.

        precision is one of PRECISIONS: "float32" writes the model's own texts; "auto" takes bfloat16 weights where those are faster.
        """
        from novelgen.training.checkpoint import load_run

        validate_choice(precision, PRECISIONS, "--precision")
        return cls.of(load_run(Path(directory), device), precision)

    @classmethod
    def of(cls, run: Run, precision: str = "auto") -> Generator:
        """The generator of a run that is open; `precision` as in `load`."""
        from novelgen.models.compiled_decoder import optimize_for_inference

        return cls(
            optimize_for_inference(run.model, precision),
            run.tokenizer,
            run.config,
            run.device,
            run.source_tokenizer,
        )

    def warm_up(self) -> None:
        """Compiles and packs what the first text would have to wait for: seconds, once on a machine."""
        start(self.model, [[EOS]], self.device)

    def generate(self, prompt: str, **options: Any) -> Generation:
        """Writes on from `prompt`; `options` are the fields of DecodingConfig. Of several candidates the first.

        Raises ConfigError for a prompt without text, an unknown option or one out of range.
        """
        return self.candidates(prompt, **options)[0]

    def candidates(self, prompt: str, **options: Any) -> list[Generation]:
        """`num_samples` texts: the samples in the order of their seeds, or the n best of the beam, best first.

        Candidate r of seed s is the only candidate of seed s + r, whatever else is in the batch.
        """
        story = _Story(self, prompt, self._checked(options))
        for _ in story.write():
            pass
        return story.generations()

    def stream(self, prompt: str, **options: Any) -> Iterator[Generation]:
        """Writes as `generate` does and yields snapshots whose text grows; the last one is finished.

        Text that was yielded once stays: a character is held back until all its bytes are there, and of a beam that
        opening is shown on which all its hypotheses agree. The request is checked at once, before the first `next`.
        """
        return (generations[0] for generations in self.stream_candidates(prompt, **options))

    def stream_candidates(
        self, prompt: str, *, pause: float = 0.0, **options: Any
    ) -> Iterator[list[Generation]]:
        """Streams what `candidates` writes; of a beam one text, until the end of the first paragraph makes it n best.

        Once there is text, a snapshot comes `pause` seconds after the one before, not after every token: each is made anew.
        """
        return _snapshots(_Story(self, prompt, self._checked(options)), pause)

    def _checked(self, options: dict[str, Any]) -> DecodingConfig:
        """The options with this run's defaults; raises ConfigError for one that is not known or not possible here."""
        config = checked(
            {**decoding_defaults(self.config.from_pairs, options.get("decoder")), **options}
        )
        if config.paragraphs > 1 and self.source_tokenizer is not self.tokenizer:
            raise ConfigError(
                f"--paragraphs {config.paragraphs}：写出的要成为下一次的源，而这个模型的源另有词表；请用 1 | what is written "
                "would be the next source, but the source of this model has a vocabulary of its own; use 1"
            )
        return config

    def inspect(self, paragraph: Paragraph, count: int = 5) -> Iterator[Place]:
        """What the model expected at each of the T tokens of a paragraph that it wrote, with `count` alternatives, one by one."""
        return inspect(
            self.model,
            self.device,
            self.tokenizer,
            paragraph.source_ids,
            paragraph.ids,
            count,
            paragraph.first,
        )


def _snapshots(story: _Story, pause: float) -> Iterator[list[Generation]]:
    due = 0.0
    for draft in story.write():
        if time.monotonic() >= due:
            generations = story.snapshots(draft)
            if any(generation.text for generation in generations):
                due = time.monotonic() + pause
            yield generations
    yield story.generations()


def checked(options: dict[str, Any]) -> DecodingConfig:
    """The options as a DecodingConfig; raises ConfigError for an unknown name and offers the nearest."""
    known = tuple(spec.name for spec in dataclasses.fields(DecodingConfig))
    for name in options:
        validate_choice(name, known, "生成选项 decoding option")
    return DecodingConfig(**options)


@dataclass
class _Candidate:
    """One text being written: what stands around the next paragraph, and what was written of it."""

    segments: list[
        list[int]
    ]  # tokens, EOS behind each: the prompt's and the written ones, in reading order
    units: list[
        list[int]
    ]  # the content units of the segments; of pairs those of the target side alone
    paragraphs: list[Paragraph]


class _Story:
    """All that moves while one request is answered."""

    def __init__(self, generator: Generator, prompt: str, config: DecodingConfig) -> None:
        self._generator, self._tokenizer, self._config = generator, generator.tokenizer, config
        self._prompt, self._notes = prompt, []
        self._context = generator.config.data.context_paragraphs
        self._task_name = trained_task(generator.config.data, config.task)
        self._first = first_tokens(generator.config.data, self._tokenizer.size)[self._task_name]
        self._rules = build_rules(config, generator.vocabulary)
        self.seed = secrets.randbelow(2**32) if config.seed is None else config.seed
        self._from_pairs = generator.config.from_pairs
        segments = [
            [*generator.source_tokenizer.encode(segment), EOS]
            for segment in self._prompt_segments()
        ]
        self._prefix = self._prefix_tokens()
        # A source is no earlier paragraph: what it says may be said again, and its ids may be of another vocabulary.
        told = (
            []
            if self._from_pairs
            else [content_units(generator.vocabulary, segment) for segment in segments]
        )
        first = _Candidate(segments, told, [])
        # A beam is one row of the request that later becomes its n best; samples go their own ways from the start.
        self._candidates = [first] * (config.num_samples if config.decoder == "sample" else 1)
        self._dice = SeededSampler([self.seed + row for row in range(len(self._candidates))])

    def _prompt_segments(self) -> list[str]:
        segments = (
            plain_prompt(self._prompt)
            if self._from_pairs
            else clean_prompt(self._prompt, self._generator.config.text)
        )
        if not segments and self._from_pairs:
            raise ConfigError(
                "--prompt 没有文字；请给出源的一行 | the prompt holds no text; give a line of the source side"
            )
        if not segments:
            raise ConfigError(
                "--prompt 没有文字；请给出小说的一段 | the prompt holds no text; give a paragraph "
                "of a novel"
            )
        if len(segments) > self._context:
            unit, english = ("行", "lines") if self._from_pairs else ("段", "segments")
            end, which = ("最前", "first") if self._task_name == "previous" else ("最后", "last")
            self._notes.append(
                f"提示共 {len(segments)} {unit}，模型读{end} {self._context} {unit} | the prompt has "
                f"{len(segments)} {english}, the model reads the {which} {self._context}"
            )
        return segments

    def _prefix_tokens(self) -> list[int]:
        given = self._config.prefix
        prefix = (
            plain(given).lstrip()
            if self._from_pairs
            else "".join(clean_prompt(given, self._generator.config.text))
        )
        tokens = list(self._tokenizer.encode(prefix))
        if len(tokens) >= self._config.max_length:
            raise ConfigError(
                f"--prefix 有 {len(tokens)} 个词元，--max-length {self._config.max_length} 容不下；请缩短"
                f"前者或调大后者 | the prefix has {len(tokens)} tokens and leaves no room; shorten it or "
                "raise the limit"
            )
        return tokens

    def write(self) -> Iterator[Draft | Search]:
        """Writes paragraph after paragraph, for all candidates in step; yields the growing draft after every token."""
        for number in range(self._config.paragraphs):
            task = self._task(self._prefix if number == 0 else ())
            count = self._config.num_samples if number == 0 else 1
            draft = None
            for draft in self._strategy(task, count):
                yield draft
            self._candidates = [
                self._continued(candidate, hypothesis)
                for candidate, found in zip(self._candidates, draft.hypotheses(), strict=True)
                for hypothesis in found
            ]

    def _task(self, prefix: Sequence[int]) -> Task:
        size, vocabulary = EARLIER_FACTOR * self._config.no_repeat_ngram, self._generator.vocabulary
        # To write the same again is no repetition where that is asked for.
        told = [
            following(candidate.units, size) if size and self._task_name != "same" else {}
            for candidate in self._candidates
        ]
        history = History(vocabulary, len(told), self._config.max_length, told)
        return Task(
            self._generator.model,
            self._generator.device,
            [self._source(each) for each in self._candidates],
            history,
            self._rules,
            self._config.max_length,
            prefix,
            self._first,
        )

    def _strategy(self, task: Task, count: int) -> Iterator[Draft | Search]:
        if self._config.decoder == "beam":
            return search(task, self._config.beam_size, self._config.length_penalty, count)
        return write(task, self._dice if self._config.decoder == "sample" else greedy)

    def _source(self, candidate: _Candidate) -> list[int]:
        near = (
            slice(self._context) if self._task_name == "previous" else slice(-self._context, None)
        )
        return [token for segment in candidate.segments[near] for token in segment]

    def _continued(self, candidate: _Candidate, hypothesis: Hypothesis) -> _Candidate:
        paragraphs = [*candidate.paragraphs, self._paragraph(candidate, hypothesis)]
        tokens = _without_end(hypothesis.tokens)
        if not tokens:
            return dataclasses.replace(
                candidate, paragraphs=paragraphs
            )  # nothing that could be written on from
        written = [[*tokens, EOS]]
        return _Candidate(
            written + candidate.segments
            if self._task_name == "previous"
            else candidate.segments + written,
            [*candidate.units, content_units(self._generator.vocabulary, tokens)],
            paragraphs,
        )

    def _paragraph(self, candidate: _Candidate, hypothesis: Hypothesis) -> Paragraph:
        labels, source_labels = self._tokenizer.labels, self._generator.source_tokenizer.labels
        return Paragraph(
            self._tokenizer.decode(whole_characters(_without_end(hypothesis.tokens))),
            source_labels(self._source(candidate)),
            labels(hypothesis.tokens.tolist()),
            hypothesis.log_probabilities.tolist(),
            hypothesis.attention,
            hypothesis.score(self._config.length_penalty),
            hypothesis.finished,
            self._source(candidate),
            hypothesis.tokens.tolist(),
            self._first,
        )

    def snapshots(self, draft: Draft | Search) -> list[Generation]:
        """All candidates so far, with what is certain of the paragraphs that are being written."""
        return [
            self._generation(
                [*candidate.paragraphs, self._paragraph(candidate, draft.stable_prefix(row))],
                row,
                finished=False,
            )
            for row, candidate in enumerate(self._candidates)
        ]

    def generations(self) -> list[Generation]:
        """All candidates, when everything is written."""
        return [
            self._generation(candidate.paragraphs, row, finished=True)
            for row, candidate in enumerate(self._candidates)
        ]

    def _generation(self, paragraphs: list[Paragraph], row: int, finished: bool) -> Generation:
        seed = self.seed + row if self._config.decoder == "sample" else self.seed
        return Generation(
            self._prompt, paragraphs, seed, finished, list(self._notes), self._task_name
        )


def _without_end(tokens: np.ndarray) -> list[int]:
    written = tokens.tolist()
    return written[:-1] if written[-1:] == [EOS] else written
