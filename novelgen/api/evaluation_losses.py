"""What a run gives to the true texts: the network, with its n-gram model, with a cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from novelgen.api.evaluation import NGRAM_FIGURES
from novelgen.data.pairs import Pairs
from novelgen.decoding.generator import Generator
from novelgen.evaluation.cache import cached_token_probs
from novelgen.evaluation.pair_losses import PairLosses, losses_of, pair_losses
from novelgen.training.checkpoint import Run
from novelgen.training.interpolation import TokenProbs, mixture_loss, token_probs
from novelgen.training.loss import LossStats, evaluate_loss, evaluation_plan


def network_loss(run: Run, pairs: Pairs) -> LossStats:
    """The loss of the network alone."""
    # Nothing is kept for a backward pass, so that twice the batch of training fits.
    batch_tokens = run.config.training.evaluation_tokens
    return evaluate_loss(run.model, pairs, batch_tokens=batch_tokens, device=run.device)


def measured_losses(run: Run, pairs: Pairs) -> tuple[PairLosses, dict[str, Any]]:
    """The losses of the network, and the figures of the n-gram model where there is one."""
    ngram = run.ngram
    batch_tokens = run.config.training.evaluation_tokens
    if ngram is None:
        losses = pair_losses(run.model, pairs, batch_tokens=batch_tokens, device=run.device)
        return losses, {}
    weight = run.info["ngram"]["weight"]
    probs = token_probs(run.model, ngram, pairs, batch_tokens=batch_tokens, device=run.device)
    log_probs = []

    def noted() -> Iterator[TokenProbs]:
        for each in probs:
            # A probability may be too small for a float.
            log_probs.append(np.log(np.maximum(each.network, np.finfo(float).tiny)))
            yield each

    loss = mixture_loss(noted(), weight)
    losses = losses_of(pairs, evaluation_plan(pairs, batch_tokens), log_probs)
    found = (loss.ngram.bits_per_character, loss.mixture.bits_per_character, weight)
    return losses, dict(zip(NGRAM_FIGURES, found, strict=True))


def with_cache(run: Run, pairs: Pairs, options: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of the network with a cache, of the n-gram model beside both where there is one.

    `options` are fields of DecodingConfig. Raises ConfigError for a run that cannot have a cache.
    """
    generator = Generator.of(run, "float32")
    weight = generator.decoding_config(**options).cache_weight
    ngram_weight = 0.0
    if run.ngram is not None:
        ngram_weight = run.info["ngram"]["weight"]
    loss = mixture_loss(cached_token_probs(run, generator.model, pairs, weight), ngram_weight)
    found = {"bits_per_character_cache": loss.network.bits_per_character}
    if run.ngram is not None:
        found["bits_per_character_cache_interpolated"] = loss.mixture.bits_per_character
    return found


def further_figures(
    run: Run, pairs: Pairs, options: Mapping[str, Any], shuffle_sources: bool
) -> dict[str, Any]:
    """The figures of the main task that were asked for: with a cache, and with other sources."""
    found: dict[str, Any] = {}
    if options.get("cache_weight"):
        asked = {name: options.get(name) for name in ("cache_weight", "task")}
        found = with_cache(run, pairs, asked)
    if shuffle_sources:
        shuffled = network_loss(run, pairs.shuffled_sources(seed=1))
        found["bits_per_character_shuffled"] = shuffled.bits_per_character
    return found
