"""How much is measured for a report: all of it, or a preview."""

from __future__ import annotations

from typing import NamedTuple

from novelgen.evaluation.sweep import Setting


class Effort(NamedTuple):
    """How much is measured."""

    settings: tuple[Setting, ...]
    prompts: int  # of the sweep
    written: int  # texts that failures are counted in
    pairs: int  # at most, of the test part and of training text
    heatmaps: int


def _settings(**values: tuple[float, ...]) -> list[Setting]:
    """One setting for each value of each option, all else as nothing were narrowed."""
    neutral = {"decoder": "sample", "temperature": 1.0, "top_k": 0, "top_p": 1.0}
    settings = []
    for name, each in values.items():
        for value in each:
            options = {**neutral, name: value}
            if name == "beam_size":
                options = {"decoder": "beam", name: value}
            label = "beam" if name == "beam_size" else name.replace("_", "-")
            settings.append(Setting(f"{label} {value:g}", options))
    return settings


FULL = Effort(
    settings=(
        Setting("greedy", {"decoder": "greedy"}),
        *_settings(
            beam_size=(1, 3, 5, 10, 15),
            # The first and the last are limits: nearly greedy, and nearly without a model.
            temperature=(0.01, 0.1, 0.3, 0.5, 0.7, 0.8, 1.0, 1.2, 1.5, 2.0, 100.0),
            top_k=(5, 10, 20, 50, 100),
            top_p=(0.5, 0.7, 0.8, 0.9, 0.95),
        ),
    ),
    prompts=20,
    written=100,
    pairs=20_000,
    heatmaps=3,
)
QUICK = Effort(
    settings=(
        Setting("greedy", {"decoder": "greedy"}),
        *_settings(beam_size=(5,), temperature=(0.5, 0.8, 1.0), top_k=(20,), top_p=(0.9,)),
    ),
    prompts=3,
    written=8,
    pairs=100,
    heatmaps=1,
)
