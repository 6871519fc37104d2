"""A session of training: a new run from its data, or one that goes on where it stopped."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from novelgen.api.observer import Observer
from novelgen.api.request import apply_budget
from novelgen.config import NO_INIT, Config, TrainingConfig, check_budget
from novelgen.i18n import _
from novelgen.models.build import set_dropout
from novelgen.models.zoo import present
from novelgen.text.tokenizers import Tokenizer
from novelgen.training.alarms import Alarm, Watch, small_corpus, unused_gpu
from novelgen.training.baselines import Baselines, baselines_of
from novelgen.training.checkpoint import build_model
from novelgen.training.distributed import SINGLE_PROCESS, Ranks
from novelgen.training.hardware import (
    choose_precision,
    find_gpu,
    limit_onednn_cache,
    tune_malloc,
)
from novelgen.training.interpolation import best_weight, count_ngrams, mixture_loss, token_probs
from novelgen.training.memory import estimate_peak, memory_note
from novelgen.training.progress import NoProgress, ProgressLine
from novelgen.training.recipe import (
    Text,
    advice,
    complete,
    describe,
    is_open,
    needs_speed,
    text_of,
    trials,
    with_learning_rate,
)
from novelgen.training.results import Outcome, Validation
from novelgen.training.run_directory import RunDirectory
from novelgen.training.speed import Speed
from novelgen.training.stores import Data, data_of_run, shared_data
from novelgen.training.system_memory import read_memory
from novelgen.training.trainer import Trainer
from novelgen.training.warm_start import WarmStart, start_of_run


@dataclass(frozen=True)
class Reporting:
    """What is reported of a session while it runs."""

    verbose: bool = True  # print the model, the progress and every validation
    on_validation: Callable[[Validation], None] | None = None


def train(
    config: Config,
    data: Data,
    run: RunDirectory,
    ranks: Ranks = SINGLE_PROCESS,
    reporting: Reporting = Reporting(),
    start: WarmStart | None = None,
) -> Outcome:
    """Trains a new model on `data` into `run`, a directory that was created.

    It begins with the weights of `start`; without, they follow from the seed alone.
    """
    # 1. The model.
    # What is prepared already brings the options along that it was prepared with.
    config = data.configured(config, run.path)
    init = NO_INIT if start is None else os.path.relpath(start.path, run.path)
    config = with_learning_rate(config.replace(init=init))
    config = _with_recipe(config, data, reporting)
    torch.manual_seed(config.training.seed)
    model = build_model(config, data.tokenizer, data.source_tokenizer)
    # The other processes are given the first one's weights.
    if ranks.is_first:
        first = _("first weights: random")
        if start is not None:
            first = _give_weights(start, model, data.tokenizer)
        if reporting.verbose:
            print(first, flush=True)
            if config.data.context_paragraphs > 1 and not config.from_pairs:
                message = _("sources: up to {count} paragraphs")
                print(message.format(count=config.data.context_paragraphs), flush=True)
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
    trainer = _trainer(config, data, model, run, ranks, reporting, start)
    return _fit(trainer, data, run, ranks, reporting)


def resume(
    run: RunDirectory,
    options: dict[str, Any],
    ranks: Ranks = SINGLE_PROCESS,
    reporting: Reporting = Reporting(),
) -> Outcome:
    """Trains on from the last save of `run`, with `options` changed in its configuration."""
    # 1. The run as it stands. Its tokenizer must be whole, and the one that it was made with.
    info = ranks.run_on_rank0(run.load_info)
    config = apply_budget(info["config"], options)
    check_budget(config.training)
    # A device that is not here is refused before the data is opened.
    ranks.device(config.training.device)

    def check_tokenizer() -> None:
        run.load_tokenizer(info)

    ranks.run_on_rank0(check_tokenizer)
    data = shared_data(ranks, lambda: data_of_run(run.path, info))
    # A run that was interrupted at once may have none yet.
    config = _with_recipe(config, data, reporting)
    # 2. The trainer.
    model = build_model(config, data.tokenizer, data.source_tokenizer)
    start = ranks.run_on_rank0(lambda: start_of_run(run.path, info))
    trainer = _trainer(config, data, model, run, ranks, reporting, start)
    trainer.resume()
    # 3. What has changed is written when nothing can refuse it any more: it is that of the next
    # session too.
    if ranks.is_first:
        run.note_config(config)
    if reporting.verbose:
        print(_("going on from step {step}").format(step=trainer.position.step), flush=True)
    return _fit(trainer, data, run, ranks, reporting)


def _fit(
    trainer: Trainer, data: Data, run: RunDirectory, ranks: Ranks, reporting: Reporting
) -> Outcome:
    """Trains, and puts the n-gram model beside the network when that is done."""
    outcome = trainer.fit()
    # Whoever interrupts does not want to wait: it is counted when the run has gone on to its end.
    if outcome.reason != "interrupted":
        note = ranks.run_on_rank0(lambda: _save_ngram(trainer, data, run))
        if reporting.verbose and note:
            print(note, flush=True)
    return outcome


def _save_ngram(trainer: Trainer, data: Data, run: RunDirectory) -> str:
    """Counts the n-gram model, finds its weight beside the kept network; returns a line on it.

    Does nothing where that was done already for these weights.
    """
    order = trainer.config.ngram_order
    info = run.load_info()
    wanted = {"order": order, "step": info.get("best", {}).get("step")}
    if not run.has_model or wanted.items() <= info.get("ngram", {}).items():
        return ""
    if not order:
        run.remove_ngram()
        return ""
    # 1. The model, of the main task's targets.
    ngram = count_ngrams(data.pairs("train"), order, data.tokenizer.size)
    # 2. Its weight, by what validations measure, beside the weights that are kept.
    run.load_weights(trainer.model)
    batches = list(
        token_probs(
            trainer.model.eval(),
            ngram,
            trainer.validation_pairs,
            batch_tokens=trainer.config.evaluation_tokens,
            device=trainer.device,
            precision=choose_precision(trainer.config.precision, trainer.device),
        )
    )
    network_probs = np.concatenate([batch.network for batch in batches])
    ngram_probs = np.concatenate([batch.ngram for batch in batches])
    weight = best_weight(network_probs, ngram_probs)
    loss = mixture_loss(batches, weight)
    # 3. Both are kept.
    bpc = loss.mixture.bits_per_character
    run.save_ngram(ngram, {**wanted, "weight": weight, "validation_bpc": bpc})
    message = _(
        "n-gram model of order {order}: with weight {weight:g} validation {before:.3f} → "
        "{after:.3f} BPC"
    )
    before = loss.network.bits_per_character
    return message.format(order=order, weight=weight, before=before, after=bpc)


def _text(config: Config, data: Data) -> Text:
    return text_of(data.training().epoch(config.training.seed, 0))


def _with_recipe(config: Config, data: Data, reporting: Reporting) -> Config:
    """The configuration with its recipe, unless that is to follow from the speed."""
    if not is_open(config) or needs_speed(config):
        return config
    text = _text(config, data)
    config = complete(config, text)
    if reporting.verbose:
        print(describe(config, text), flush=True)
    return config


def _trainer(
    config: Config,
    data: Data,
    model: nn.Module,
    run: RunDirectory,
    ranks: Ranks,
    reporting: Reporting,
    start: WarmStart | None,
) -> Trainer:
    """The trainer of a session, and a line about its model."""
    # Before the first computation: batches of many shapes would fill the one and slow the other.
    limit_onednn_cache()
    tune_malloc()
    device = ranks.device(config.training.device)
    # The main task comes first: it alone decides which weights are kept.
    valid = data.by_task("valid")
    baselines = ranks.run_on_rank0(lambda: _baselines(data, run))
    if baselines is not None and reporting.verbose:
        print(baselines.describe(), flush=True)
    observer = Observer(run, config, data, next(iter(valid.values())), device)

    def observe(model: nn.Module, validation: Validation) -> list[Alarm]:
        alarms = observer(model, validation)
        if reporting.on_validation is not None:
            reporting.on_validation(validation)
        return alarms

    text = _text(config, data)

    def choose(speed: Speed) -> TrainingConfig:
        chosen = complete(config, text, speed)
        set_dropout(model, present(chosen.model.dropout))
        if ranks.is_first:
            run.note_config(chosen)
        line.note(describe(chosen, text, speed))
        if note := advice(config, text, speed):
            line.note(note)
        return chosen.training

    tried = trials(config.training)
    line = ProgressLine() if reporting.verbose else NoProgress()
    trainer = Trainer(
        model,
        tried[0].config,
        data.training(),
        valid,
        run,
        ranks=ranks,
        trials=tried,
        choose=choose if needs_speed(config) else None,
        observe=observe,
        baselines=baselines,
        start=None if start is None else partial(start.weights, model, data.tokenizer),
        watch=Watch(
            warmup_steps=config.training.warmup_steps or 0,
            is_warm=config.training.init != NO_INIT,
            memory=read_memory,
        ),
        alarms=[unused_gpu(find_gpu()), small_corpus(text.characters)],
        line=line,
    )
    if reporting.verbose:
        precision = str(choose_precision(config.training.precision, device))
        hardware = f"{device.type} {precision.removeprefix('torch.')}"
        parameters = sum(parameter.numel() for parameter in model.parameters())
        _print_model(parameters, data.tokenizer.size, hardware, ranks.size)
        if device.type == "cpu":
            peak = estimate_peak(config, parameters, text.tokens)
            print(memory_note(peak, read_memory()), flush=True)
    return trainer


def _baselines(data: Data, run: RunDirectory) -> Baselines | None:
    """What n-gram models reach on the held-out parts; None where there are none.

    The run keeps it: of a session that goes on, with the same data, it is not counted again.
    """
    if not data.holds_out:
        return None
    kept = run.load_baselines()
    if kept is not None:
        return Baselines.kept(run.load_info(), kept, data.pairs("valid"))
    baselines = baselines_of(data)
    if baselines is not None:
        run.save_baselines(baselines.record(), baselines.nll)
    return baselines


def _give_weights(start: WarmStart, model: nn.Module, tokenizer: Tokenizer) -> str:
    """Fills a model with the weights that it is to begin with; returns a line about them."""
    new = start.give(model, tokenizer)
    size = tokenizer.size
    message = _("first weights: those of {path}; {known:,} of {size:,} symbols are known to them")
    return message.format(path=start.path, known=size - new, size=size)


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
