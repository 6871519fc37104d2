"""Training from Python: a new run, or one that goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
from novelgen.config import Config
from novelgen.presets import preset

if TYPE_CHECKING:
    from novelgen.training.stores import Data
    from novelgen.training.trainer import Validation


class TrainingResult(NamedTuple):
    """What came of a session of training."""

    run: Path  # the run directory, for `novelgen.evaluate` and `Generator.load`
    reason: str  # why training ended: "budget", "patience" or "interrupted"
    validation_bpc: float | None  # bits per character of the weights that were kept
    step: int  # at which the run is now
    steps_taken: int  # in this session; 0 where the budget was spent before it


def train(
    corpus: Paths | None = None,
    output: str | Path | None = None,
    config: Config | None = None,
    *,
    overwrite: bool = False,
    verbose: bool = True,
    on_validation: Callable[[Validation], None] | None = None,
    **options: Any,
) -> TrainingResult:
    """Trains a new model on a novel, or on the text pairs that the option `pairs` names.

    Args:
        corpus: The novel: a text file, .epub and the like, a folder of them, several of these, or
            what `novelgen.prepare` wrote; None with the option `pairs`.
        output: The run directory; None is checkpoints/<name of the corpus>.
        config: The configuration to start from; None is `preset("small")`.
        overwrite: Replace a run that is in `output`.
        verbose: Print the corpus, the model, the progress and every validation.
        on_validation: Called after every validation, with its step and bits per character.
        options: Fields of `Config`'s sections, which win over `config`: max_minutes=2, say.

    Started by torchrun, the processes train one model together.

    Raises:
        CorpusError: The corpus cannot be read, or holds too little text.
        ConfigError: An option is unknown, out of range or contradicts another, or `output` is
            taken.
        TrainingError: The loss or the gradients became infinite.
    """
    # 1. The request; whatever is wrong with it is found before torch is imported.
    paths = as_paths(corpus)
    chosen = chosen_options(config, options)
    config = apply_options(config or preset("small"), options)
    check_source(paths, config.pairs.pairs)
    check_pairs(config, options)

    from novelgen.api import sessions
    from novelgen.data.prepare import check_outside
    from novelgen.training.checkpoint import RunDirectory
    from novelgen.training.distributed import init_distributed
    from novelgen.training.hardware import choose_precision, limit_onednn_cache
    from novelgen.training.stores import shared_data

    if output is None:
        output = default_output(paths or [Path(str(config.pairs.pairs))])
    run = RunDirectory(Path(output))
    with init_distributed() as ranks:
        device = ranks.device(config.training.device)

        def prepare_data() -> Data:
            # Everything that can be refused is refused first: importing a corpus may take long.
            check_outside(run.path, paths)
            run.check_free(overwrite)
            limit_onednn_cache()
            choose_precision(config.training.precision, device)
            data = _data(paths, config, chosen, run.path)
            if verbose:
                print(data.summary(), flush=True)
            # A task without a single pair is reported before a directory is made.
            for part in ("train", "valid"):
                data.by_task(part)
            run.create(overwrite)
            return data

        # 2. The data, which rank 0 prepares for all, and the training.
        data = shared_data(ranks, prepare_data)
        reporting = sessions.Reporting(verbose, on_validation)
        outcome = sessions.start(config, data, run, device, ranks, reporting)
    return TrainingResult(run.path, *outcome)


def _data(paths: list[Path], config: Config, chosen: set[str], output: Path) -> Data:
    """What the run is to learn from; stores lie in a folder beside the run."""
    from novelgen.data.novel import Novel
    from novelgen.data.pair_files import PairFiles
    from novelgen.data.prepare import open_or_build

    if config.from_pairs:
        return PairFiles.learn(config.data, config.pairs)
    stores = output.parent / ".stores"
    store = open_or_build(paths, config.text, config.data, stores, given=chosen)
    return Novel(store, config.data, paths)


def resume(
    run: str | Path,
    corpus: Paths | None = None,
    *,
    verbose: bool = True,
    on_validation: Callable[[Validation], None] | None = None,
    **options: Any,
) -> TrainingResult:
    """Trains on from the last save of a run, bit for bit (on a CPU) as if it had never stopped.

    Args:
        run: The run directory.
        corpus: What the run is trained on, to be checked; None checks nothing.
        verbose: As for `train`.
        on_validation: As for `train`.
        options: What changes, of the budget, patience, device, precision and saves. A budget
            replaces all that the run has.

    Raises:
        CheckpointError: The run is missing or damaged, or its data is gone.
        ConfigError: An option cannot change, or `corpus` is another one.
        TrainingError: The loss or the gradients became infinite.
    """
    # The pairs, like the corpus, may be named again.
    pairs = options.pop("pairs", None)
    check_resumable(options)

    from novelgen.api import sessions
    from novelgen.training.checkpoint import RunDirectory
    from novelgen.training.distributed import init_distributed

    directory = RunDirectory(Path(run))
    with init_distributed() as ranks:
        info = ranks.run_on_rank0(directory.load_info)
        check_same_corpus(as_paths(corpus), pairs, directory.path, info)
        reporting = sessions.Reporting(verbose, on_validation)
        outcome = sessions.go_on(directory, options, ranks, reporting)
    return TrainingResult(directory.path, *outcome)


def default_output(corpus: Sequence[Path]) -> Path:
    """The run directory of a corpus, in the current folder: checkpoints/<name of the corpus>."""
    from novelgen.data.prepare import corpus_name

    return Path("checkpoints") / corpus_name(corpus)


def is_first_process() -> bool:
    """Whether this process, of those that torchrun started, is the one that prints."""
    return os.environ.get("RANK", "0") == "0"
