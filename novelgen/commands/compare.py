"""`python -m novelgen compare`: models side by side, trained under one budget, or as they are."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from novelgen.cli import explicit_options
from novelgen.commands.compare_request import (
    SECTIONS,
    add_arguments,
    check_same,
    earlier,
    names_of,
    training_request,
)
from novelgen.config import Config, DataConfig, TextConfig, TrainingConfig, flag
from novelgen.errors import ConfigError, TrainingError

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
    """Runs `compare`; everything that can be wrong with the request is found before anything is trained."""
    if args.generate < 0:
        raise ConfigError(f"--generate {args.generate}：应 ≥ 0 | must be ≥ 0")
    if args.output.exists() and not args.output.is_dir():
        raise ConfigError(
            f"--output {args.output}：是文件，不是文件夹；请换一个 | a file, not a folder; choose another"
        )
    (_compare_runs if args.runs else _train_and_compare)(args)


def _train_and_compare(args: argparse.Namespace) -> None:
    from novelgen.training.hardware import choose_device, describe_machine

    request, configs = training_request(args)
    device = choose_device(explicit_options(args, TrainingConfig).get("device", "auto"))
    request["device"] = device.type
    before = earlier(args.output, request, unfinished=".stores")
    stores = _stores(args, configs)
    request["corpus"] = [path.resolve().name for path in args.corpus]
    request["content"] = {tokenizer: store.meta["content"] for tokenizer, store in stores.items()}
    if before is None:
        store, config = next(iter(stores.values())), next(iter(configs.values()))
        comparison = _begun(args.output, request, device, _novel(args, config, store))
    else:
        check_same(args.output, before.request, request)
        comparison = before
        if (machine := describe_machine(device)) not in comparison.machines:
            comparison.machines.append(machine)
    comparison.save(args.output)
    plans = [_Plan(name, config, stores[config.data.tokenizer]) for name, config in configs.items()]
    try:
        is_done = _train_all(args, plans, comparison, device)
    except KeyboardInterrupt:  # between trainings, or the second time
        _say_how_to_go_on(args.output)
        raise
    if is_done:
        _print_summary(args.output, comparison)
    else:
        _say_how_to_go_on(args.output)


def _stores(args: argparse.Namespace, configs: dict[str, Config]) -> dict[str, Store]:
    """The corpus in each tokenizer; they hold the same segments and parts."""
    from novelgen.data.prepare import check_outside, open_or_build

    check_outside(args.output, args.corpus)
    stores: dict[str, Store] = {}
    for config in configs.values():
        tokenizer = config.data.tokenizer
        if tokenizer in stores:
            continue
        chosen = {"tokenizer", *explicit_options(args, TextConfig, DataConfig)} - (
            {"user_dict"} if tokenizer == "char" else set()
        )
        stores[tokenizer] = store = open_or_build(
            args.corpus, config.text, config.data, args.output / ".stores", given=chosen
        )
        print(store.summary() if len(stores) == 1 else store.summary().splitlines()[-1], flush=True)
    return stores


def _novel(args: argparse.Namespace, config: Config, store: Store) -> Data:
    from novelgen.data.novel import Novel

    return Novel(store, config.data, args.corpus)


def _begun(output: Path, request: dict[str, Any], device: torch.device, data: Data) -> Comparison:
    """A comparison without results in a folder that is there; its prompts are of the data's test part."""
    from novelgen.evaluation.comparison import prompts_of
    from novelgen.report.comparison import Comparison
    from novelgen.training.hardware import describe_machine

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--output {output}：不能写入（{error.strerror}）；请换一个 | cannot be written; choose another"
        ) from None
    return Comparison(request, [describe_machine(device)], prompts_of(data))


def _train_all(
    args: argparse.Namespace, plans: list[_Plan], comparison: Comparison, device: torch.device
) -> bool:
    """Trains and measures what is not done yet, saving after each run; False when Ctrl-C ended it."""
    done = {result.name: result for result in comparison.results}
    minutes, took = comparison.request["minutes"], []
    for number, plan in enumerate(plans, 1):
        if plan.name in done:
            print(f"── {number}/{len(plans)} 以前做的 done before ──", flush=True)
            _tell(done[plan.name])
            continue
        left = _left(len(plans) - number + 1, took, minutes)
        print(f"\n── {number}/{len(plans)} {plan.name}{left} ──", flush=True)
        started = time.monotonic()
        result = _train(args, plan, comparison, device)
        if result is None:
            return False
        comparison.results.append(result)
        comparison.save(args.output)
        took.append(time.monotonic() - started)
        _tell(result)
    return True


def _left(runs: int, took: list[float], minutes: float | None) -> str:
    """The time that the runs will take, by those before them, or else by the budget."""
    from novelgen.training.progress import clock

    if not took and minutes is None:
        return ""
    seconds = runs * (statistics.mean(took) if took else 60 * minutes)
    return f" · 全部还要约 all will take about {clock(seconds)}"


def _train(
    args: argparse.Namespace, plan: _Plan, comparison: Comparison, device: torch.device
) -> Result | None:
    """Trains one run, from where it stands; None when Ctrl-C ended it."""
    from novelgen.commands.train import resume, train
    from novelgen.evaluation.comparison import Result, result_of
    from novelgen.training.checkpoint import RunDirectory

    run = RunDirectory(args.output / plan.name)
    try:
        if run.can_go_on:
            outcome, _ = resume(run, {})
        else:
            shutil.rmtree(
                run.path, ignore_errors=True
            )  # of one that was killed before its first save
            run.create(overwrite=False)
            outcome, _ = train(plan.config, _novel(args, plan.config, plan.store), run, device)
        if outcome.reason == "interrupted":
            return None
        if outcome.best is None:
            raise TrainingError("验证的损失不是数 | no validation gave a number")
    except TrainingError as error:  # the others can go on without it
        data = plan.config.data
        return Result(
            plan.name,
            plan.config.model.model,
            data.tokenizer,
            plan.config.training.seed,
            error=str(error),
        )
    print("在量它 | measuring it", flush=True)
    return result_of(run.path, plan.name, comparison.prompts, args.generate, device.type)


def _compare_runs(args: argparse.Namespace) -> None:
    """Measures runs that are there, each on the test part of its own corpus."""
    from novelgen.evaluation.comparison import result_of
    from novelgen.training.checkpoint import load_run
    from novelgen.training.hardware import choose_device
    from novelgen.training.stores import data_of_run

    others = [
        flag(name)
        for name in ("corpus", "models", "tokenizers", "seeds", "minutes", "steps", "preset")
        if getattr(args, name) is not None
    ]
    others += [flag(name) for name in explicit_options(args, *SECTIONS) if name != "device"]
    if others:
        raise ConfigError(
            f"--runs 不训练，用不到 {'、'.join(others)}；请去掉 | --runs trains nothing; leave these out"
        )
    names = names_of(args.runs)
    device = choose_device(explicit_options(args, TrainingConfig).get("device", "auto"))
    request = {
        "runs": [os.path.relpath(path, args.output) for path in args.runs],
        "generate": args.generate,
    }
    earlier(args.output, request)
    # All are opened before the first is measured, which may take long.
    infos = [load_run(path, device.type).info for path in args.runs]
    data = [data_of_run(path, info) for path, info in zip(args.runs, infos, strict=True)]
    comparison = _begun(args.output, request, device, data[0])
    for number, (name, path) in enumerate(zip(names, args.runs, strict=True), 1):
        print(f"── {number}/{len(names)} {name} ──", flush=True)
        comparison.results.append(
            result_of(path, name, comparison.prompts, args.generate, device.type)
        )
        _tell(comparison.results[-1])
    comparison.save(args.output)
    _print_summary(args.output, comparison)


def _tell(result: Result) -> None:
    if result.error:
        print(f"{result.name}：{result.error}", flush=True)
        return
    validation = "—" if result.validation_bpc is None else f"{result.validation_bpc:.3f}"
    print(
        f"{result.name} · BPC 验证 validation {validation} · 测试 test {result.test_bpc:.3f}",
        flush=True,
    )


def _print_summary(output: Path, comparison: Comparison) -> None:
    from novelgen.report.comparison import DIFFERENT_TEXTS

    if not comparison.same_texts:
        print(f"\n注意 note: {DIFFERENT_TEXTS}")
    print(
        f"\n比好了 | compared: {output / 'table.md'}，table.csv，table.json，curves.png，by_length.png",
        flush=True,
    )


def _say_how_to_go_on(output: Path) -> None:
    print(
        f"\n停下了，练好的都在 {shlex.quote(str(output))}；再用同样的命令就接着练 | stopped, what is done is kept; the same command goes "
        "on from there",
        flush=True,
    )
