"""Text in, text and attention out: what the command line, the page and the evaluation call."""

from __future__ import annotations

import time
from collections import abc
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from novelgen.config import PRECISIONS, Config, DecodingConfig, decoding_defaults, validate_choice
from novelgen.config.decoding import decoding_config
from novelgen.data.tasks import trained_task
from novelgen.decoding.cache import CachedModel, ManuscriptReader
from novelgen.decoding.filling import fill, rewrite
from novelgen.decoding.inspection import Place, inspect
from novelgen.decoding.interpolation import InterpolatedModel
from novelgen.decoding.protocol import Model, ReadoutModel, Wrapper, start
from novelgen.decoding.results import Generation, Paragraph
from novelgen.decoding.session import GenerationSession
from novelgen.decoding.vocabulary import Vocabulary
from novelgen.decoding_styles import styled
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.text.tokenizers import EOS, Tokenizer
from novelgen.text.user_words import is_chinese

if TYPE_CHECKING:
    from novelgen.models.ngram import NgramModel
    from novelgen.training.checkpoint import Run

__all__ = ["Generation", "Generator", "Paragraph"]


class Generator:
    """Writes the paragraphs that follow a prompt, or the target of a source where a run has pairs.

    Nothing in it changes, so that several threads may use one Generator. Closing the iterator that
    `stream` returns stops the writing.
    """

    def __init__(
        self,
        model: ReadoutModel,
        tokenizer: Tokenizer,
        config: Config,
        device: torch.device,
        source_tokenizer: Tokenizer | None = None,
        ngram: abc.Callable[[], NgramModel | None] = lambda: None,
    ) -> None:
        """`model` must be in evaluation mode and on `device`.

        Of `config` the sections text, data and pairs are used. `source_tokenizer` is the source's
        own; None, or the same object, is one vocabulary for both. `ngram` returns the n-gram model
        when it is asked for, or None where there is none.
        """
        self.model = model
        # As a module, for gradients; what decodes may be a compiled copy of it.
        self.network: Any = getattr(model, "network", model)
        self.tokenizer = tokenizer
        self.config = config
        self.device = device
        self.source_tokenizer = source_tokenizer or tokenizer
        self.vocabulary = Vocabulary.of(tokenizer)
        self._ngram = ngram

    @classmethod
    def load(
        cls, directory: str | Path, device: str = "auto", precision: str = "auto"
    ) -> Generator:
        """The generator of a run directory.

        precision is one of PRECISIONS: "float32" writes the model's own texts; "auto" takes
        bfloat16 weights where those are faster. Raises CheckpointError when the directory is
        missing, damaged or too new.
        """
        from novelgen.training.checkpoint import load_run

        validate_choice(precision, PRECISIONS, "--precision")
        return cls.of(load_run(Path(directory), device), precision)

    @classmethod
    def of(cls, run: Run, precision: str = "auto") -> Generator:
        """The generator of a run that is open; `precision` as in `load`."""
        from novelgen.models.compiled_decoder import optimize_for_inference

        model = optimize_for_inference(run.model, precision)
        source_tokenizer = run.source_tokenizer
        return cls(
            model, run.tokenizer, run.config, run.device, source_tokenizer, lambda: run.ngram
        )

    def with_model(self, model: Model) -> Generator:
        """The same generator around another model, of the same vocabulary."""
        return Generator(
            cast("ReadoutModel", model),
            self.tokenizer,
            self.config,
            self.device,
            self.source_tokenizer,
            self._ngram,
        )

    @cached_property
    def reads_chinese(self) -> bool:
        """Whether most characters of the source's vocabulary are Chinese."""
        characters = self.source_tokenizer.characters
        return sum(map(is_chinese, characters)) > len(characters) / 2

    def __repr__(self) -> str:
        name = self.config.model.model
        return f"Generator({name}, vocabulary of {self.tokenizer.size:,}, {self.device})"

    def warm_up(self) -> None:
        """Compiles and packs what the first text would wait for: seconds, once on a machine."""
        start(self.model, [[EOS]], self.device)

    def generate(self, prompt: str, **options: Any) -> Generation:
        """What follows `prompt`; `options` are the fields of DecodingConfig, and a `style`.

        A style is a name in STYLES, whose settings stand for those that are not given. Of several
        candidates the first. Raises ConfigError for a prompt without text, an unknown option or one
        out of range.
        """
        return self.candidates(prompt, **options)[0]

    def candidates(self, prompt: str, **options: Any) -> list[Generation]:
        """`num_samples` texts: samples in the order of their seeds, or the n best of the beam.

        Candidate r of seed s is the only candidate of seed s + r, whatever else is in the batch.
        """
        session = GenerationSession(self, prompt, self.decoding_config(**options))
        for _draft in session.write():
            pass
        return session.generations()

    def fill(
        self,
        before: str,
        after: str,
        *,
        on_token: abc.Callable[[], None] = lambda: None,
        **options: Any,
    ) -> list[Generation]:
        """Paragraphs between `before` and `after`: the `num_samples` best of several, best first.

        The score of each says how well it follows, and what follows after it; see
        `novelgen.decoding.filling`. Where the run has the task "previous", some are written
        backwards from `after`. `on_token` is called after every token; to stop the work, let it
        raise. Raises ConfigError as `generate`.
        """
        return fill(self, before, after, self.decoding_config(**options), on_token)

    def rewrite(
        self,
        before: str,
        paragraph: str,
        start: int,
        stop: int,
        *,
        on_token: abc.Callable[[], None] = lambda: None,
        **options: Any,
    ) -> list[Generation]:
        """`paragraph` with other words for its characters from `start` to `stop`, best first.

        All else in it stays as it is. As many as `num_samples`, or fewer; `before` are the
        paragraphs before it. The score of each says how well the new words follow, and the rest of
        the paragraph after them. `on_token` is as in `fill`. Raises ConfigError as `generate`, or
        where nothing is selected.
        """
        config = self.decoding_config(**options)
        return rewrite(self, before, paragraph, start, stop, config, on_token)

    def stream(self, prompt: str, **options: Any) -> abc.Generator[Generation, None, None]:
        """Snapshots, whose text grows, of what `generate` writes; the last one is finished.

        Text that was yielded once stays: a character is held back until all its bytes are there,
        and of a beam that opening is shown on which all its hypotheses agree. The request is
        checked at once, before the first `next`.
        """
        return (generations[0] for generations in self.stream_candidates(prompt, **options))

    def stream_candidates(
        self,
        prompt: str,
        *,
        pause: float = 0.0,
        clock: abc.Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> abc.Generator[list[Generation], None, None]:
        """Streams what `candidates` writes.

        Of a beam one text, until the end of the first paragraph makes it n best. Once there is
        text, a snapshot comes `pause` seconds of `clock` after the one before, not after every
        token: each is decoded from its beginning.
        """
        session = GenerationSession(self, prompt, self.decoding_config(**options))
        return _snapshots(session, pause, clock)

    def decoding_config(self, **options: Any) -> DecodingConfig:
        """What `generate` works with: the options, and this run's defaults for all others.

        Raises ConfigError for one that is not known or not possible here.
        """
        defaults = decoding_defaults(self.config.from_pairs)
        config = decoding_config({**defaults, **styled(options)})
        if config.paragraphs > 1 and self.source_tokenizer is not self.tokenizer:
            raise ConfigError(
                _(
                    "--paragraphs {count}: what is written would be the next source, but the "
                    "source of this model has a vocabulary of its own; use 1"
                ).format(count=config.paragraphs)
            )
        is_next = trained_task(self.config.data, config.task) == "next"
        if config.cache_weight and (self.config.from_pairs or not is_next):
            raise ConfigError(
                _(
                    "--cache-weight {weight:g}: only the next paragraph of a novel has a text "
                    "before it; leave it out"
                ).format(weight=config.cache_weight)
            )
        self.model_with(config.ngram_weight, self.model)
        return config

    def manuscript_reader(self) -> ManuscriptReader:
        """What reads manuscripts for `network_with`."""
        return ManuscriptReader(self.model, self.config.data.context_paragraphs, self.device)

    def network_with(
        self,
        cache_weight: float,
        manuscripts: abc.Sequence[abc.Sequence[abc.Sequence[int]]],
        reader: ManuscriptReader,
    ) -> Model | Wrapper:
        """The network with caches of manuscripts, one a source; it alone with a weight of 0.

        A manuscript is a list of segments in tokens, EOS behind each.
        """
        if not cache_weight:
            return self.model
        return CachedModel(self.model, reader.caches(manuscripts), cache_weight, self.device)

    def model_with(self, ngram_weight: float, network: Model | Wrapper) -> Model | Wrapper:
        """The network, with an n-gram model beside it that has a weight; it alone with one of 0.

        Raises ConfigError where there is no n-gram model, and CheckpointError where it is damaged.
        """
        if not ngram_weight:
            return network
        ngram = self._ngram()
        if ngram is None:
            raise ConfigError(
                _(
                    "--ngram-weight {weight:g}: this run has no n-gram model; leave it out, or "
                    "count one: python -m novelgen train --output DIR --resume --ngram-order 3"
                ).format(weight=ngram_weight)
            )
        return InterpolatedModel(network, ngram, ngram_weight, self.device)

    def inspect(self, paragraph: Paragraph, count: int = 5) -> abc.Generator[Place, None, None]:
        """What the model expected at each of the T tokens of a paragraph that it wrote.

        One Place after the other, each with `count` alternatives. Of a paragraph that was written
        with the n-gram model or the cache too, it is what all together expected.
        """
        manuscripts = [paragraph.manuscript]
        reader = self.manuscript_reader()
        network = self.network_with(paragraph.cache_weight, manuscripts, reader)
        return inspect(
            self.model_with(paragraph.ngram_weight, network),
            self.device,
            self.tokenizer,
            paragraph.source_ids,
            paragraph.ids,
            count,
            paragraph.first,
            paragraph.ruling,
        )


def _snapshots(
    session: GenerationSession, pause: float, clock: abc.Callable[[], float]
) -> abc.Generator[list[Generation], None, None]:
    due = 0.0
    for draft in session.write():
        if clock() >= due:
            generations = session.snapshots(draft)
            # Until there is text every token is shown: the first one must not be late.
            if any(generation.text for generation in generations):
                due = clock() + pause
            yield generations
    yield session.generations()
