"""One request being answered: from its prompt to its paragraphs, for all candidates in step.

A *candidate* is one of the texts that a request asks for: a sample with a seed of its own, or one
of a beam's n best.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from novelgen.config import DecodingConfig
from novelgen.data.tasks import first_tokens, trained_task
from novelgen.decoding.beam import Search, search
from novelgen.decoding.filters import named_rules
from novelgen.decoding.history import ContentUnits, Earlier, History, content_units
from novelgen.decoding.inspection import whole_characters
from novelgen.decoding.protocol import Hypothesis
from novelgen.decoding.repetition import known_paragraphs
from novelgen.decoding.results import BeamNode, Generation, Paragraph, Ruling
from novelgen.decoding.sampling import Draft, SeededSampler, Task, greedy, write
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.text.cleaning import plain
from novelgen.text.prompt import clean_prompt, plain_prompt
from novelgen.text.tokenizers import EOS
from novelgen.text.words import is_spaced

if TYPE_CHECKING:
    from novelgen.decoding.generator import Generator


@dataclass
class _Candidate:
    """One text being written: its context for the next paragraph, and its paragraphs so far."""

    # Tokens, EOS behind each: the prompt's segments and the written ones, in reading order.
    segments: list[list[int]]
    # The content units of the segments; of pairs those of the target side alone.
    units: list[ContentUnits]
    paragraphs: list[Paragraph]


class GenerationSession:
    """Everything that changes while one request is answered; the generator itself is only read."""

    def __init__(self, generator: Generator, prompt: str, config: DecodingConfig) -> None:
        self._generator = generator
        self._tokenizer = generator.tokenizer
        self._config = config
        self._prompt = prompt
        self._notes: list[str] = []
        self._context = generator.config.data.context_paragraphs
        self._from_pairs = generator.config.from_pairs
        self._reader = generator.manuscript_reader()
        # 1. What the model is asked for: the first token names the task.
        self._task_name = trained_task(generator.config.data, config.task)
        firsts = first_tokens(generator.config.data, self._tokenizer.size)
        self._first = firsts[self._task_name]
        seed = config.seed
        if seed is None:
            seed = secrets.randbelow(2**32)
        self.seed = seed
        # 2. What it reads, and what it must begin with.
        encode = generator.source_tokenizer.encode
        texts = self._prompt_segments()
        segments = [[*encode(text), EOS] for text in texts]
        self._prefix = self._prefix_tokens()
        # Words are cleaned as texts are; one of which nothing is left is meant as it is.
        self._rules = named_rules(
            config, generator.vocabulary, "".join(texts), lambda word: self._clean(word) or word
        )
        # 3. What it must not repeat. A source of pairs is no earlier paragraph: what it says may be
        # said again, and its ids may be of another vocabulary.
        units: list[ContentUnits] = []
        if not self._from_pairs:
            units = [content_units(generator.vocabulary, segment) for segment in segments]
        # 4. A beam is one row of the request that later becomes its n best; samples are rows of
        # their own from the start.
        rows = 1
        if config.decoder == "sample":
            rows = config.num_samples
        self._candidates = [_Candidate(segments, units, [])] * rows
        self._sampler = SeededSampler([seed + row for row in range(rows)])

    def _prompt_segments(self) -> list[str]:
        """The segments of the prompt; raises ConfigError where there are none."""
        if self._from_pairs:
            segments = plain_prompt(self._prompt)
        else:
            segments = clean_prompt(self._prompt, self._generator.config.text)
        if not segments and self._from_pairs:
            raise ConfigError(
                _("--prompt: the prompt holds no text; give a line of the source side")
            )
        if not segments:
            raise ConfigError(_("--prompt: the prompt holds no text; give a paragraph of a novel"))
        if len(segments) > self._context:
            self._notes.append(self._note_of_unread(len(segments)))
        if is_spaced(self._prompt.replace("\n", " ")) and self._generator.reads_chinese:
            self._notes.append(
                _(
                    "the prompt has no Chinese characters, but this model has learned from Chinese "
                    "text: what it writes will hardly follow from the prompt"
                )
            )
        return segments

    def _note_of_unread(self, count: int) -> str:
        """A line for the user: of the `count` segments of the prompt the model reads fewer."""
        if self._from_pairs:
            note = _("the prompt has {count} lines; the model reads the last {read} of them")
        elif self._task_name == "previous":
            note = _("the prompt has {count} segments; the model reads the first {read} of them")
        else:
            note = _("the prompt has {count} segments; the model reads the last {read} of them")
        return note.format(count=count, read=self._context)

    def _prefix_tokens(self) -> list[int]:
        """The tokens of the given opening; raises ConfigError where they leave no room."""
        tokens = list(self._tokenizer.encode(self._clean(self._config.prefix)))
        if len(tokens) >= self._config.max_length:
            raise ConfigError(
                _(
                    "--prefix: its {count} tokens leave no room within --max-length {limit}; "
                    "shorten the prefix or raise the limit"
                ).format(count=len(tokens), limit=self._config.max_length)
            )
        return tokens

    def _clean(self, text: str) -> str:
        """A text as those that were learned from look, on one line."""
        if self._from_pairs:
            return plain(text).lstrip()
        return "".join(clean_prompt(text, self._generator.config.text))

    def write(self) -> Iterator[Draft | Search]:
        """Writes paragraph after paragraph, for all candidates in step.

        Yields the growing draft after every token.
        """
        # The first paragraph has the prefix, and of a beam it becomes the n best.
        prefix: Sequence[int] = self._prefix
        count = self._config.num_samples
        for _number in range(self._config.paragraphs):
            task = self.task(prefix)
            # What stood before each candidate's paragraph, before anything is written.
            histories = [task.history.select(np.array([row])) for row in range(len(task.sources))]
            for draft in self._strategy(task, count):
                yield draft
            self._continue_with(draft, histories)
            prefix = ()
            count = 1

    def _continue_with(self, draft: Draft | Search, histories: Sequence[History]) -> None:
        """Every candidate goes on with each of its hypotheses, as candidates of their own."""
        continued = []
        for row, hypotheses in enumerate(draft.hypotheses()):
            added = {
                "beam": self._beam(draft, row),
                "ruling": Ruling(self._rules, histories[row]),
            }
            candidate = self._candidates[row]
            continued += [self._continued(candidate, each, added) for each in hypotheses]
        self._candidates = continued

    def _beam(self, draft: Draft | Search, row: int) -> list[list[BeamNode]]:
        """All that a beam kept for a candidate; nothing of another decoder."""
        if not isinstance(draft, Search):
            return []
        labels = self._tokenizer.labels
        return [
            [
                BeamNode(kept.parent, label, kept.log_probability, kept.ended)
                for kept, label in zip(step, labels(kept.token for kept in step), strict=True)
            ]
            for step in draft.kept(row)
        ]

    def task(self, prefix: Sequence[int]) -> Task:
        """The next paragraph of all B candidates, as the strategies are asked for it."""
        generator = self._generator
        config = self._config
        manuscripts = [candidate.segments for candidate in self._candidates]
        network = generator.network_with(config.cache_weight, manuscripts, self._reader)
        rows = len(self._candidates)
        history = History(generator.vocabulary, rows, config.max_length, self._earlier())
        return Task(
            generator.model_with(config.ngram_weight, network),
            generator.device,
            [self._source(each) for each in self._candidates],
            history,
            list(self._rules.values()),
            self._config.max_length,
            prefix,
            self._first,
        )

    def _earlier(self) -> list[Earlier] | None:
        """What no candidate may repeat of what stands before its paragraph; None where it may."""
        # To write the same again is no repetition where that is the task.
        config = self._config
        has_dry = config.dry_multiplier > 0
        if self._task_name == "same" or not (config.no_repeat_ngram or has_dry):
            return None
        # The samples of a prompt are one candidate at first.
        units = {id(candidate): candidate.units for candidate in self._candidates}
        known = {
            place: known_paragraphs(each, config.no_repeat_ngram, has_dry)
            for place, each in units.items()
        }
        return [known[id(candidate)] for candidate in self._candidates]

    def _strategy(self, task: Task, count: int) -> Iterator[Draft | Search]:
        config = self._config
        if config.decoder == "beam":
            return search(task, config.beam_size, config.length_penalty, count)
        if config.decoder == "sample":
            return write(task, self._sampler)
        return write(task, greedy)

    def _source(self, candidate: _Candidate) -> list[int]:
        """The tokens of the segments that are next to what is to be written."""
        segments = candidate.segments[-self._context :]
        if self._task_name == "previous":
            segments = candidate.segments[: self._context]
        return [token for segment in segments for token in segment]

    def _continued(
        self, candidate: _Candidate, hypothesis: Hypothesis, added: dict[str, Any]
    ) -> _Candidate:
        """The candidate with the paragraph of a hypothesis; `added` are further fields of it."""
        written = dataclasses.replace(self._paragraph(candidate, hypothesis), **added)
        paragraphs = [*candidate.paragraphs, written]
        tokens = _without_end(hypothesis.tokens)
        if not tokens:  # nothing that could be a source
            return dataclasses.replace(candidate, paragraphs=paragraphs)
        segments = [*candidate.segments, [*tokens, EOS]]
        if self._task_name == "previous":
            segments = [[*tokens, EOS], *candidate.segments]
        units = content_units(self._generator.vocabulary, tokens)
        return _Candidate(segments, [*candidate.units, units], paragraphs)

    def _paragraph(self, candidate: _Candidate, hypothesis: Hypothesis) -> Paragraph:
        source = self._source(candidate)
        tokens = hypothesis.tokens.tolist()
        return Paragraph(
            text=self._tokenizer.decode(whole_characters(_without_end(hypothesis.tokens))),
            source_tokens=self._generator.source_tokenizer.labels(source),
            tokens=self._tokenizer.labels(tokens),
            log_probabilities=hypothesis.log_probabilities.tolist(),
            attention=hypothesis.attention,
            score=hypothesis.score(self._config.length_penalty),
            finished=hypothesis.finished,
            source_ids=source,
            ids=tokens,
            first=self._first,
            ngram_weight=self._config.ngram_weight,
            cache_weight=self._config.cache_weight,
            manuscript=candidate.segments if self._config.cache_weight else (),
        )

    def snapshots(self, draft: Draft | Search) -> list[Generation]:
        """All candidates so far, with what is certain of the paragraphs that are being written."""
        generations = []
        for row, candidate in enumerate(self._candidates):
            unfinished = self._paragraph(candidate, draft.stable_prefix(row))
            paragraphs = [*candidate.paragraphs, unfinished]
            generations.append(self._generation(paragraphs, row, finished=False))
        return generations

    def generations(self) -> list[Generation]:
        """All candidates, when everything is written."""
        return [
            self._generation(candidate.paragraphs, row, finished=True)
            for row, candidate in enumerate(self._candidates)
        ]

    def _generation(self, paragraphs: list[Paragraph], row: int, finished: bool) -> Generation:
        # A sample has a seed of its own; the n best of a beam come from the same request.
        seed = self.seed
        if self._config.decoder == "sample":
            seed += row
        notes = list(self._notes)
        return Generation(self._prompt, paragraphs, seed, finished, notes, self._task_name)


def _without_end(tokens: NDArray[np.int64]) -> list[int]:
    """The tokens as a list, without the EOS at their end."""
    result: list[int] = tokens.tolist()
    if result[-1:] == [EOS]:
        return result[:-1]
    return result
