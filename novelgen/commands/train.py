"""`python train.py`: options, data, model, `Trainer.fit`, and what a person sees on the way."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from novelgen.cli import explicit_options
from novelgen.commands.train_request import (
    BUDGETS,
    SECTIONS,
    add_arguments,
    apply_budget,
    apply_options,
    check_pairs,
    check_request,
    check_same_corpus,
    resume_options,
)
from novelgen.config import Config, DataConfig, TextConfig, TrainingConfig, flag
from novelgen.i18n import _, join_list
from novelgen.presets import preset
from novelgen.terminal import aligned_lines

if TYPE_CHECKING:
    import torch
    from torch import nn

    from novelgen.commands.observer import Observer
    from novelgen.training.checkpoint import RunDirectory
    from novelgen.training.distributed import Ranks
    from novelgen.training.stores import Data
    from novelgen.training.trainer import Outcome

__all__ = ["Trained", "add_arguments", "main", "resume", "train"]

# How many continuations are shown when training ends.
_SAMPLES = 3


class Trained(NamedTuple):
    """What came of a session of training."""

    outcome: Outcome
    observer: Observer


def main(args: argparse.Namespace) -> None:
    """Trains as asked; raises NovelgenError for what the user can put right."""
    check_request(args)
    # Imported behind the check, which answers at once.
    from novelgen.data.prepare import corpus_name
    from novelgen.training.distributed import init_distributed

    # By default a run is named after its corpus.
    output = args.output
    if output is None:
        output = Path("checkpoints") / corpus_name(args.corpus or [Path(args.pairs)])
    with init_distributed() as ranks:
        (_resume if args.resume else _start)(args, output, ranks)


def _start(args: argparse.Namespace, output: Path, ranks: Ranks) -> None:
    """Trains a new run, and prints what came of it."""
    from novelgen.data.prepare import check_outside
    from novelgen.training.checkpoint import RunDirectory
    from novelgen.training.hardware import choose_precision, limit_onednn_cache
    from novelgen.training.stores import shared_data

    config = apply_options(preset(args.preset or "small"), explicit_options(args, *SECTIONS))
    check_pairs(args, config)
    device = ranks.device(config.training.device)
    run = RunDirectory(output)

    def prepare_data() -> Data:
        # Everything that can be refused is refused first: importing a corpus may take long.
        check_outside(output, args.corpus or ())
        run.check_free(args.overwrite)
        limit_onednn_cache()
        choose_precision(config.training.precision, device)
        data = _data(args, config, output)
        print(data.summary(), flush=True)
        # A task without a single pair is reported before a directory is made.
        for part in ("train", "valid"):
            data.by_task(part)
        run.create(args.overwrite)
        return data

    trained = train(config, shared_data(ranks, prepare_data), run, device, ranks)
    if ranks.is_first:
        _print_summary(trained, run, config.training)


def _data(args: argparse.Namespace, config: Config, output: Path) -> Data:
    """What the run is to learn from."""
    from novelgen.data.novel import Novel
    from novelgen.data.pair_files import PairFiles
    from novelgen.data.prepare import open_or_build

    if config.from_pairs:
        return PairFiles.learn(config.data, config.pairs)
    store = open_or_build(
        args.corpus,
        config.text,
        config.data,
        output.parent / ".stores",
        given=explicit_options(args, TextConfig, DataConfig),
    )
    return Novel(store, config.data, args.corpus)


def train(
    config: Config,
    data: Data,
    run: RunDirectory,
    device: torch.device,
    ranks: Ranks | None = None,
) -> Trained:
    """Trains a new model into `run`, a directory that was created."""
    import torch

    from novelgen.training.checkpoint import build_model
    from novelgen.training.distributed import SINGLE_PROCESS

    ranks = ranks or SINGLE_PROCESS
    # 1. The model: its first weights follow from the seed alone.
    # What is prepared already brings the options along that it was prepared with.
    config = data.configured(config, run.path)
    torch.manual_seed(config.training.seed)
    model = build_model(config, data.tokenizer, data.source_tokenizer)
    # 2. What config.json says of the run, and its vocabularies: two where the source has its own.
    source_tokenizer = None
    info: dict[str, Any] = {"config": config.to_dict(), "tokenizer": data.tokenizer.fingerprint}
    if data.source_tokenizer is not data.tokenizer:
        source_tokenizer = data.source_tokenizer
        info["source_tokenizer"] = source_tokenizer.fingerprint
    info |= data.info(run.path)
    info["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    if ranks.is_first:
        run.save_info(info, data.tokenizer, source_tokenizer)
    # 3. Training.
    return _fit(config, data, model, run, info, device, ranks, resume=False)


def _resume(args: argparse.Namespace, output: Path, ranks: Ranks) -> None:
    """Continues a run, and prints what came of it."""
    from novelgen.training.checkpoint import RunDirectory

    options = resume_options(args)
    run = RunDirectory(output)
    info = ranks.run_on_rank0(run.load_info)
    check_same_corpus(args, output, info)
    trained = resume(run, options, ranks)
    if ranks.is_first:
        _print_summary(trained, run, apply_budget(info["config"], options).training)


def resume(run: RunDirectory, options: dict[str, Any], ranks: Ranks | None = None) -> Trained:
    """Trains on from the last save of `run`, with `options` changed in its configuration."""
    from novelgen.training.checkpoint import build_model
    from novelgen.training.distributed import SINGLE_PROCESS
    from novelgen.training.stores import data_of_run, shared_data

    ranks = ranks or SINGLE_PROCESS
    info = ranks.run_on_rank0(run.load_info)
    config = apply_budget(info["config"], options)
    device = ranks.device(config.training.device)

    def check_tokenizer() -> None:
        # It must be whole, and the one that the run was made with.
        run.load_tokenizer(info)

    ranks.run_on_rank0(check_tokenizer)
    data = shared_data(ranks, lambda: data_of_run(run.path, info))
    # `save_info` writes the number of the format itself.
    info = {name: value for name, value in info.items() if name != "format"}
    info["config"] = config.to_dict()
    if ranks.is_first:
        run.save_info(info)
    model = build_model(config, data.tokenizer, data.source_tokenizer)
    return _fit(config, data, model, run, info, device, ranks, resume=True)


def _fit(
    config: Config,
    data: Data,
    model: nn.Module,
    run: RunDirectory,
    info: dict[str, Any],
    device: torch.device,
    ranks: Ranks,
    resume: bool,
) -> Trained:
    """Trains a model, new or resumed, until the budget is spent or training stops by itself."""
    from novelgen.commands.observer import Observer
    from novelgen.training.hardware import choose_precision, limit_onednn_cache, tune_malloc
    from novelgen.training.trainer import Trainer

    # Before the first computation: batches of many shapes would fill the one and slow the other.
    limit_onednn_cache()
    tune_malloc()
    # The main task comes first: it alone decides which weights are kept.
    by_task = data.by_task("valid")
    valid = next(iter(by_task.values()))
    observer = Observer(run, config, data, valid, device)
    trainer = Trainer(
        model,
        config.training,
        data.training(),
        valid,
        run,
        info,
        device,
        observer,
        # Of a single task there is nothing to tell beside `valid`.
        by_task if len(by_task) > 1 else None,
        ranks,
    )
    precision = str(choose_precision(config.training.precision, device)).removeprefix("torch.")
    _print_model(info["parameters"], data.tokenizer.size, f"{device.type} {precision}", ranks.size)
    if resume:
        trainer.resume()
        print(_("going on from step {step}").format(step=trainer.position.step), flush=True)
    outcome = trainer.fit()
    return Trained(outcome, observer)


def _print_model(parameters: int, vocabulary: int, hardware: str, processes: int) -> None:
    """Prints what is trained, and on what."""
    message = _("model: {parameters:,} parameters, vocabulary of {vocabulary:,}, {hardware}")
    if processes > 1:
        message = _(
            "model: {parameters:,} parameters, vocabulary of {vocabulary:,}, {hardware}, "
            "{processes} processes"
        )
    text = message.format(
        parameters=parameters, vocabulary=vocabulary, hardware=hardware, processes=processes
    )
    print(text, flush=True)


def _print_summary(trained: Trained, run: RunDirectory, config: TrainingConfig) -> None:
    """Prints why training ended, some of what the model writes, and the commands to use it."""
    outcome = trained.outcome
    directory = shlex.quote(str(run.path))
    print(f"\n{_reason(outcome, config)}")
    if outcome.best is not None:
        print(_("best validation: {bpc:.3f} BPC").format(bpc=outcome.best))
    # An interrupted run may have no sensible weights yet.
    if outcome.reason == "interrupted":
        command = f"python train.py --output {directory} --resume"
        print(_("to continue: {command}").format(command=command))
        return
    for prompt, text in trained.observer.samples(_SAMPLES):
        print()
        print("\n".join(_sample_lines(prompt, text, trained.observer.from_pairs)))
    generate = f'python -m novelgen generate --checkpoint {directory} --prompt "……"'
    # Commands to copy.
    commands = (
        (_("write in the browser:"), f"python app.py --checkpoint {directory}"),
        (_("write here:"), generate),
        (_("evaluate:"), f"python -m novelgen evaluate --checkpoint {directory}"),
    )
    print()
    print("\n".join(aligned_lines(commands)))


def _reason(outcome: Outcome, config: TrainingConfig) -> str:
    """Why training ended; of a run that was resumed for nothing, also what to pass."""
    is_idle = outcome.steps_taken == 0
    if outcome.reason == "interrupted":
        return _("stopped and saved")
    if outcome.reason == "patience" and is_idle:
        message = _(
            "nothing was trained: this run stopped early at step {step}; to train on, pass a "
            "--patience above {patience}"
        )
        return message.format(step=outcome.step, patience=config.patience)
    if outcome.reason == "patience":
        return _("stopped early: no more progress")
    if is_idle:
        message = _(
            "nothing was trained: this run is at step {step}, its budget ({budget}) is spent; to "
            "train on, pass a larger one"
        )
        return message.format(step=outcome.step, budget=_budget(config))
    return _("the budget is spent")


def _budget(config: TrainingConfig) -> str:
    """The budget of a run as the options that give it."""
    values = {flag(name): getattr(config, name) for name in BUDGETS}
    return join_list(f"{name} {value}" for name, value in values.items() if value is not None)


def _sample_lines(prompt: str, text: str, from_pairs: bool) -> list[str]:
    """A prompt and what the model makes of it."""
    if from_pairs:
        rows = ((_("source:"), prompt), (_("output:"), text))
    else:
        rows = ((_("prompt:"), prompt), (_("continuation:"), text))
    return aligned_lines(rows)
