"""novelgen: a Chinese novel text generator, from a raw novel to new paragraphs.

run = novelgen.train("novel.txt", max_minutes=2).run
print(novelgen.evaluate(run).bits_per_character)
print(novelgen.Generator.load(run).generate(prompt).text)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from novelgen.config import (
    Config,
    DataConfig,
    DecodingConfig,
    ModelConfig,
    PairsConfig,
    TextConfig,
    TrainingConfig,
)
from novelgen.errors import (
    CheckpointError,
    ConfigError,
    CorpusError,
    NovelgenError,
    TrainingError,
)
from novelgen.presets import preset

if TYPE_CHECKING:
    from novelgen.api.evaluation import Evaluation, evaluate
    from novelgen.api.preparation import prepare
    from novelgen.api.report import write_report
    from novelgen.api.training import TrainingResult, resume, train
    from novelgen.attribution.explanation import Explanation, explain
    from novelgen.data.store import Store
    from novelgen.decoding.generator import Generation, Generator
    from novelgen.shipped import shipped_novel
    from novelgen.training.results import Validation

__version__ = "0.1.0"
__all__ = [
    # From a novel to a model, and from a model to text.
    "prepare",
    "train",
    "resume",
    "evaluate",
    "write_report",
    "Generator",
    "explain",
    # Options, and what the functions return.
    "Config",
    "TextConfig",
    "DataConfig",
    "PairsConfig",
    "ModelConfig",
    "TrainingConfig",
    "DecodingConfig",
    "preset",
    "Store",
    "TrainingResult",
    "Validation",
    "Evaluation",
    "Generation",
    "Explanation",
    "shipped_novel",
    # What they raise.
    "NovelgenError",
    "CorpusError",
    "ConfigError",
    "CheckpointError",
    "TrainingError",
]

# What is imported when it is first asked for: torch takes seconds, and `--help` needs none of it.
_LAZY = {
    "prepare": "novelgen.api.preparation",
    "train": "novelgen.api.training",
    "resume": "novelgen.api.training",
    "TrainingResult": "novelgen.api.training",
    "evaluate": "novelgen.api.evaluation",
    "Evaluation": "novelgen.api.evaluation",
    "write_report": "novelgen.api.report",
    "Generator": "novelgen.decoding.generator",
    "Generation": "novelgen.decoding.generator",
    "explain": "novelgen.attribution.explanation",
    "Explanation": "novelgen.attribution.explanation",
    "shipped_novel": "novelgen.shipped",
    "Store": "novelgen.data.store",
    "Validation": "novelgen.training.results",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'novelgen' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
