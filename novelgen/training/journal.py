"""What a run records: metrics.jsonl for programs, TensorBoard events for people."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from novelgen.training.atomic_write import write_whole
from novelgen.training.run_directory import RunDirectory

# TensorBoard's tag for a key of metrics.jsonl.
_SCALARS = {
    "loss": "train/loss",
    "bpc": "train/bpc",
    "gradient_norm": "train/gradient_norm",
    "learning_rate": "train/learning_rate",
    "teacher_forcing": "train/teacher_forcing",
    "validation_bpc": "validation/bpc",
    "validation_perplexity": "validation/perplexity",
}


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The records of a metrics.jsonl, in order; a last line that a crash cut short is left out."""
    if not path.exists():
        return []
    return list(_records(path.read_text(encoding="utf-8").splitlines()))


def _records(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    # Only the last line can be cut short: everything behind a line that cannot be read is dropped.
    try:
        for line in lines:
            yield json.loads(line)
    except ValueError:
        return


class Journal:
    """One record a step ("loss", "bpc", …) and one a validation ("validation_bpc", …).

    Records behind `step`, of a session that died after its last save, are dropped first: those
    steps are taken again.
    """

    def __init__(self, run: RunDirectory, step: int) -> None:
        kept = [record for record in read_metrics(run.metrics) if record["step"] <= step]
        write_whole(run.metrics, "".join(json.dumps(record) + "\n" for record in kept).encode())
        # Buffered line by line: the page reads the file while the run goes on.
        self._file = run.metrics.open("a", buffering=1, encoding="utf-8")
        # TensorBoard hides what an earlier session recorded behind the step.
        purge_step = None
        if step:
            purge_step = step + 1
        self._board = SummaryWriter(str(run.path), purge_step=purge_step)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()
        self._board.close()

    def write(self, record: dict[str, Any]) -> None:
        """Adds the record of a step or of a validation; it must have the key "step"."""
        self._file.write(json.dumps(record) + "\n")
        for name in _SCALARS.keys() & record.keys():
            self._board.add_scalar(_SCALARS[name], record[name], record["step"])
        for task, value in record.get("validation_bpc_by_task", {}).items():
            self._board.add_scalar(f"validation/bpc_{task}", value, record["step"])

    def flush(self) -> None:
        """Brings everything to the disk."""
        self._file.flush()
        self._board.flush()


class NoJournal:
    """The journal of those ranks that write nothing."""

    def write(self, record: dict[str, Any]) -> None:
        """Drops the record."""

    def flush(self) -> None:
        """There is nothing to bring to the disk."""
