"""What a run writes down: metrics.jsonl for programs, TensorBoard events for the eye."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from novelgen.training.checkpoint import RunDirectory, write_whole

_SCALARS = {
    "loss": "train/loss",
    "bpc": "train/bpc",
    "gradient_norm": "train/gradient_norm",
    "learning_rate": "train/learning_rate",
    "validation_bpc": "validation/bpc",
    "validation_perplexity": "validation/perplexity",
}


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The records of a metrics.jsonl, in order; a last line that a crash cut short is left out."""
    if not path.exists():
        return []
    return list(_records(path.read_text(encoding="utf-8").splitlines()))


def _records(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            return


class Journal:
    """One record a step ("loss", "bpc", …) and one a validation ("validation_bpc", …).

    Records behind `step`, of a session that died after its last save, are dropped first: they are taken again.
    """

    def __init__(self, run: RunDirectory, step: int) -> None:
        kept = [record for record in read_metrics(run.metrics) if record["step"] <= step]
        write_whole(run.metrics, "".join(json.dumps(record) + "\n" for record in kept).encode())
        self._file = run.metrics.open(
            "a", buffering=1, encoding="utf-8"
        )  # line by line: others read along
        self._board = SummaryWriter(str(run.path), purge_step=step + 1 if step else None)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._board.close()

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record) + "\n")
        for name in _SCALARS.keys() & record.keys():
            self._board.add_scalar(_SCALARS[name], record[name], record["step"])
        for task, value in record.get("validation_bpc_by_task", {}).items():
            self._board.add_scalar(f"validation/bpc_{task}", value, record["step"])

    step = validation = _write

    def flush(self) -> None:
        """Brings everything to the disk."""
        self._file.flush()
        self._board.flush()


class NoJournal(contextlib.AbstractContextManager["NoJournal"]):
    """The journal of those ranks that write nothing."""

    def _drop(self, record: dict[str, Any]) -> None:
        pass

    step = validation = _drop

    def __exit__(self, *_: object) -> None:
        pass
