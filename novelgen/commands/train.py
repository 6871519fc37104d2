"""`novelgen train`: the options, the training, and what is printed at its end."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from novelgen.api.processes import is_first_process, reported_once
from novelgen.api.request import check_resumable
from novelgen.api.training import TrainingResult, default_output, resume, train
from novelgen.cli import explicit_options
from novelgen.commands.train_request import SECTIONS, add_arguments, check_request
from novelgen.config import BUDGETS, Config, TrainingConfig, flag
from novelgen.i18n import _, join_list
from novelgen.terminal import aligned_lines

__all__ = ["add_arguments", "main"]

# How many continuations are shown when training ends.
_SAMPLES = 3


def main(args: argparse.Namespace) -> None:
    """Trains as asked; raises NovelgenError for what the user can put right."""
    options = explicit_options(args, *SECTIONS)
    with reported_once():
        check_request(args)
        if args.resume and args.preset:
            # The corpus and the pairs may be named again.
            check_resumable([*(name for name in options if name != "pairs"), "preset"])
    if args.resume:
        output = args.output or default_output(args.corpus or [Path(options["pairs"])])
        result = resume(output, args.corpus, **options)
    else:
        result = train(args.corpus, args.output, args.preset, overwrite=args.overwrite, **options)
    if is_first_process():
        _print_summary(result)


def _print_summary(result: TrainingResult) -> None:
    """Prints why training ended, some of what the model writes, and the commands to use it."""
    from novelgen.api.observer import sample_texts
    from novelgen.training.baselines import final_note
    from novelgen.training.journal import read_metrics
    from novelgen.training.run_directory import RunDirectory

    directory = shlex.quote(str(result.run))
    config: Config = RunDirectory(result.run).load_info()["config"]
    print(f"\n{_reason(result, config.training)}")
    if result.validation_bpc is not None:
        message = _("best validation: {bpc:.3f} BPC")
        if result.validation_is_sample:
            message = _("best validation: {bpc:.3f} BPC, of a sample of the validation part")
        print(message.format(bpc=result.validation_bpc))
        if note := final_note(read_metrics(RunDirectory(result.run).metrics)):
            print(note)
    # An interrupted run may have no sensible weights yet.
    if result.reason == "interrupted":
        command = f"python -m novelgen train --output {directory} --resume"
        lines = [*_files(result.run), (_("to continue:"), command)]
        print("\n".join(aligned_lines(lines)))
        return
    for prompt, text in sample_texts(result.run, _SAMPLES, config.training.device):
        print()
        print("\n".join(_sample_lines(prompt, text, config.from_pairs)))
    generate = f'python -m novelgen generate --checkpoint {directory} --prompt "……"'
    # Commands to copy.
    commands = (
        (_("write in the browser:"), f"python -m novelgen app --checkpoint {directory}"),
        (_("write here:"), generate),
        (_("evaluate:"), f"python -m novelgen evaluate --checkpoint {directory}"),
    )
    print()
    print("\n".join(aligned_lines([*_files(result.run), *commands])))


def _files(run: Path) -> list[tuple[str, str]]:
    """What the run directory holds of the training to be looked at, each with its label."""
    files = (
        (_("curves, loss and perplexity:"), "loss.png"),
        (_("texts along the way:"), "samples.md"),
        (_("figures of every step:"), "metrics.jsonl"),
    )
    # Without a font there are no curves, and before the first validation no texts.
    return [(label, str(run / name)) for label, name in files if (run / name).exists()]


def _reason(result: TrainingResult, config: TrainingConfig) -> str:
    """Why training ended; of a run that was resumed for nothing, also what to pass."""
    is_idle = result.steps_taken == 0
    if result.reason == "interrupted":
        return _("stopped and saved")
    if result.reason == "patience" and is_idle:
        message = _(
            "nothing was trained: this run stopped early at step {step}; to train on, pass a "
            "--patience above {patience}"
        )
        return message.format(step=result.step, patience=config.patience)
    if result.reason == "patience":
        return _("stopped early: no more progress")
    if is_idle:
        message = _(
            "nothing was trained: this run is at step {step}, its budget ({budget}) is spent; to "
            "train on, pass a larger one"
        )
        return message.format(step=result.step, budget=_budget(config))
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
