"""`python train.py`: options → store or pairs → model → Trainer.fit, with what a person sees on the way."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.cli import add_section, explicit_options, one_of
from novelgen.config import (
    Config,
    DataConfig,
    ModelConfig,
    PairsConfig,
    TextConfig,
    TrainingConfig,
    flag,
)
from novelgen.errors import ConfigError
from novelgen.models.variants import COPY_NEEDS_ONE_VOCABULARY, PARTS, resolve
from novelgen.presets import PRESETS, preset

if TYPE_CHECKING:
    import torch
    from torch import nn

    from novelgen.commands.observer import Observer
    from novelgen.training.checkpoint import RunDirectory
    from novelgen.training.distributed import Ranks
    from novelgen.training.stores import Data
    from novelgen.training.trainer import Outcome

_SECTIONS = (TextConfig, DataConfig, PairsConfig, ModelConfig, TrainingConfig)
_BUDGETS = ("epochs", "max_steps", "max_minutes")
# What may change when a run goes on; everything else belongs to the run.
_RESUMABLE = (*_BUDGETS, "accumulation_steps", "device", "cuda_graph", "patience", "save_every")
_SAMPLES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of training; needs no torch, so that --help answers at once."""
    parser.add_argument(
        "--corpus",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="小说：文件、文件夹、.epub，或 prepare 的输出 | the novel: files, folders, .epub, or the output of prepare",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="训练目录（默认 checkpoints/<语料名>）| run directory (default checkpoints/<corpus name>)",
    )
    parser.add_argument(
        "--preset",
        metavar="|".join(PRESETS),
        default=None,
        help="成套的配置（默认 default: small）| a full configuration",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="接着上次继续，分毫不差 | go on exactly where the run stopped",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="覆盖已有的训练 | replace the run that is there"
    )
    titles = ("正文 text", "数据 data", "任意文本对 any pairs", "模型 model", "训练 training")
    for section, title in zip(_SECTIONS, titles, strict=True):
        add_section(parser, section, title)


def main(args: argparse.Namespace) -> None:
    """Trains as asked; raises NovelgenError for what the user can mend."""
    if args.resume and args.overwrite:
        raise ConfigError("--resume 与 --overwrite 只能用一个 | use either --resume or --overwrite")
    pairs = explicit_options(args, PairsConfig)
    if not args.corpus and "pairs" not in pairs and not (args.resume and args.output):
        raise ConfigError(
            "请用 --corpus 给出小说，例如 --corpus corpus/novel.txt，或用 --pairs 给出文本对 | name the novel, for example "
            "--corpus corpus/novel.txt, or a file of pairs with --pairs"
        )
    one_of("--corpus、--pairs", args.corpus, pairs.get("pairs"))
    from novelgen.data.prepare import corpus_name
    from novelgen.training.distributed import init_distributed

    output = args.output or Path("checkpoints") / corpus_name(args.corpus or [Path(pairs["pairs"])])
    with init_distributed() as ranks:
        (_resume if args.resume else _start)(args, output, ranks)


def _with_budget(config: Config, options: dict[str, Any]) -> Config:
    """The configuration with `options`; a budget that is given replaces the preset's."""
    if any(name in options for name in _BUDGETS):
        config = config.replace(**dict.fromkeys(_BUDGETS))
    return config.replace(**options)


def chosen(config: Config, options: dict[str, Any]) -> Config:
    """The whole configuration: a variant that is named brings its own parts, not those of the preset's."""
    if options.get("model", config.model.model) != config.model.model:
        options = {**dict.fromkeys(PARTS), **options}
    config = _with_budget(config, options)
    return dataclasses.replace(config, model=resolve(config.model))


def _start(args: argparse.Namespace, output: Path, ranks: Ranks) -> None:
    from novelgen.data.prepare import check_outside
    from novelgen.training.checkpoint import RunDirectory
    from novelgen.training.stores import shared_data

    config = chosen(preset(args.preset or "small"), explicit_options(args, *_SECTIONS))
    _check_pairs(args, config)
    device = ranks.device(config.training.device)
    run = RunDirectory(output)

    def prepared() -> Data:
        # All of this now, because the import of the corpus may take long.
        check_outside(output, args.corpus or ())
        run.check_free(args.overwrite)
        data = _data(args, config, output)
        print(data.summary(), flush=True)
        for part in ("train", "valid"):
            data.by_task(part)  # a task without a pair is told before anything is made
        run.create(args.overwrite)
        return data

    outcome, observer = train(config, shared_data(ranks, prepared), run, device, ranks)
    if ranks.is_first:
        _print_summary(outcome, observer, run)


def _check_pairs(args: argparse.Namespace, config: Config) -> None:
    """Raises ConfigError for options that do not go with pairs, or with a novel."""
    if not config.from_pairs:
        if unused := [flag(name) for name in explicit_options(args, PairsConfig)]:
            raise ConfigError(
                f"{'、'.join(unused)} 只用于 --pairs；请去掉 | only for --pairs; leave out"
            )
        return
    if unused := [
        flag(name)
        for name in (*explicit_options(args, TextConfig), "context_paragraphs", "tasks")
        if name in args
    ]:
        raise ConfigError(
            f"{'、'.join(unused)} 只用于小说；--pairs 的每一行照原样读（UTF-8），请去掉 | only for novels; every line of "
            "--pairs is read as it stands (UTF-8), leave it out"
        )
    if config.pairs.share_vocabulary and config.pairs.source_level not in (
        None,
        config.data.tokenizer,
    ):
        raise ConfigError(
            "--share-vocabulary 时两边同样按字或按词；请去掉 --source-level | with one vocabulary both sides are cut alike; "
            "leave out --source-level"
        )
    if config.model.copy and not config.pairs.share_vocabulary:
        raise ConfigError(COPY_NEEDS_ONE_VOCABULARY)


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
) -> tuple[Outcome, Observer]:
    """Trains a new model into `run`, a directory that was created."""
    import torch

    from novelgen.training.checkpoint import build_model
    from novelgen.training.distributed import SINGLE_PROCESS

    ranks = ranks or SINGLE_PROCESS
    config = data.configured(config, run.path)
    torch.manual_seed(config.training.seed)
    model = build_model(config, data.tokenizer, data.source_tokenizer)
    own = None if data.source_tokenizer is data.tokenizer else data.source_tokenizer
    info = {
        "config": config.to_dict(),
        "tokenizer": data.tokenizer.fingerprint,
        **({} if own is None else {"source_tokenizer": own.fingerprint}),
        **data.info(run.path),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    if ranks.is_first:
        run.save_info(info, data.tokenizer, own)
    return _fit(config, data, model, run, info, device, ranks, resume=False)


def _resume(args: argparse.Namespace, output: Path, ranks: Ranks) -> None:
    from novelgen.training.checkpoint import RunDirectory

    options = explicit_options(args, *_SECTIONS)
    named = args.corpus or [Path(path) for path in [options.pop("pairs", None)] if path]
    fixed = [flag(name) for name in options if name not in _RESUMABLE] + (
        ["--preset"] if args.preset else []
    )
    if fixed:
        allowed = "、".join(flag(name) for name in _RESUMABLE)
        raise ConfigError(
            f"--resume 不能同时改 {'、'.join(fixed)}；可以改的只有 {allowed} | these belong to the run and cannot change "
            f"on --resume; only {allowed} can"
        )
    run = RunDirectory(output)
    info = ranks.run_on_rank0(run.load_info)
    trained_on = [
        (output / path).resolve() for path in info.get("corpus") or [info["config"].pairs.pairs]
    ]
    if named and [path.resolve() for path in named] != trained_on:
        option = "--corpus" if args.corpus else "--pairs"
        raise ConfigError(
            f"--resume 的训练用的是 {trained_on[0]}，不是 {named[0]}；请去掉 {option} | that run is on another "
            f"corpus; leave {option} out"
        )
    outcome, observer = resume(run, options, ranks)
    if ranks.is_first:
        _print_summary(outcome, observer, run)


def resume(
    run: RunDirectory, options: dict[str, Any], ranks: Ranks | None = None
) -> tuple[Outcome, Observer]:
    """Trains on from the last save of `run`; `options` are those fields of its configuration that become others."""
    from novelgen.training.checkpoint import build_model
    from novelgen.training.distributed import SINGLE_PROCESS
    from novelgen.training.stores import data_of_run, shared_data

    ranks = ranks or SINGLE_PROCESS
    info = ranks.run_on_rank0(run.load_info)
    config = _with_budget(info["config"], options)
    device = ranks.device(config.training.device)
    ranks.run_on_rank0(
        lambda: run.load_tokenizer(info) and None
    )  # it must be whole, and the store's
    data = shared_data(ranks, lambda: data_of_run(run.path, info))
    info = {
        **{name: value for name, value in info.items() if name != "format"},
        "config": config.to_dict(),
    }
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
) -> tuple[Outcome, Observer]:
    from novelgen.commands.observer import Observer
    from novelgen.training.hardware import choose_precision, limit_onednn_cache, tune_malloc
    from novelgen.training.trainer import Trainer

    limit_onednn_cache()
    tune_malloc()
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
        by_task if len(by_task) > 1 else None,
        ranks,
    )
    precision = str(choose_precision(config.training.precision, device)).removeprefix("torch.")
    print(
        f"模型 model       {info['parameters']:,} 个参数 parameters，词表 vocabulary {data.tokenizer.size:,}，{device.type} {precision}"
        + (f"，{ranks.size} 个进程 processes" if ranks.size > 1 else ""),
        flush=True,
    )
    if resume:
        trainer.resume()
        print(
            f"接着第 {trainer.position.step} 步继续 | going on from step {trainer.position.step}",
            flush=True,
        )
    return trainer.fit(), observer


def _print_summary(outcome: Outcome, observer: Observer, run: RunDirectory) -> None:
    reasons = {
        "budget": "预算用完 | the budget is spent",
        "patience": "不再进步，提前停止 | no more progress, stopped early",
        "interrupted": "已停下并存盘 | stopped and saved",
    }
    directory = shlex.quote(str(run.path))
    best = "" if outcome.best is None else f"；最好的验证 best validation BPC {outcome.best:.3f}"
    print(f"\n{reasons[outcome.reason]}{best}")
    if outcome.reason == "interrupted":
        print(f"接着练 | to go on:  python train.py --output {directory} --resume")
        return
    source, target = (
        ("源 source", "写出 written") if observer.from_pairs else ("上文 prompt", "续写 written")
    )
    for prompt, text in observer.samples(_SAMPLES):
        print(f"\n〔{source}〕{prompt}\n〔{target}〕{text}")
    print(
        f"\n打开页面来写 | to write in the browser:  python app.py --checkpoint {directory}"
        f'\n在命令行写 | to write here:  python -m novelgen generate --checkpoint {directory} --prompt "……"'
        f"\n评测 | to evaluate:   python -m novelgen evaluate --checkpoint {directory}"
    )
