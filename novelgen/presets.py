"""Full configurations by name."""

from __future__ import annotations

from collections.abc import Callable

from novelgen.config import Config, validate_choice


def tiny() -> Config:
    """For tests and a first try: trains in seconds."""
    return Config().replace(
        embedding_size=64,
        decoder_size=128,
        max_minutes=2,
    )


def small() -> Config:
    """For the CPU of a laptop: the default sizes, and a budget that it can bear."""
    return Config().replace(max_minutes=20)


def base() -> Config:
    """For one GPU."""
    return Config().replace(
        embedding_size=512,
        decoder_size=1024,
        # Four times the default batch: smaller ones do not fill a GPU.
        batch_tokens=12_800,
        learning_rate=2e-3,
        warmup_steps=200,
        max_minutes=30,
    )


def large() -> Config:
    """For a data-centre GPU with a large corpus."""
    return Config().replace(
        embedding_size=1024,
        encoder_layers=2,
        decoder_size=2048,
        decoder_layers=2,
        # The larger the model and the batch, the lower the rate and the longer the warm-up.
        batch_tokens=51_200,
        learning_rate=1e-3,
        warmup_steps=500,
        max_minutes=120,
    )


# `--preset` by name, smallest first.
PRESETS: dict[str, Callable[[], Config]] = {
    "tiny": tiny,
    "small": small,
    "base": base,
    "large": large,
}


def preset(name: str) -> Config:
    """The full configuration called `name`; raises ConfigError for an unknown name."""
    return PRESETS[validate_choice(name, PRESETS, "--preset")]()
