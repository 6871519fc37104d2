"""Evaluating a run from Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.api.request import Paths, as_paths
from novelgen.config_decoding import decoding_config
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.options import check_one_of, validate_choice

if TYPE_CHECKING:
    from novelgen.data.pairs import Pairs
    from novelgen.training.loss import LossStats

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Evaluation:
    """How well a run predicts, in its main task, and what its writing is like."""

    bits_per_character: float
    perplexity: float  # per token
    pairs: int
    characters: int  # of the targets
    tokens: int  # of the targets
    by_task: dict[str, dict[str, Any]] = field(default_factory=dict)  # where there are several
    bits_per_character_shuffled: float | None = None  # with `shuffle_sources`
    writing: dict[str, float] = field(default_factory=dict)  # with `generate`: measures by name

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without what was not asked for."""
        result: dict[str, Any] = {
            "bits_per_character": self.bits_per_character,
            "perplexity": self.perplexity,
            "pairs": self.pairs,
            "characters": self.characters,
            "tokens": self.tokens,
        }
        if self.by_task:
            result["tasks"] = self.by_task
        if self.bits_per_character_shuffled is not None:
            result["bits_per_character_shuffled"] = self.bits_per_character_shuffled
        return {**result, **self.writing}


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
    device: str = "auto",
    on_text: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Measures the weights that a run kept, on data that it has not learned from.

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
        device: "auto", "cpu" or "cuda".
        on_text: Called after every text with how many are written, and of how many.
        options: Fields of `DecodingConfig`, for `generate`; `task` alone also says which task is
            evaluated.

    Raises:
        CheckpointError: The run is missing or damaged, or its data is gone.
        ConfigError: Options that are unknown or do not go together.
        CorpusError: `corpus` or `pairs` cannot be read.
    """
    # 1. The request: an option without an effect is refused, never ignored.
    named = as_paths(corpus)
    check_one_of(("--part", "--corpus", "--pairs"), part, named or None, pairs)
    part = validate_choice(part or "test", PARTS, "--part")
    if not named and (encoding or errors):
        raise ConfigError(_("--encoding and --errors are for --corpus only; leave them out"))
    if generate < 0:
        message = _("--generate {count}: must not be negative")
        raise ConfigError(message.format(count=generate))
    # The same texts every time, unless another seed is asked for.
    decoding = {"seed": 1, **options}
    decoding_config(decoding)
    if options.keys() - {"task"} and not generate:
        raise ConfigError(_("decoding options are for --generate N only; add it"))

    # Torch is imported behind the checks, which answer at once.
    from novelgen.api.evaluation_data import Source, pairs_by_task, training_text
    from novelgen.decoding.generator import Generator
    from novelgen.evaluation.writing import measure_writing
    from novelgen.training.checkpoint import load_run
    from novelgen.training.loss import evaluate_loss

    # 2. How well the run predicts, in each task. The first one is the main task.
    directory = Path(run)
    source = Source(part, named, None if pairs is None else Path(pairs), encoding, errors)
    opened = load_run(directory, device)
    by_task = pairs_by_task(opened, directory, source, options.get("task"))
    main_pairs = next(iter(by_task.values()))
    # Nothing is kept for a backward pass, so that twice the batch of training fits.
    batch_tokens = 2 * opened.config.training.batch_tokens

    def evaluated(pairs: Pairs) -> LossStats:
        return evaluate_loss(opened.model, pairs, batch_tokens=batch_tokens, device=opened.device)

    figures = {task: _figures(evaluated(each)) for task, each in by_task.items()}
    # 3. Whether it uses the source, and what its writing is like.
    shuffled = None
    if shuffle_sources:
        shuffled = evaluated(main_pairs.shuffled_sources(seed=1)).bits_per_character
    writing: dict[str, float] = {}
    if generate:
        # In float32: what is reported and compared is the text of the model itself.
        generator = Generator.of(opened, "float32")
        training = training_text(opened, directory)
        writing = measure_writing(generator, main_pairs, generate, training, decoding, on_text)
    return Evaluation(
        **next(iter(figures.values())),
        by_task=figures if len(figures) > 1 else {},
        bits_per_character_shuffled=shuffled,
        writing=writing,
    )


def _figures(stats: LossStats) -> dict[str, Any]:
    """What was measured in a task, by the names of `Evaluation`."""
    return {
        "bits_per_character": stats.bits_per_character,
        "perplexity": stats.perplexity,
        "pairs": stats.pairs,
        "characters": stats.characters,
        "tokens": stats.tokens,
    }
