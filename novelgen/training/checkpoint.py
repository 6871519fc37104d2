"""Run directories: written whole or not at all, read with suspicion.

config.json         the format's number, the configuration, where the data lies, the best validation result
tokenizer.json      the vocabulary
source_tokenizer.json  that of the source, only where it has one of its own
model.safetensors   the weights that did best on the validation part
trainer.pt          what --resume needs: last weights, optimiser, position; plain tensors and numbers
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from novelgen.config import Config
from novelgen.data.tasks import first_tokens
from novelgen.errors import CheckpointError, ConfigError
from novelgen.models import build
from novelgen.models.variants import resolve
from novelgen.text.tokenizers import Tokenizer
from novelgen.training.hardware import choose_device

FORMAT = 1


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that a crash, a kill or a full disk leaves either the old content or the new, never a part.

    Raises CheckpointError when the disk is full or the file cannot be written; the old file is then untouched.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = (
            "磁盘已满，请腾出空间再用 --resume 接着训练" if full else f"写不了（{error.strerror}）"
        )
        english = (
            "the disk is full; free some space and go on with --resume"
            if full
            else f"cannot be written: {error.strerror}"
        )
        raise CheckpointError(
            f"{path}：{reason}；原来的文件完好 | {english}; the file from before is intact"
        ) from None


class RunDirectory:
    """The files of one training run."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.metrics, self.samples = self.path / "metrics.jsonl", self.path / "samples.md"
        self._config, self._tokenizer = self.path / "config.json", self.path / "tokenizer.json"
        self._source_tokenizer = self.path / "source_tokenizer.json"
        self._model, self._trainer = self.path / "model.safetensors", self.path / "trainer.pt"

    @property
    def exists(self) -> bool:
        """Whether a run lives here."""
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
        """Raises ConfigError when a new run may not be put here: a run is replaced with `overwrite` only."""
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(
                f"{self.path}：是文件，不是文件夹；请换一个 --output | a file, not a folder; choose another --output"
            )
        if self.exists and not overwrite:
            raise ConfigError(
                f"{self.path}：这里已有一次训练；接着练用 --resume，重来用 --overwrite，或换一个 --output | a run is here "
                "already; pass --resume to go on, --overwrite to start anew, or another --output"
            )
        if self.path.is_dir() and not self.exists and any(self.path.iterdir()):
            raise ConfigError(
                f"{self.path}：文件夹不空，也不是训练目录；请换一个 --output | the folder is not empty and no run "
                "directory; choose another --output"
            )

    def create(self, overwrite: bool) -> None:
        """Makes the directory, empty of any earlier run; raises ConfigError as `check_free` does."""
        self.check_free(overwrite)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for stale in (
                self._config,
                self._model,
                self._trainer,
                self._tokenizer,
                self._source_tokenizer,
                self.metrics,
                self.samples,
                self.path / "loss.png",
                *self.path.glob("events.out.tfevents.*"),
            ):
                stale.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self.path}：不能写入（{error.strerror}）；请换一个 --output | cannot be written; choose another "
                "--output"
            ) from None

    def save_info(
        self,
        info: Mapping[str, Any],
        tokenizer: Tokenizer | None = None,
        source_tokenizer: Tokenizer | None = None,
    ) -> None:
        """Writes config.json, and the tokenizers that are given; `info` must hold "config"."""
        for path, each in (
            (self._tokenizer, tokenizer),
            (self._source_tokenizer, source_tokenizer),
        ):
            if each is not None:
                write_whole(path, json.dumps(each.to_dict(), ensure_ascii=False).encode())
        text = json.dumps({"format": FORMAT, **info}, ensure_ascii=False, indent=2)
        write_whole(self._config, text.encode())

    def save_model(self, weights: Mapping[str, Tensor]) -> None:
        """Writes the weights that are kept for writing and evaluating."""
        write_whole(
            self._model,
            save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}),
        )

    def save_trainer(self, state: Mapping[str, Any]) -> None:
        """Writes the state that `--resume` continues from: nested dicts and lists of tensors and numbers."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        write_whole(self._trainer, buffer.getvalue())

    def load_trainer(self) -> dict[str, Any]:
        """The state that `save_trainer` wrote, on the CPU."""
        with _damage(self._trainer):
            return torch.load(self._trainer, map_location="cpu", weights_only=True)

    def load_info(self) -> dict[str, Any]:
        """The content of config.json, with "config" as a Config."""
        if not self.exists:
            raise CheckpointError(
                f"{self.path}：没有训练好的模型（缺 config.json）；请先运行 train.py，或检查 --checkpoint | no trained "
                "model here (no config.json); run train.py first, or check --checkpoint"
            )
        with _damage(self._config):
            info = json.loads(self._config.read_text(encoding="utf-8"))
            newer = info["format"] > FORMAT
        if newer:
            raise CheckpointError(
                f"{self._config}：格式 {info['format']} 比本程序的 {FORMAT} 新；请升级 novelgen | format "
                f"{info['format']} is newer than this program's {FORMAT}; upgrade novelgen"
            )
        with _damage(self._config):
            config = Config.from_dict(info["config"])
            resolve(config.model)  # parts that do not fit each other are damage too
            return {**info, "config": config}

    def load_tokenizer(self, info: Mapping[str, Any]) -> Tokenizer:
        """The vocabulary, which must be the one that the run was made with."""
        return _load_tokenizer(self._tokenizer, info.get("tokenizer"))

    def load_source_tokenizer(self, info: Mapping[str, Any]) -> Tokenizer | None:
        """The source's own vocabulary; None where source and target share one."""
        fingerprint = info.get("source_tokenizer")
        return None if fingerprint is None else _load_tokenizer(self._source_tokenizer, fingerprint)

    def load_weights(self, model: nn.Module) -> None:
        """Fills a model with the saved weights."""
        if not self.has_model:
            raise CheckpointError(
                f"{self._model}：没有这个文件，训练还没有存下模型；请用 train.py --resume 接着训练 | no such file, "
                "nothing was saved yet; go on with train.py --resume"
            )
        with _damage(self._model):
            model.load_state_dict(load(self._model.read_bytes()))


def _load_tokenizer(path: Path, fingerprint: str | None) -> Tokenizer:
    with _damage(path):
        tokenizer = Tokenizer.from_dict(json.loads(path.read_text(encoding="utf-8")))
    if tokenizer.fingerprint != fingerprint:
        raise CheckpointError(
            f"{path}：词表不是这个模型的；请放回原来的 {path.name} | this vocabulary belongs to another model; put "
            f"the original {path.name} back"
        )
    return tokenizer


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    """What a damaged file raises becomes one clear line."""
    try:
        yield
    except FileNotFoundError:
        raise CheckpointError(
            f"{path}：缺少这个文件；训练目录不完整 | this file is missing; the run directory is "
            "incomplete"
        ) from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        RuntimeError,
        ConfigError,
        SafetensorError,
        pickle.UnpicklingError,
    ) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise CheckpointError(
            f"{path}：已损坏或不属于这次训练；请换备份或重新训练 | damaged, or of another run; restore a copy or "
            f"train again ({first})"
        ) from None


@dataclass(frozen=True)
class Run:
    """A trained model with all that is needed to use it."""

    config: Config
    tokenizer: Tokenizer
    model: nn.Module  # in evaluation mode, on `device`
    info: dict[str, Any]
    device: torch.device
    source_tokenizer: Tokenizer  # the same object where source and target share one


def build_model(
    config: Config, tokenizer: Tokenizer, source_tokenizer: Tokenizer | None = None
) -> nn.Module:
    """A freshly initialised model, on the CPU; torch's global generator decides the starting values.

    `source_tokenizer` is the source's own; None, or the same object, is one vocabulary for both.
    """
    own = (
        None if source_tokenizer is None or source_tokenizer is tokenizer else source_tokenizer.size
    )
    firsts = first_tokens(config.data, tokenizer.size).values()
    return build.build_model(
        config.model, tokenizer.size, own, sum(first >= tokenizer.size for first in firsts)
    )


def load_run(directory: Path | str, device: str = "auto") -> Run:
    """Opens a run directory. Raises CheckpointError when it is missing, damaged, too new, or its parts do not fit."""
    run = RunDirectory(Path(directory))
    info = run.load_info()
    tokenizer, source_tokenizer = run.load_tokenizer(info), run.load_source_tokenizer(info)
    model = build_model(info["config"], tokenizer, source_tokenizer)
    run.load_weights(model)
    chosen = choose_device(device)
    return Run(
        info["config"],
        tokenizer,
        model.to(chosen).eval(),
        info,
        chosen,
        source_tokenizer or tokenizer,
    )
