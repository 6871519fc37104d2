"""Every option of the program, once: its default, its bounds and its help text.

The dataclasses here are the command line (`novelgen.cli` turns fields into flags), the Python API
and what a run directory's `config.json` holds; each section has a module. How an option is
declared and checked is in `novelgen.options`, the table of the model's variants in
`novelgen.models.zoo`. Nothing here imports torch, so that `--help` answers at once.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from novelgen.config.corpus import TASKS, DataConfig, PairsConfig, TextConfig, parse_tasks
from novelgen.config.decoding import DecodingConfig, decoding_defaults
from novelgen.config.model import ModelConfig
from novelgen.config.training import (
    BUDGETS,
    DEVICES,
    LARGEST_BATCH,
    NO_INIT,
    PRECISIONS,
    TrainingConfig,
    check_budget,
)
from novelgen.i18n import _
from novelgen.options import AUTO, flag, validate_choice

__all__ = [
    "BUDGETS",
    "DEVICES",
    "LARGEST_BATCH",
    "NO_INIT",
    "PRECISIONS",
    "TASKS",
    "Config",
    "DataConfig",
    "DecodingConfig",
    "ModelConfig",
    "PairsConfig",
    "TextConfig",
    "TrainingConfig",
    "check_budget",
    "decoding_defaults",
    "flag",
    "parse_tasks",
    "validate_choice",
    "validate_option",
]

# Fields of earlier versions that decided nothing of a run but its speed: a config.json that holds
# one is read as if it did not.
_RETIRED = ("cuda_graph",)

# What fields that came later were before: a config.json without one means this.
_EARLIER = {"token_in_query": False, "guide": 0.0, "init": NO_INIT}


# A section's fields have names of their own: `Config.replace` and the command line need no section.
@dataclass(frozen=True)
class Config:
    """One training run, whole: what `config.json` holds."""

    text: TextConfig = field(default_factory=TextConfig)
    data: DataConfig = field(default_factory=DataConfig)
    pairs: PairsConfig = field(default_factory=PairsConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @property
    def from_pairs(self) -> bool:
        """Whether the run learns from the pairs of a file, not from a novel."""
        return self.pairs.pairs is not None

    def replace(self, **values: Any) -> Config:
        """A copy with the named fields set, in whichever section they are.

        Raises ConfigError for an unknown name or a value out of range.
        """
        sections = {spec.name: getattr(self, spec.name) for spec in dataclasses.fields(self)}
        # Each section takes its own fields out of `values`; what is left belongs to none.
        for name, section in sections.items():
            own = {}
            for spec in dataclasses.fields(section):
                if spec.name in values:
                    value = _plain(values.pop(spec.name))
                    is_auto = spec.metadata["auto"] and value == AUTO
                    own[spec.name] = None if is_auto else value
            sections[name] = dataclasses.replace(section, **own)
        for name in values:
            validate_option(name)
        return Config(**sections)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain data for JSON, section by section."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, Any]]) -> Config:
        """The inverse of `to_dict`; raises ConfigError for an unknown or a wrong field."""
        given = {key: value for section in data.values() for key, value in section.items()}
        flat = {**_EARLIER, **given}
        for name in _RETIRED:
            flat.pop(name, None)
        return cls().replace(**flat)


def validate_option(name: str) -> str:
    """Returns the name of a field of any section; raises ConfigError for another, as a choice."""
    default = Config()
    sections = [getattr(default, spec.name) for spec in dataclasses.fields(default)]
    known = tuple(spec.name for section in sections for spec in dataclasses.fields(section))
    return validate_choice(name, known, _("configuration"))


def _plain(value: Any) -> Any:
    """A path as the string that config.json holds; any other value as it is."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value
