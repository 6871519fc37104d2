"""What a run tells of itself: its records, the notes beside its progress, its alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from novelgen.i18n import _
from novelgen.training.alarms import Alarm, Watch
from novelgen.training.journal import Journal, NoJournal, read_metrics
from novelgen.training.progress import ProgressLine
from novelgen.training.run_directory import RunDirectory


class Logbook:
    """Records in the journal of `run`, notes on `line`, and the alarms that `watch` gives.

    Only the one that `writes`, that of rank 0, has a journal. Records are written while it is open.
    """

    def __init__(self, run: RunDirectory, watch: Watch, line: ProgressLine, writes: bool) -> None:
        self.line = line
        self._run = run
        self._watch = watch
        self._writes = writes
        self._journal: Journal | NoJournal = NoJournal()

    @contextmanager
    def open(self, step: int) -> Iterator[None]:
        """Goes on behind `step`, as does the watch; records behind it are dropped."""
        if not self._writes:
            yield
            return
        with Journal(self._run, step) as journal:
            self._journal = journal
            for record in read_metrics(self._run.metrics):
                self._watch.replay(record)
            yield

    def write(self, record: dict[str, Any]) -> None:
        """Adds a record, with the key "step"."""
        self._journal.write(record)

    def write_step(self, record: dict[str, Any]) -> None:
        """Adds the record of a step, and gives the alarms that it sets off."""
        self.write(record)
        self._give(record["step"], self._watch.after_step(record))

    def write_validation(self, record: dict[str, Any], notes: Sequence[str], bpc: float) -> None:
        """Adds the record of a validation, shows it, and gives the alarms that it sets off."""
        self.write(record)
        self.note(" · ".join(notes))
        self._give(record["step"], self._watch.after_validation(bpc))

    def give(self, step: int, *alarms: Alarm | None) -> None:
        """Shows and records alarms, each once in a run."""
        self._give(step, self._watch.new(*alarms))

    def note(self, text: str) -> None:
        """Shows a line."""
        self.line.note(text)

    def flush(self) -> None:
        """Brings all records to the disk."""
        self._journal.flush()

    def _give(self, step: int, alarms: Sequence[Alarm]) -> None:
        for alarm in alarms:
            self.write(alarm.record(step))
            self.note(_("alarm: {message}").format(message=alarm.message))
