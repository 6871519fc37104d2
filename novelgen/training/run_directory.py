"""Run directories: written whole or not at all, and checked when they are read.

config.json         the format's number, the configuration, where the data is, the best validation
tokenizer.json      the vocabulary
source_tokenizer.json  that of the source, only where it has one of its own
model.safetensors   the weights that did best on the validation part
ngram.safetensors   the n-gram model beside them, where there is one; config.json has its weight
baselines.safetensors  what counting gives each validation target, for --resume
trainer.pt          what --resume needs: last weights, optimiser, position; tensors and numbers
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from torch import Tensor, nn

from novelgen.config import Config
from novelgen.errors import CheckpointError, ConfigError
from novelgen.i18n import _, join_list
from novelgen.models.ngram import NgramModel
from novelgen.models.zoo import resolve
from novelgen.text.tokenizers import Tokenizer
from novelgen.training import weights_file
from novelgen.training.atomic_write import write_whole
from novelgen.training.damage import damage_reported
from novelgen.training.run_lock import LOCK_FILES, unwritable_reported

FORMAT = 1  # of the whole directory, in config.json
_MOST_RUNS = 6  # of a folder of runs, that an error names


class RunDirectory:
    """The files of one training run."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.metrics = self.path / "metrics.jsonl"
        self.samples = self.path / "samples.md"
        self._config = self.path / "config.json"
        self._tokenizer = self.path / "tokenizer.json"
        self._source_tokenizer = self.path / "source_tokenizer.json"
        self._model = self.path / "model.safetensors"
        self._ngram = self.path / "ngram.safetensors"
        self._baselines = self.path / "baselines.safetensors"
        self._trainer = self.path / "trainer.pt"

    @property
    def exists(self) -> bool:
        """Whether a run is here."""
        return self._config.exists() and (self._tokenizer.exists() or self._model.exists())

    @property
    def has_model(self) -> bool:
        """Whether weights were saved yet."""
        return self._model.exists()

    @property
    def can_go_on(self) -> bool:
        """Whether there is a save that `--resume` continues from."""
        return self.exists and self._trainer.exists()

    def check_free(self, overwrite: bool) -> None:
        """Raises ConfigError when a new run may not be put here.

        A run that is here is replaced only with `overwrite`, anything else never.
        """
        message = ""
        if self.path.exists() and not self.path.is_dir():
            message = _("{path}: a file, not a folder; choose another --output")
        elif self.exists and not overwrite:
            message = _(
                "{path}: a run is here already; pass --resume to go on, --overwrite to start "
                "again, or another --output"
            )
        elif self.path.is_dir() and not self.exists and self._content():
            message = _(
                "{path}: the folder is not empty and no run directory; choose another --output"
            )
        if message:
            raise ConfigError(message.format(path=self.path))

    def create(self, overwrite: bool) -> None:
        """Makes the directory, empty of any earlier run; raises ConfigError as `check_free`."""
        self.check_free(overwrite)
        # The configuration first: without it nobody takes the rest for a run.
        earlier = [self._config, self._model, self._ngram, self._baselines, self._trainer]
        earlier += [self._tokenizer, self._source_tokenizer]
        earlier += [self.metrics, self.samples, self.path / "loss.png"]
        with unwritable_reported(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            for path in [*earlier, *self.path.glob("events.out.tfevents.*")]:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Removes everything in the directory, whatever it is; raises ConfigError as `create`."""
        with unwritable_reported(self.path):
            for path in self._content():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)

    def _content(self) -> list[Path]:
        """What is in the directory, but for the files of its lock."""
        return [path for path in self.path.iterdir() if path.name not in LOCK_FILES]

    def save_info(
        self,
        info: Mapping[str, Any],
        tokenizer: Tokenizer | None = None,
        source_tokenizer: Tokenizer | None = None,
    ) -> None:
        """Writes config.json, and the tokenizers that are given; `info` must hold "config"."""
        # The tokenizers first: with config.json the directory counts as a run.
        if tokenizer is not None:
            write_whole(self._tokenizer, _json_of(tokenizer))
        if source_tokenizer is not None:
            write_whole(self._source_tokenizer, _json_of(source_tokenizer))
        text = json.dumps({"format": FORMAT, **info}, ensure_ascii=False, indent=2)
        write_whole(self._config, text.encode())

    def note_best(self, **found: float) -> None:
        """Writes into config.json what was found of the weights that are kept.

        They are the step, validation_bpc, whether that is_sample, and start_share: how much of the
        first weights is in them. What is not given stays.
        """
        info = self._read_info()
        self.save_info({**info, "best": {**info.get("best", {}), **found}})

    def note_config(self, config: Config) -> None:
        """Writes into config.json the configuration when more of it has been chosen."""
        self.save_info({**self._read_info(), "config": config.to_dict()})

    def save_baselines(self, record: Mapping[str, Any], nll: Mapping[str, Any]) -> None:
        """Writes what n-gram models reach: `record` into config.json, the arrays of `nll` beside.

        They are the losses of the validation targets, by the name of the model.
        """
        # The arrays last: where they are, the rest is.
        self.save_info({**self._read_info(), **record})
        write_whole(self._baselines, save_arrays(dict(nll)))

    def load_baselines(self) -> dict[str, Any] | None:
        """The arrays that `save_baselines` wrote; None of a run of before there were any."""
        if not self._baselines.exists():
            return None
        with damage_reported(self._baselines):
            return dict(load_arrays(self._baselines.read_bytes()))

    def _read_info(self) -> dict[str, Any]:
        with damage_reported(self._config):
            info: dict[str, Any] = json.loads(self._config.read_text(encoding="utf-8"))
        return info

    def save_model(self, weights: Mapping[str, Tensor]) -> None:
        """Writes the weights that are kept for writing and evaluating."""
        write_whole(self._model, weights_file.to_bytes(weights))

    def save_ngram(self, ngram: NgramModel, found: Mapping[str, float | None]) -> None:
        """Writes the n-gram model, and into config.json what was found of it.

        That must hold its "weight" beside the network.
        """
        write_whole(self._ngram, save_arrays(ngram.arrays()))
        self.save_info({**self._read_info(), "ngram": dict(found)})

    def remove_ngram(self) -> None:
        """Removes the n-gram model, if there is one."""
        # First the entry by which it is found.
        info = self._read_info()
        if info.pop("ngram", None) is not None:
            self.save_info(info)
        with unwritable_reported(self.path):
            self._ngram.unlink(missing_ok=True)

    def load_ngram(self, vocabulary_size: int) -> NgramModel:
        """The n-gram model that `save_ngram` wrote."""
        with damage_reported(self._ngram):
            ngram = NgramModel.from_arrays(load_arrays(self._ngram.read_bytes()))
            if ngram.vocabulary_size != vocabulary_size:
                raise ValueError(f"{ngram.vocabulary_size} ≠ {vocabulary_size}")
        return ngram

    def save_trainer(self, state: Mapping[str, Any]) -> None:
        """Writes the state that `--resume` continues from.

        It consists of nested dicts and lists of tensors and numbers.
        """
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        write_whole(self._trainer, buffer.getvalue())

    def load_trainer(self) -> dict[str, Any]:
        """The state that `save_trainer` wrote, on the CPU."""
        with damage_reported(self._trainer):
            # weights_only: no code in the file is run, whoever made it.
            state: dict[str, Any] = torch.load(self._trainer, map_location="cpu", weights_only=True)
        return state

    def _missing(self) -> str:
        """What to say where there is no run: the runs within, if it is a folder of them."""
        # An entry may be no folder, or go while it is looked at.
        runs = [path for path in self.path.glob("*") if RunDirectory(path).exists]
        if runs:
            shown = join_list(map(str, sorted(runs)[:_MOST_RUNS]))
            if len(runs) > _MOST_RUNS:
                shown = _("{runs}, …").format(runs=shown)
            message = _("{path}: a folder of runs; name one of them: {runs}")
            return message.format(path=self.path, runs=shown)
        return _(
            "{path}: no trained model here (no config.json); run python -m novelgen train first, "
            "or check --checkpoint"
        ).format(path=self.path)

    def load_info(self) -> dict[str, Any]:
        """The content of config.json, with "config" as a Config."""
        if not self.exists:
            raise CheckpointError(self._missing())
        # 1. The format, before anything that depends on it.
        with damage_reported(self._config):
            info = json.loads(self._config.read_text(encoding="utf-8"))
            is_newer = info["format"] > FORMAT
        if is_newer:
            raise CheckpointError(
                _(
                    "{path}: format {found} is newer than this program's {known}; upgrade novelgen"
                ).format(path=self._config, found=info["format"], known=FORMAT)
            )
        # 2. The configuration; parts that do not fit each other are damage too.
        with damage_reported(self._config):
            config = Config.from_dict(info["config"])
            resolve(config.model)
            if "ngram" in info and not 0 <= info["ngram"]["weight"] <= 1:
                raise ValueError("ngram")
        return {**info, "config": config}

    def load_tokenizer(self, info: Mapping[str, Any]) -> Tokenizer:
        """The vocabulary, which must be the one that the run was made with."""
        return _load_tokenizer(self._tokenizer, info.get("tokenizer"))

    def load_source_tokenizer(self, info: Mapping[str, Any]) -> Tokenizer | None:
        """The source's own vocabulary; None where source and target share one."""
        fingerprint = info.get("source_tokenizer")
        if fingerprint is None:
            return None
        return _load_tokenizer(self._source_tokenizer, fingerprint)

    def load_weights(self, model: nn.Module) -> None:
        """Fills a model with the saved weights."""
        self.read_weights(model.load_state_dict)

    def read_weights(self, take: Callable[[dict[str, Tensor]], Any]) -> None:
        """Hands the saved weights over, by name; what goes wrong in `take` is damage too."""
        if not self.has_model:
            raise CheckpointError(
                _(
                    "{path}: no such file, nothing was saved yet; go on with "
                    "python -m novelgen train --resume"
                ).format(path=self._model)
            )
        with damage_reported(self._model):
            take(weights_file.from_bytes(self._model.read_bytes()))


def _json_of(tokenizer: Tokenizer) -> bytes:
    return json.dumps(tokenizer.to_dict(), ensure_ascii=False).encode()


def _load_tokenizer(path: Path, fingerprint: str | None) -> Tokenizer:
    with damage_reported(path):
        tokenizer = Tokenizer.from_dict(json.loads(path.read_text(encoding="utf-8")))
    # Other tokens with the same ids would make nonsense of the weights, without any error.
    if tokenizer.fingerprint != fingerprint:
        raise CheckpointError(
            _(
                "{path}: this vocabulary belongs to another model; put the original {name} back"
            ).format(path=path, name=path.name)
        )
    return tokenizer
