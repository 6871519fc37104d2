"""Training from Python: a new run, or one that goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.api.processes import reported_once
from novelgen.api.request import (
    Paths,
    apply_options,
    as_paths,
    check_pairs,
    check_resumable,
    check_same_corpus,
    check_source,
    chosen_options,
)
from novelgen.config import Config, check_budget, validate_option
from novelgen.presets import preset
from novelgen.training.results import Outcome, Reason, Validation

if TYPE_CHECKING:
    import torch

    from novelgen.training.run_directory import RunDirectory
    from novelgen.training.stores import Data
    from novelgen.training.warm_start import WarmStart


@dataclass(frozen=True)
class TrainingResult:
    """What came of a session of training."""

    run: Path
    """The run directory, for `novelgen.evaluate` and `Generator.load`."""
    reason: Reason
    """Why training ended: "budget", "patience" or "interrupted"."""
    validation_bpc: float | None
    """Bits per character of the weights that were kept; None before the first validation."""
    step: int
    """At which the run is now."""
    steps_taken: int
    """In this session; 0 where the budget was spent before it."""
    validation_is_sample: bool = False
    """Whether `validation_bpc` is that of a sample of the pairs, as all would take too long."""


def train(
    corpus: Paths | None = None,
    output: str | Path | None = None,
    config: Config | str | None = None,
    *,
    overwrite: bool = False,
    verbose: bool = True,
    on_validation: Callable[[Validation], None] | None = None,
    **options: Any,
) -> TrainingResult:
    """Trains a new model on a novel, or on the text pairs that the option `pairs` names.

    Args:
        corpus: The novel: a text file, .epub and the like, a folder of them, several of these, or
            what `novelgen.prepare` wrote, whose own options then count; None with `pairs`.
        output: The run directory; None is checkpoints/<name of the corpus>.
        config: The configuration to start from, or a preset's name; None is "small".
        overwrite: Replace a run that is in `output`.
        verbose: Print the corpus, the model, the progress and every validation. What Ctrl-C does,
            and that memory has run out, is printed in any case.
        on_validation: Called after every validation, in the first process alone. What it raises
            ends the training; the run can be resumed from its last save.
        options: Fields of the sections of `Config`, which win over `config`: max_minutes=2, say.
            `python -m novelgen train --help` explains each, there with hyphens.

    Ctrl-C and SIGTERM end the training after the step, saved: the result's reason is then
    "interrupted". They reach the main thread alone. PyTorch's random numbers are seeded anew.
    Started by torchrun, the processes train one model together.

    Raises:
        CorpusError: The corpus cannot be read, or holds too little text.
        ConfigError: An option is unknown, out of range or contradicts another, or `output` is
            taken, by a run or by another training.
        TrainingError: The loss or the gradients became infinite.
    """
    # 1. The request; whatever is wrong with it is found before torch is imported.
    paths = as_paths(corpus)
    with reported_once():
        asked, chosen = _checked_config(paths, config, options)
        if output is None:
            output = default_output(paths or [Path(str(asked.pairs.pairs))])

    from novelgen.api import sessions
    from novelgen.data.prepare import check_outside
    from novelgen.training.distributed import init_distributed
    from novelgen.training.run_directory import RunDirectory
    from novelgen.training.run_lock import check_no_training, locked
    from novelgen.training.stores import shared_data
    from novelgen.training.warm_start import find_warm_start

    run = RunDirectory(Path(output))
    # What rank 0 holds until the end: the lock on the run directory.
    with init_distributed() as ranks, contextlib.ExitStack() as held:
        device = ranks.device(asked.training.device)
        start = ranks.run_on_rank0(lambda: find_warm_start(asked))
        config = _reading_as(start, asked, chosen)

        def make_data() -> Data:
            check_outside(run.path, paths)
            # Whoever would be refused below learns it before the corpus is imported.
            check_no_training(run.path)
            if start is not None:
                start.check_apart(run.path)
            run.check_free(overwrite)
            data = _data(paths, config, chosen, run, device, start)
            if verbose:
                print(data.summary(), flush=True)
            held.enter_context(locked(run.path))
            run.create(overwrite)
            return data

        # 2. The data, which the first process prepares for all, and the training.
        data = shared_data(ranks, make_data)
        reporting = sessions.Reporting(verbose, on_validation)
        outcome = sessions.train(config, data, run, ranks, reporting, start)
    return _result(run, outcome)


def _checked_config(
    paths: list[Path], config: Config | str | None, options: dict[str, Any]
) -> tuple[Config, set[str]]:
    """The configuration of a request to `train`, and the names of the options that were chosen."""
    if not isinstance(config, Config):
        config = preset(config or "small")
    chosen = chosen_options(config, options)
    config = apply_options(config, options)
    check_budget(config.training)
    check_source(paths, config.pairs.pairs)
    check_pairs(config, chosen)
    return config, chosen


def _reading_as(start: WarmStart | None, config: Config, chosen: set[str]) -> Config:
    """`config` with sources as long as `start` has learnt to read, unless that is chosen."""
    if start is None or config.from_pairs or "context_paragraphs" in chosen:
        return config
    return config.replace(context_paragraphs=start.context_paragraphs)


def _data(
    paths: list[Path],
    config: Config,
    chosen: set[str],
    run: RunDirectory,
    device: torch.device,
    start: WarmStart | None = None,
) -> Data:
    """What the run is to learn from; its store lies in a folder beside the run.

    A novel's vocabulary has all of that of `start`, unless its size was chosen.
    """
    from novelgen.data.novel import Novel
    from novelgen.data.pair_files import PairFiles
    from novelgen.data.prepare import STORES, open_or_build
    from novelgen.training.hardware import choose_precision, limit_onednn_cache

    # A precision that is not here is refused first: importing a corpus may take long.
    limit_onednn_cache()
    choose_precision(config.training.precision, device)
    data: Data
    if config.from_pairs:
        data = PairFiles.learn(config.data, config.pairs)
    else:
        stores = run.path.parent / STORES
        known = None
        if start is not None and "vocabulary_size" not in chosen:
            known = start.vocabulary
        store = open_or_build(paths, config.text, config.data, stores, given=chosen, known=known)
        data = Novel(store, config.data, paths)
    # A task without a single pair is reported before a directory is made.
    for part in ("train", "valid"):
        data.by_task(part)
    return data


def resume(
    run: str | Path,
    corpus: Paths | None = None,
    *,
    verbose: bool = True,
    on_validation: Callable[[Validation], None] | None = None,
    **options: Any,
) -> TrainingResult:
    """Trains on from the last save of a run.

    With a budget of steps or epochs that does not change, the run goes on bit for bit (on a CPU) as
    if it had never stopped; one of minutes plans by the clock.

    Args:
        run: The run directory.
        corpus: What the run is trained on, to be checked; None checks nothing. The same for the
            option `pairs`.
        verbose: As for `train`.
        on_validation: As for `train`.
        options: What changes: the budget, which replaces all that the run has, patience,
            save_every, ngram_order, accumulation_steps, device, precision.

    Raises:
        CheckpointError: The run is missing or damaged, or its data is gone.
        ConfigError: An option is unknown or cannot change, `corpus` is another one, or another
            process is training the run.
        TrainingError: The loss or the gradients became infinite.
    """
    # The pairs, like the corpus, may be named again.
    pairs = options.pop("pairs", None)
    with reported_once():
        for name in options:
            validate_option(name)
        check_resumable(options)

    from novelgen.api import sessions
    from novelgen.training.distributed import init_distributed
    from novelgen.training.run_directory import RunDirectory
    from novelgen.training.run_lock import locked

    directory = RunDirectory(Path(run))
    with init_distributed() as ranks, contextlib.ExitStack() as held:
        info = ranks.run_on_rank0(directory.load_info)
        check_same_corpus(as_paths(corpus), pairs, directory.path, info)

        def lock() -> None:
            held.enter_context(locked(directory.path))

        ranks.run_on_rank0(lock)
        reporting = sessions.Reporting(verbose, on_validation)
        outcome = sessions.resume(directory, options, ranks, reporting)
    return _result(directory, outcome)


def _result(run: RunDirectory, outcome: Outcome) -> TrainingResult:
    return TrainingResult(
        run=run.path,
        reason=outcome.reason,
        validation_bpc=outcome.best,
        step=outcome.step,
        steps_taken=outcome.steps_taken,
        validation_is_sample=outcome.is_sample,
    )


def default_output(corpus: Sequence[Path]) -> Path:
    """The run directory of a corpus, in the current folder: checkpoints/<name of the corpus>."""
    from novelgen.data.prepare import corpus_name

    return Path("checkpoints") / corpus_name(corpus)
