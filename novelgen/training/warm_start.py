"""Warm start: a run begins with the weights of another, which may have another vocabulary.

V is the size of the run's vocabulary, U that of the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from novelgen.config import NO_INIT, Config, ModelConfig, flag
from novelgen.data.prepare import KnownVocabulary
from novelgen.errors import ConfigError
from novelgen.i18n import _, join_list
from novelgen.options import AUTO
from novelgen.shipped import shipped_base
from novelgen.text.cleaning import simplify
from novelgen.text.tokenizers import FIRST_CHARACTER, Tokenizer
from novelgen.training.run_directory import RunDirectory

# Options of a model that its weights fit whatever they are.
_ANY_VALUE = ("dropout", "guide")
# The tensors with a row for each symbol, by the end of their names.
_OF_SYMBOLS = ("embedding.weight", "output_bias")
# The noise of a new symbol's row, in standard deviations of the known rows.
_NOISE = 0.1


@dataclass(frozen=True)
class WarmStart:
    """The run that another one begins with."""

    path: Path

    @cached_property
    def info(self) -> dict[str, Any]:
        """What its config.json holds."""
        return RunDirectory(self.path).load_info()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Its vocabulary."""
        return RunDirectory(self.path).load_tokenizer(self.info)

    @property
    def vocabulary(self) -> KnownVocabulary:
        """What the vocabulary of a novel is joined with."""
        return KnownVocabulary(self.tokenizer, self.tokenizer.fingerprint)

    @property
    def context_paragraphs(self) -> int:
        """How many paragraphs its sources are."""
        count: int = self.info["config"].data.context_paragraphs
        return count

    def check_apart(self, output: Path) -> None:
        """Raises ConfigError where a new run in `output` would replace this one."""
        if output.resolve() == self.path.resolve():
            message = _(
                "--output {path}: training begins with the weights of this run, which the new one "
                "would replace; choose another --output"
            )
            raise ConfigError(message.format(path=output))

    def give(self, model: nn.Module, tokenizer: Tokenizer) -> int:
        """Fills `model`, whose vocabulary is `tokenizer`'s; returns how many symbols are new.

        The rows of a new symbol are as `rows_of` and `copy_weights` have them; the noise is of
        torch's global generator.
        """
        rows = rows_of(tokenizer, self.tokenizer)
        RunDirectory(self.path).read_weights(lambda weights: copy_weights(model, weights, rows))
        return int(np.count_nonzero(rows < 0))

    def weights(self, model: nn.Module, tokenizer: Tokenizer) -> dict[str, Tensor]:
        """Its weights as those of `model`; a new symbol has what it has in `model`."""
        found: dict[str, Tensor] = {}

        def align(weights: Mapping[str, Tensor]) -> None:
            rows = rows_of(tokenizer, self.tokenizer)
            found.update(aligned_weights(model.state_dict(), weights, rows))

        RunDirectory(self.path).read_weights(align)
        return found


def find_warm_start(config: Config) -> WarmStart | None:
    """The start that the option `init` asks for; None is from scratch.

    `auto` is the base model that comes with the program, where the run is one that it fits. Raises
    CheckpointError for a run that cannot be read, ConfigError for one that does not fit.
    """
    init = config.training.init
    if init == NO_INIT:
        return None
    if init == AUTO:
        base = shipped_base()
        if base is None or not _may_use_base(config):
            return None
        start = WarmStart(base)
        return None if _differences(config.model, start) else start
    start = WarmStart(Path(init))
    differences = _differences(config.model, start)
    if differences:
        # A part that the other model does not have, None, goes with another option, as --model.
        options = [
            _as_option(name, value) for name, value in differences.items() if value is not None
        ]
        message = _("--init {path}: its model has other sizes or parts; pass {options}")
        raise ConfigError(message.format(path=init, options=join_list(options)))
    if _has_two_vocabularies(config) or _has_two_vocabularies(start.info["config"]):
        message = _(
            "--init {path}: source and target have vocabularies of their own; leave --init out, or "
            "pass --share-vocabulary"
        )
        raise ConfigError(message.format(path=init))
    return start


def start_of_run(directory: Path, info: Mapping[str, Any]) -> WarmStart | None:
    """What a run, of which config.json holds `info`, began with; None where that is gone."""
    init = info["config"].training.init
    if init == NO_INIT or not RunDirectory(directory / init).has_model:
        return None
    start = WarmStart(directory / init)
    # Another base may be shipped by now.
    if info.get("vocabulary_of") not in (None, start.tokenizer.fingerprint):
        return None
    return start


def _has_two_vocabularies(config: Config) -> bool:
    return config.from_pairs and not config.pairs.share_vocabulary


def _may_use_base(config: Config) -> bool:
    """Whether a run learns what the base has learnt: a novel's next paragraph, in characters."""
    is_next = list(config.data.task_weights) == ["next"]
    return not config.from_pairs and config.data.tokenizer == "char" and is_next


def _differences(config: ModelConfig, start: WarmStart) -> dict[str, Any]:
    """The options, with their values, by which a model would be as that of `start`."""
    theirs = dataclasses.asdict(start.info["config"].model)
    ours = dataclasses.asdict(config)
    return {
        name: value
        for name, value in theirs.items()
        if name not in _ANY_VALUE and value != ours[name]
    }


def _as_option(name: str, value: Any) -> str:
    """An option as it is typed."""
    if isinstance(value, bool):
        return flag(name) if value else flag(name).replace("--", "--no-", 1)
    return f"{flag(name)} {value}"


def rows_of(tokenizer: Tokenizer, known: Tokenizer) -> NDArray[np.int64]:
    """(V,) the row that each token has in `known`, -1 for a new one.

    A Traditional symbol that is new has the row of its Simplified form.
    """
    rows = known.ids_of(tokenizer.symbols)
    new = np.flatnonzero(rows < 0)
    if len(new):
        forms = simplify("\n".join(tokenizer.symbols[place] for place in new)).split("\n")
        rows[new] = known.ids_of(forms)
    # The specials and the bytes are the same in all vocabularies.
    return np.concatenate([np.arange(FIRST_CHARACTER), rows])


def copy_weights(model: nn.Module, weights: Mapping[str, Tensor], rows: NDArray[np.int64]) -> None:
    """Fills `model` with `weights` of a model that has another vocabulary.

    rows: (V,) the row in `weights` of each symbol of the model, -1 for a new one, which becomes the
    mean of the known rows with a little noise. What has no symbol of its own (the first tokens of
    tasks) is new as well.
    """
    state = model.state_dict()
    known = torch.from_numpy(rows[rows >= 0])
    for name, own in state.items():
        if name.endswith(_OF_SYMBOLS):
            copied = weights[name].to(own.dtype)[known]
            deviation = copied.std(dim=0)  # of each column
            # Of every symbol, until the known ones get their own.
            own.copy_(copied.mean(dim=0) + _NOISE * deviation * torch.randn_like(own))
    model.load_state_dict(aligned_weights(state, weights, rows))


def aligned_weights(
    own: Mapping[str, Tensor], weights: Mapping[str, Tensor], rows: NDArray[np.int64]
) -> dict[str, Tensor]:
    """`weights` of a model that has another vocabulary, in the vocabulary of the weights `own`.

    rows: as for `copy_weights`. A new symbol has its row of `own`.
    """
    known = torch.from_numpy(np.flatnonzero(rows >= 0))
    theirs = torch.from_numpy(rows[rows >= 0])
    aligned = {}
    for name, tensor in own.items():
        given = weights[name].to(tensor)
        if name.endswith(_OF_SYMBOLS):
            aligned[name] = tensor.clone()
            aligned[name][known] = given[theirs]
        else:
            aligned[name] = given
    return aligned
