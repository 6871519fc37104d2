"""`python train.py`: options → store → pairs → model → Trainer.fit, with what a person sees on the way."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.cli import add_section, given
from novelgen.config import PRESETS, Config, DataConfig, ModelConfig, TextConfig, TrainingConfig, flag, preset
from novelgen.errors import ConfigError
from novelgen.models.variants import PARTS, resolve

if TYPE_CHECKING:
    import torch
    from torch import nn

    from novelgen.commands.observer import Observer
    from novelgen.data.store import Store
    from novelgen.training.checkpoint import RunDirectory
    from novelgen.training.trainer import Outcome

_SECTIONS = (TextConfig, DataConfig, ModelConfig, TrainingConfig)
_BUDGETS = ("epochs", "max_steps", "max_minutes")
# What may change when a run goes on; everything else belongs to the run.
_RESUMABLE = (*_BUDGETS, "device", "cuda_graph", "patience", "save_every")
_SAMPLES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of training; needs no torch, so that --help answers at once."""
    parser.add_argument("--corpus", nargs="+", type=Path, metavar="PATH",
                        help="小说：文件、文件夹、.epub，或 prepare 的输出 | the novel: files, folders, .epub, or the output of prepare")
    parser.add_argument("--output", type=Path, metavar="DIR",
                        help="训练目录（默认 checkpoints/<语料名>）| run directory (default checkpoints/<corpus name>)")
    parser.add_argument("--preset", metavar="|".join(PRESETS), default=None, help="成套的配置（默认 default: small）| a full configuration")
    parser.add_argument("--resume", action="store_true", help="接着上次继续，分毫不差 | go on exactly where the run stopped")
    parser.add_argument("--overwrite", action="store_true", help="覆盖已有的训练 | replace the run that is there")
    titles = ("正文 text", "数据 data", "模型 model", "训练 training")
    for section, title in zip(_SECTIONS, titles, strict=True):
        add_section(parser, section, title)


def main(args: argparse.Namespace) -> None:
    """Trains as asked; raises NovelgenError for what the user can mend."""
    if args.resume and args.overwrite:
        raise ConfigError("--resume 与 --overwrite 只能用一个 | use either --resume or --overwrite")
    if not args.corpus and not (args.resume and args.output):
        raise ConfigError("请用 --corpus 给出小说，例如 --corpus corpus/novel.txt | name the novel, for example --corpus corpus/novel.txt")
    from novelgen.data.prepare import corpus_name

    output = args.output or Path("checkpoints") / corpus_name(args.corpus)
    (_resume if args.resume else _start)(args, output)


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


def _start(args: argparse.Namespace, output: Path) -> None:
    from novelgen.data.prepare import check_outside, open_or_build
    from novelgen.training.checkpoint import RunDirectory
    from novelgen.training.hardware import choose_device

    config = chosen(preset(args.preset or "small"), given(args, *_SECTIONS))
    device = choose_device(config.training.device)
    run = RunDirectory(output)
    # All of this now, because the import of the corpus may take long.
    check_outside(output, args.corpus)
    run.check_free(args.overwrite)
    store = open_or_build(args.corpus, config.text, config.data, output.parent / ".stores", given=given(args, TextConfig, DataConfig))
    print(store.summary(), flush=True)
    run.create(args.overwrite)
    _farewell(*begin(config, store, args.corpus, run, device), run)


def begin(config: Config, store: Store, corpus: Sequence[Path], run: RunDirectory, device: torch.device) -> tuple[Outcome, Observer]:
    """Trains a new model into `run`, a directory that was created; `corpus` are the paths that `store` was made from."""
    import torch

    from novelgen.training.checkpoint import build_model

    # A store that `prepare` made brings its own options along.
    data = dataclasses.replace(store.data_config, context_paragraphs=config.data.context_paragraphs)
    config = dataclasses.replace(config, text=store.text_config, data=data)
    torch.manual_seed(config.training.seed)
    model = build_model(config, store.tokenizer)
    info = {"config": config.to_dict(), "tokenizer": store.tokenizer.fingerprint,
            "corpus": [os.path.relpath(path, run.path) for path in corpus],
            "store": os.path.relpath(store.directory, run.path), "content": store.meta["content"],
            "parameters": sum(parameter.numel() for parameter in model.parameters())}
    run.save_info(info, store.tokenizer)
    return _fit(config, store, model, run, info, device, resume=False)


def _resume(args: argparse.Namespace, output: Path) -> None:
    from novelgen.training.checkpoint import RunDirectory

    options = given(args, *_SECTIONS)
    fixed = [flag(name) for name in options if name not in _RESUMABLE] + (["--preset"] if args.preset else [])
    if fixed:
        allowed = "、".join(flag(name) for name in _RESUMABLE)
        raise ConfigError(f"--resume 不能同时改 {'、'.join(fixed)}；可以改的只有 {allowed} | these belong to the run and cannot change "
                          f"on --resume; only {allowed} can")
    run = RunDirectory(output)
    info = run.load_info()
    trained_on = [(output / path).resolve() for path in info["corpus"]]
    if args.corpus and [path.resolve() for path in args.corpus] != trained_on:
        raise ConfigError(f"--resume 的训练用的是 {trained_on[0]}，不是 {args.corpus[0]}；请去掉 --corpus | that run is on another "
                          "corpus; leave --corpus out")
    _farewell(*go_on(run, options), run)


def go_on(run: RunDirectory, options: dict[str, Any]) -> tuple[Outcome, Observer]:
    """Trains on from the last save of `run`; `options` are those fields of its configuration that become others."""
    from novelgen.training.checkpoint import build_model
    from novelgen.training.hardware import choose_device
    from novelgen.training.stores import store_of_run

    info = run.load_info()
    config = _with_budget(info["config"], options)
    tokenizer = run.load_tokenizer(info)
    store = store_of_run(run.path, info)
    info = {**{name: value for name, value in info.items() if name != "format"}, "config": config.to_dict()}
    run.save_info(info)
    return _fit(config, store, build_model(config, tokenizer), run, info, choose_device(config.training.device), resume=True)


def _fit(config: Config, store: Store, model: nn.Module, run: RunDirectory, info: dict[str, Any], device: torch.device,
         resume: bool) -> tuple[Outcome, Observer]:
    from novelgen.commands.observer import Observer
    from novelgen.data.pairs import Pairs
    from novelgen.training.hardware import choose_precision, keep_freed_memory
    from novelgen.training.trainer import Trainer

    keep_freed_memory()
    train, valid = (Pairs.from_store(store, part, config.data.context_paragraphs) for part in ("train", "valid"))
    observer = Observer(run, config, store.tokenizer, valid, device)
    trainer = Trainer(model, config.training, train, valid, run, info, device, observer)
    precision = str(choose_precision(config.training.precision, device)).removeprefix("torch.")
    print(f"模型 model       {info['parameters']:,} 个参数 parameters，词表 vocabulary {store.tokenizer.size:,}，{device.type} {precision}",
          flush=True)
    if resume:
        trainer.resume()
        print(f"接着第 {trainer.position.step} 步继续 | going on from step {trainer.position.step}", flush=True)
    return trainer.fit(), observer


def _farewell(outcome: Outcome, observer: Observer, run: RunDirectory) -> None:
    reasons = {"budget": "预算用完 | the budget is spent", "patience": "不再进步，提前停止 | no more progress, stopped early",
               "interrupted": "已停下并存盘 | stopped and saved"}
    directory = shlex.quote(str(run.path))
    best = "" if outcome.best is None else f"；最好的验证 best validation BPC {outcome.best:.3f}"
    print(f"\n{reasons[outcome.reason]}{best}")
    if outcome.reason == "interrupted":
        print(f"接着练 | to go on:  python train.py --output {directory} --resume")
        return
    for prompt, text in observer.samples(_SAMPLES):
        print(f"\n〔上文 prompt〕{prompt}\n〔续写 written〕{text}")
    print(f"\n打开页面来写 | to write in the browser:  python app.py --checkpoint {directory}"
          f"\n在命令行写 | to write here:  python -m novelgen generate --checkpoint {directory} --prompt \"……\""
          f"\n评测 | to evaluate:   python -m novelgen evaluate --checkpoint {directory}")
