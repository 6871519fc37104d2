"""Evaluating a run from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from novelgen.api.request import Paths, as_paths
from novelgen.config.decoding import decoding_config
from novelgen.decoding_styles import styled
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.options import check_one_of, flag, validate_choice

if TYPE_CHECKING:
    from novelgen.evaluation.groups import Group
    from novelgen.evaluation.pair_losses import PairLosses
    from novelgen.evaluation.sweep import SweepRow, TextPair


# Decoding options that may be lists.
SWEPT = ("decoder", "temperature", "top_k", "top_p", "min_p", "beam_size")
# How the pairs are grouped.
GROUPINGS = ("novel", "chapter", "length")

# What is measured in every task: the names that PairLosses, Evaluation and JSON have for it.
_FIGURES = (
    "bits_per_character",
    "bits_per_character_interval",
    "bits_per_character_without_end",
    "character_perplexity",
    "character_perplexity_without_end",
    "perplexity",
    "perplexity_without_end",
    "pairs",
    "characters",
    "tokens",
)
# And beside them where the run has an n-gram model.
NGRAM_FIGURES = ("bits_per_character_ngram", "bits_per_character_interpolated", "ngram_weight")
# In the main task, where they were asked for.
_EXTRA_FIGURES = (
    "bits_per_character_cache",
    "bits_per_character_cache_interpolated",
    "bits_per_character_shuffled",
)


class EvaluationData(NamedTuple):
    """What is measured on: `corpus` or `pairs`, or where neither is given a part of the run's data.

    `encoding` and `errors` are for a corpus; None is as for any corpus.
    """

    part: str
    corpus: list[Path]
    pairs: Path | None
    encoding: str | None
    errors: str | None


@dataclass(frozen=True)
class Evaluation:
    """How well a run predicts, in its main task, and what its writing is like."""

    bits_per_character: float
    # Of a token, EOS counted among them; comparable only where the tokens are the same.
    perplexity: float
    pairs: int
    characters: int  # of the targets
    tokens: int  # of the targets, EOS counted
    # Where the BPC lies with 95 %, by a bootstrap over the pairs.
    bits_per_character_interval: tuple[float, float] | None = None
    # `_without_end` leaves out EOS, the end of the paragraph. That of a character is 2 ** BPC.
    bits_per_character_without_end: float | None = None
    perplexity_without_end: float | None = None
    character_perplexity: float | None = None
    character_perplexity_without_end: float | None = None
    groups: list[Group] = field(default_factory=list)  # with `by`
    # Where the run has an n-gram model: that alone, and both together with the weight that
    # validation chose for it.
    bits_per_character_ngram: float | None = None
    bits_per_character_interpolated: float | None = None
    ngram_weight: float | None = None
    by_task: dict[str, dict[str, Any]] = field(default_factory=dict)  # where there are several
    # With `cache_weight`: the network with the cache, and both with the n-gram model.
    bits_per_character_cache: float | None = None
    bits_per_character_cache_interpolated: float | None = None
    bits_per_character_shuffled: float | None = None  # with `shuffle_sources`
    # With `generate`: the texts of every setting, and what they were written after.
    sweep: list[SweepRow] = field(default_factory=list)
    texts: list[TextPair] = field(default_factory=list)
    # The spans of all written texts that stand in the training text, and where.
    copies: list[dict[str, Any]] = field(default_factory=list)
    copying_unknown: str | None = None  # why copying was not measured, where it was not

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without what was not asked for."""
        result = _figures(self)
        if self.ngram_weight is not None:
            result |= {name: getattr(self, name) for name in NGRAM_FIGURES}
        if self.by_task:
            result["tasks"] = self.by_task
        extra = {name: getattr(self, name) for name in _EXTRA_FIGURES}
        result |= {name: value for name, value in extra.items() if value is not None}
        if self.groups:
            result["groups"] = [group._asdict() for group in self.groups]
        if len(self.sweep) > 1:
            result["sweep"] = [
                {"setting": row.label, "options": row.options, **row.measures.known()}
                for row in self.sweep
            ]
        if self.copies:
            result["copies"] = self.copies
        return {**result, **self.writing}

    @property
    def writing(self) -> dict[str, float]:
        """The measures of what was written with one setting, by name; empty with several."""
        if len(self.sweep) != 1:
            return {}
        return self.sweep[0].measures.known()


def evaluate(
    run: str | Path,
    *,
    part: str | None = None,
    corpus: Paths | None = None,
    pairs: str | Path | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    generate: int = 0,
    shuffle_sources: bool = False,
    by: str | None = None,
    device: str = "auto",
    on_text: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Measures the weights that a run kept: by default on the chapters that it never saw.

    Args:
        run: The run directory.
        part: "train", "valid" or "test" (the default) of the run's own data.
        corpus: Another novel instead, all of it: files, folders, or what `prepare` wrote.
        pairs: Or a file of other text pairs.
        encoding: Of `corpus`; None detects it.
        errors: Bytes of `corpus` that cannot be decoded: "strict" (None) or "replace".
        generate: Also write so many texts and measure their diversity, repetition, likeness to
            the original and copying.
        shuffle_sources: Also evaluate with the sources in another order.
        by: "novel", "chapter" or "length" (of the source): also the BPC of each group of pairs.
        device: "auto", "cpu" or "cuda".
        on_text: Called after every text with how many are written, and of how many.
        options: Fields of `DecodingConfig`, or a `style`, for `generate`; `task` also says which
            task is evaluated, and `cache_weight` also evaluates with the cache. Every call writes
            the same texts, unless it has another seed. Those of SWEPT may be lists: every
            combination that makes sense is written, as `novelgen.evaluation.sweep.product` has
            them.

    Raises:
        CheckpointError: The run is missing or damaged, or its data is gone.
        ConfigError: Options that are unknown or do not go together.
        CorpusError: `corpus` or `pairs` cannot be read.
    """
    # 1. The request.
    wanted = _request(part, corpus, pairs, encoding, errors)
    _check_groups(by, wanted)
    options = styled({name: value for name, value in options.items() if value is not None})
    _check_writing(generate, options)

    # Torch is imported behind the checks, which answer at once.
    from novelgen.api.evaluation_data import group_places, pairs_by_task
    from novelgen.api.evaluation_losses import further_figures, measured_losses
    from novelgen.api.evaluation_writing import Written, write_and_measure
    from novelgen.evaluation.groups import grouped
    from novelgen.training.checkpoint import load_run

    # 2. How well the run predicts, in each task. The first one is the main task.
    directory = Path(run)
    opened = load_run(directory, device)
    by_task = pairs_by_task(opened, directory, wanted, options.get("task"))
    main_pairs = next(iter(by_task.values()))
    measured = {task: measured_losses(opened, each) for task, each in by_task.items()}
    figures = {task: {**_figures(losses), **more} for task, (losses, more) in measured.items()}
    main_losses, _more = next(iter(measured.values()))
    groups: list[Group] = []
    if by is not None:
        groups = grouped(main_losses, *group_places(opened, directory, main_pairs, by))
    # 3. Whether a cache helps it, whether it uses the source, and what its writing is like.
    further = further_figures(opened, main_pairs, options, shuffle_sources)
    written = Written()
    if generate:
        written = write_and_measure(opened, directory, main_pairs, generate, options, on_text)
    return Evaluation(
        **next(iter(figures.values())),
        **further,
        **vars(written),
        by_task=figures if len(figures) > 1 else {},
        groups=groups,
    )


def _request(
    part: str | None,
    corpus: Paths | None,
    pairs: str | Path | None,
    encoding: str | None,
    errors: str | None,
) -> EvaluationData:
    """What is measured on; raises ConfigError for options that do not go together.

    An option without an effect is refused, never ignored.
    """
    # NumPy is imported with it: not for --help.
    from novelgen.data.split import PARTS

    check_one_of(("--part", "--corpus", "--pairs"), part, corpus, pairs)
    part = validate_choice(part or "test", PARTS, "--part")
    named = as_paths(corpus)
    if corpus is not None and not named:
        raise ConfigError(_("--corpus: no file is named"))
    if not named and (encoding or errors):
        raise ConfigError(_("--encoding and --errors are for --corpus only; leave them out"))
    file = None
    if pairs is not None:
        file = Path(pairs)
    return EvaluationData(part, named, file, encoding, errors)


def _check_writing(generate: int, options: Mapping[str, Any]) -> None:
    """Raises ConfigError for decoding options that are wrong, or without anything to decode."""
    if generate < 0:
        message = _("--generate {count}: must not be negative")
        raise ConfigError(message.format(count=generate))
    single = {
        name: value
        for name, value in options.items()
        if name not in SWEPT or not isinstance(value, (list, tuple))
    }
    # The run decides its own defaults, and may allow a shorter text than the general one.
    decoding_config({"min_length": 0, **single})
    for name in options.keys() - single.keys():
        if not options[name]:
            raise ConfigError(_("{option}: give at least one value").format(option=flag(name)))
        for value in options[name]:
            decoding_config({"min_length": 0, name: value})
    if options.keys() - {"task", "cache_weight"} and not generate:
        raise ConfigError(_("decoding options are for --generate N only; add it"))


def _check_groups(by: str | None, wanted: EvaluationData) -> None:
    """Raises ConfigError for a grouping that there is not, or not of these texts."""
    if by is None:
        return
    validate_choice(by, GROUPINGS, "--by")
    if by != "length" and (wanted.corpus or wanted.pairs):
        message = _("--by {by}: only the run's own data has chapters; use --by length")
        raise ConfigError(message.format(by=by))


def _figures(measured: PairLosses | Evaluation) -> dict[str, Any]:
    """What is measured in every task, by its key in JSON."""
    found = {name: getattr(measured, name) for name in _FIGURES}
    return {name: value for name, value in found.items() if value is not None}
