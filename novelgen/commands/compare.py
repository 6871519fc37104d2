"""`python -m novelgen compare`: models side by side, trained under one budget, or as they are."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from novelgen.api.request import run_names
from novelgen.cli import explicit_options
from novelgen.commands.compare_output import (
    heading,
    print_how_to_continue,
    print_result,
    print_summary,
    remaining_seconds,
)
from novelgen.commands.compare_request import (
    SECTIONS,
    add_arguments,
    check_same,
    earlier_comparison,
    training_request,
)
from novelgen.config import Config, DataConfig, TextConfig, TrainingConfig, flag
from novelgen.errors import ConfigError, TrainingError
from novelgen.i18n import _, join_list
from novelgen.os_errors import reason_of

if TYPE_CHECKING:
    import torch

    from novelgen.data.store import Store
    from novelgen.evaluation.comparison import Result
    from novelgen.report.comparison import Comparison
    from novelgen.training.stores import Data

__all__ = ["add_arguments", "main"]


class _Plan(NamedTuple):
    """A run that is to be trained."""

    name: str
    config: Config
    store: Store


def main(args: argparse.Namespace) -> None:
    """Runs `compare`; what is wrong with the request is found before anything is trained."""
    if args.generate < 0:
        message = _("--generate {count}: must not be negative")
        raise ConfigError(message.format(count=args.generate))
    if args.output.exists() and not args.output.is_dir():
        message = _("--output {path}: this is a file, not a folder; choose another")
        raise ConfigError(message.format(path=args.output))
    if args.runs:
        _compare_runs(args)
    else:
        _train_and_compare(args)


def _train_and_compare(args: argparse.Namespace) -> None:
    """Trains and evaluates every run that is asked for, or those that an earlier call left."""
    from novelgen.data.prepare import STORES
    from novelgen.training.hardware import choose_device
    from novelgen.training.run_lock import LOCK_FILES, locked

    # The request must be that of a comparison in the same folder.
    request, configs = training_request(args)
    device = choose_device(explicit_options(args, TrainingConfig).get("device", "auto"))
    request["device"] = device.type
    before = earlier_comparison(args.output, request, unfinished=(STORES, *LOCK_FILES))
    with locked(args.output):
        _fill(args, request, configs, before, device)


def _fill(
    args: argparse.Namespace,
    request: dict[str, Any],
    configs: Mapping[str, Config],
    before: Comparison | None,
    device: torch.device,
) -> None:
    """Trains and evaluates what is asked for, in a comparison that is new or was stopped."""
    # 1. The corpus, which must be the same too: by content, not by name.
    stores = _prepare_stores(args, configs)
    request["corpus"] = [path.resolve().name for path in args.corpus]
    request["content"] = {tokenizer: store.meta["content"] for tokenizer, store in stores.items()}
    if before is None:
        config = next(iter(configs.values()))
        data = _novel(args, config, stores[config.data.tokenizer])
        comparison = _new_comparison(args.output, request, device, data)
    else:
        check_same(args.output, before.request, request)
        comparison = before
        _add_machine(comparison, device)
    # Saved without results: a comparison that is stopped early is known again by this.
    comparison.save(args.output)
    # 2. The runs.
    plans = [_Plan(name, config, stores[config.data.tokenizer]) for name, config in configs.items()]
    try:
        is_done = _train_all(args, plans, comparison, device)
    except KeyboardInterrupt:
        # Between two runs, or a second time within one: what is saved can be continued.
        print_how_to_continue(args.output)
        raise
    if is_done:
        print_summary(args.output, comparison)
    else:
        print_how_to_continue(args.output)


def _prepare_stores(args: argparse.Namespace, configs: Mapping[str, Config]) -> dict[str, Store]:
    """The corpus in each tokenizer; they hold the same segments and parts."""
    from novelgen.data.prepare import STORES, check_outside, open_or_build

    check_outside(args.output, args.corpus)
    stores: dict[str, Store] = {}
    for config in configs.values():
        tokenizer = config.data.tokenizer
        if tokenizer in stores:
            continue
        chosen = {"tokenizer", *explicit_options(args, TextConfig, DataConfig)}
        if tokenizer == "char":
            chosen.discard("user_dict")
        store = open_or_build(
            args.corpus, config.text, config.data, args.output / STORES, given=chosen
        )
        # The second one differs in its last line alone, that of the tokens.
        summary = store.summary()
        print(summary if not stores else summary.splitlines()[-1], flush=True)
        stores[tokenizer] = store
    return stores


def _novel(args: argparse.Namespace, config: Config, store: Store) -> Data:
    """A prepared corpus as what a run learns from."""
    from novelgen.data.novel import Novel

    return Novel(store, config.data, args.corpus)


def _new_comparison(
    output: Path, request: dict[str, Any], device: torch.device, data: Data
) -> Comparison:
    """A comparison without results, whose folder was made; its prompts are of the test part."""
    from novelgen.evaluation.comparison import prompts_of
    from novelgen.report.comparison import Comparison
    from novelgen.training.hardware import describe_machine

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = _("--output {path}: cannot be written ({reason}); choose another")
        raise ConfigError(message.format(path=output, reason=reason_of(error))) from None
    return Comparison(request, [describe_machine(device)], prompts_of(data))


def _add_machine(comparison: Comparison, device: torch.device) -> None:
    """Notes this machine, where a comparison goes on that was begun on another."""
    from novelgen.training.hardware import describe_machine

    machine = describe_machine(device)
    if machine not in comparison.machines:
        comparison.machines.append(machine)


def _train_all(
    args: argparse.Namespace, plans: list[_Plan], comparison: Comparison, device: torch.device
) -> bool:
    """Trains and evaluates what is not done yet, saving after each run; False after Ctrl-C."""
    # A run counts as done once it is evaluated; one that was stopped is resumed.
    done = {result.name: result for result in comparison.results}
    minutes = comparison.request["minutes"]
    durations: list[float] = []  # of the runs trained here, in seconds
    for number, plan in enumerate(plans, 1):
        if plan.name in done:
            message = _("── {number}/{total} done before ──")
            print(message.format(number=number, total=len(plans)), flush=True)
            print_result(done[plan.name])
            continue
        seconds = remaining_seconds(len(plans) - number + 1, durations, minutes)
        print(f"\n{heading(number, len(plans), plan.name, seconds)}", flush=True)
        started = time.monotonic()
        result = _train(args, plan, comparison, device)
        if result is None:
            return False
        comparison.results.append(result)
        comparison.save(args.output)
        durations.append(time.monotonic() - started)
        print_result(result)
    return True


def _train(
    args: argparse.Namespace, plan: _Plan, comparison: Comparison, device: torch.device
) -> Result | None:
    """Trains one run, from where it stands; None when Ctrl-C ended it."""
    from novelgen.api import sessions
    from novelgen.evaluation.comparison import Result, affordable_pairs, result_of
    from novelgen.training.checkpoint import load_run
    from novelgen.training.run_directory import RunDirectory
    from novelgen.training.run_lock import locked

    run = RunDirectory(args.output / plan.name)
    try:
        with locked(run.path):
            if run.can_go_on:
                outcome = sessions.resume(run, {})
            else:
                # What a run left that was killed before its first save.
                run.clear()
                outcome = sessions.train(plan.config, _novel(args, plan.config, plan.store), run)
        if outcome.reason == "interrupted":
            return None
        if outcome.best is None:
            raise TrainingError(_("the loss was not a number in any validation"))  # noqa: TRY301
    except TrainingError as error:
        # A row with the reason: the other runs go on without this one.
        config = plan.config
        return Result(
            plan.name,
            config.model.model,
            config.data.tokenizer,
            config.training.seed,
            error=str(error),
        )
    print(_("evaluating"), flush=True)
    # All runs are measured on the pairs for which the first one had time.
    pairs = comparison.test_pairs or affordable_pairs(run.path)
    trained = load_run(run.path, device.type)
    return result_of(trained, plan.name, comparison.prompts, args.generate, pairs)


def _compare_runs(args: argparse.Namespace) -> None:
    """Evaluates existing runs, each on the test part of its own corpus."""
    from novelgen.evaluation.comparison import result_of
    from novelgen.training.checkpoint import load_run
    from novelgen.training.hardware import choose_device
    from novelgen.training.stores import data_of_run

    # 1. The request: nothing of training can be chosen.
    of_training = ("corpus", "models", "tokenizers", "seeds", "minutes", "steps", "preset")
    unused = [flag(name) for name in of_training if getattr(args, name) is not None]
    unused += [flag(name) for name in explicit_options(args, *SECTIONS) if name != "device"]
    if unused:
        message = _("--runs trains nothing; leave out {options}")
        raise ConfigError(message.format(options=join_list(unused)))
    names = run_names(args.runs, "--runs")
    device = choose_device(explicit_options(args, TrainingConfig).get("device", "auto"))
    request = {
        "runs": [os.path.relpath(path, args.output) for path in args.runs],
        "generate": args.generate,
    }
    earlier_comparison(args.output, request)
    # 2. All are opened before the first is evaluated, which may take long.
    infos = [load_run(path, device.type).info for path in args.runs]
    data = [data_of_run(path, info) for path, info in zip(args.runs, infos, strict=True)]
    comparison = _new_comparison(args.output, request, device, data[0])
    # 3. The runs.
    for number, (name, path) in enumerate(zip(names, args.runs, strict=True), 1):
        print(heading(number, len(names), name), flush=True)
        run = load_run(path, device.type)
        result = result_of(run, name, comparison.prompts, args.generate)
        comparison.results.append(result)
        print_result(result)
    comparison.save(args.output)
    print_summary(args.output, comparison)
