"""The recipe: what of a training's options follows from how much its budget buys.

A text that is passed over twice is not learnt by heart, and dropout only holds the model back; of
one that is passed over ten times it is needed. A budget of few tokens learns more in many small
steps than in a few large ones. A run that begins with trained weights learns a text in few passes,
and more of them are by heart. The rules were chosen by measurement: docs/benchmarks.md.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from novelgen.config import LARGEST_BATCH, NO_INIT, Config, TrainingConfig
from novelgen.data.pairs import Pairs
from novelgen.i18n import _
from novelgen.training.speed import Speed, Trial

# Passes over the training pairs, and the dropout rate for so many; between them in a line.
_PASSES = (1.0, 5.0, 10.0)
_DROPOUT = (0.0, 0.1, 0.3)

# Target tokens in the smallest batch, and how many batches a budget is to make.
_SMALLEST_BATCH = 400
_BATCHES = 2000

_LONGEST_WARMUP = 50

# The larger of two batch sizes whose speed is measured, and the shortest budget for which it is: a
# token takes half as long in a large batch, on some machines, but of a short budget its steps are a
# large part.
_LARGER_BATCH = 1600
_LARGER_MINUTES = 3.0

# Passes after which more of them gain little.
_ENOUGH_PASSES = 4

# The most passes that minutes buy a run that begins with trained weights. A run for which nothing
# is auto has no recipe, nor this bound.
_WARM_PASSES = 2

# The learning rate of a run that begins from scratch, and of one that begins with trained weights.
_LEARNING_RATE = 3e-3
_WARM_LEARNING_RATE = 2e-3


class Text(NamedTuple):
    """How much there is to learn from: the targets of an epoch."""

    tokens: int
    characters: int


def text_of(pairs: Pairs) -> Text:
    """The size of the pairs of an epoch."""
    return Text(int(pairs.target_lengths.sum()), int(pairs.target_characters.sum()))


def is_open(config: Config) -> bool:
    """Whether something is still to be chosen."""
    training = config.training
    return None in (config.model.dropout, training.batch_tokens, training.warmup_steps)


def needs_speed(config: Config) -> bool:
    """Whether what is to be chosen depends on how fast this machine trains."""
    return config.training.max_minutes is not None and is_open(config)


def trials(config: TrainingConfig) -> list[Trial]:
    """What a training begins with, while its speed is measured."""
    small = _filled(config, _SMALLEST_BATCH, _LONGEST_WARMUP)
    found = [Trial(small, 8, 3)]
    if config.batch_tokens is None and (config.max_minutes or 0) >= _LARGER_MINUTES:
        found.append(Trial(dataclasses.replace(small, batch_tokens=_LARGER_BATCH), 4, 1))
    return found


def passes(config: TrainingConfig, text: Text, speed: Speed | None) -> float:
    """Passes over the text that the budget buys, in the batches that it has or gets."""
    return _passes(config, text, speed, _batch_tokens(config, text, speed))


def _batch_tokens(config: TrainingConfig, text: Text, speed: Speed | None) -> int:
    """The tokens of a batch: so many that the budget makes _BATCHES of them.

    What it makes goes by the speed of the smallest batches, though larger ones are faster: where
    that was counted in, there were fewer steps, which learned less. With a budget of steps the
    batches are large: smaller ones would learn from less.
    """
    if config.batch_tokens is not None:
        return config.batch_tokens
    if config.max_steps is not None:
        return LARGEST_BATCH
    tokens = _passes(config, text, speed, _SMALLEST_BATCH) * text.tokens
    return int(np.clip(tokens / _BATCHES, _SMALLEST_BATCH, LARGEST_BATCH) // 100 * 100)


def _passes(config: TrainingConfig, text: Text, speed: Speed | None, batch_tokens: int) -> float:
    found = []
    if config.epochs is not None:
        found.append(float(config.epochs))
    if config.max_steps is not None:
        found.append(config.max_steps * batch_tokens / text.tokens)
    if config.max_minutes is not None and speed is not None:
        rate = speed.in_batches(batch_tokens * text.characters / text.tokens)
        found.append(60 * config.max_minutes * rate / text.characters)
    return min(found)


def with_learning_rate(config: Config) -> Config:
    """The configuration with its learning rate, which follows from what the run begins with."""
    if config.training.learning_rate is not None:
        return config
    rate = _LEARNING_RATE if config.training.init == NO_INIT else _WARM_LEARNING_RATE
    return config.replace(learning_rate=rate)


def complete(config: Config, text: Text, speed: Speed | None = None) -> Config:
    """The configuration with what is auto chosen; minutes need the `speed` of this machine."""
    training = config.training
    if _is_bounded(training):
        training = dataclasses.replace(training, epochs=_WARM_PASSES)
    batch = _batch_tokens(training, text, speed)
    bought = _passes(training, text, speed, batch)
    warmup = min(_LONGEST_WARMUP, int(bought * text.tokens / batch / 10))
    dropout = config.model.dropout
    if dropout is None:
        dropout = _dropout(bought)
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, dropout=dropout),
        training=_filled(training, batch, warmup),
    )


def _dropout(passes: float) -> float:
    """The rate for so many passes over a text."""
    return round(float(np.interp(passes, _PASSES, _DROPOUT)), 2)


def describe(config: Config, text: Text, speed: Speed | None = None) -> str:
    """A line about the recipe of a complete configuration."""
    message = _(
        "recipe for about {passes:.1f} passes over the text: dropout {dropout:g}, batches of "
        "{batch:,} tokens, {warmup} steps of warm-up"
    )
    return message.format(
        passes=passes(config.training, text, speed),
        dropout=config.model.dropout,
        batch=config.training.batch_tokens,
        warmup=config.training.warmup_steps,
    )


def advice(config: Config, text: Text, speed: Speed) -> str:
    """A line on a budget of minutes that buys too few passes, or more than are made; else "".

    `config` is what was asked for, not yet complete.
    """
    training = config.training
    if training.max_minutes is None:
        return ""
    bought = passes(training, text, speed)
    if bought < 1:
        return _too_few(training, text, speed, bought)
    if _is_bounded(training) and bought > _WARM_PASSES:
        message = _(
            "{minutes:g} minutes on this machine are about {passes:.1f} passes over the text; with "
            "trained weights to begin with it is learnt by heart after {most}, so training ends "
            "then; --epochs N makes N of them"
        )
        return message.format(minutes=training.max_minutes, passes=bought, most=_WARM_PASSES)
    return ""


def _is_bounded(config: TrainingConfig) -> bool:
    """Whether the passes of a budget are bounded: of minutes alone, beginning with weights."""
    return config.init != NO_INIT and config.epochs is None and config.max_steps is None


def _too_few(config: TrainingConfig, text: Text, speed: Speed, bought: float) -> str:
    """A line on minutes that do not buy a single pass, with how many would be enough."""
    # A budget that is enough makes batches of this size at least.
    batch = _batch_tokens(config, text, speed)
    rate = speed.in_batches(batch * text.characters / text.tokens)
    minutes = text.characters * _ENOUGH_PASSES / rate / 60
    message = _(
        "{minutes:g} minutes on this machine are about {passes:.2f} passes over the text "
        "({characters:,} characters, {speed:,.0f} a second); consider --max-minutes {more}"
    )
    if config.init == NO_INIT:
        message = _(
            "{minutes:g} minutes on this machine are about {passes:.2f} passes over the text "
            "({characters:,} characters, {speed:,.0f} a second); consider --max-minutes {more}, or "
            "beginning with the base model (--init auto)"
        )
    return message.format(
        minutes=config.max_minutes,
        passes=bought,
        characters=text.characters,
        speed=rate,
        more=10 * math.ceil(minutes / 10),
    )


def _filled(config: TrainingConfig, batch_tokens: int, warmup_steps: int) -> TrainingConfig:
    """The configuration with these, where it has none of its own."""
    if config.batch_tokens is not None:
        batch_tokens = config.batch_tokens
    if config.warmup_steps is not None:
        warmup_steps = config.warmup_steps
    return dataclasses.replace(config, batch_tokens=batch_tokens, warmup_steps=warmup_steps)
