"""What a person sees while training: one line that keeps itself up to date."""

from __future__ import annotations

import sys
import time
from collections import deque


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class ProgressLine:
    """Prints the state of a run: over itself on a terminal, a line every `interval` seconds elsewhere."""

    def __init__(self, interval: float = 15.0) -> None:
        self._live = sys.stdout.isatty()
        self._interval = 0.5 if self._live else interval
        self._shown = -1e9
        self._samples: deque[tuple[float, int, float]] = deque(
            maxlen=64
        )  # time, characters so far, used share

    def update(
        self,
        *,
        step: int,
        epoch: float,
        loss: float,
        best: float | None,
        characters: int,
        used: float,
    ) -> None:
        """One step was taken; `characters` counts target characters, `used` is the spent share of the budget."""
        now = time.monotonic()
        self._samples.append((now, characters, used))
        if now - self._shown < self._interval or len(self._samples) < 2:
            return
        self._shown = now
        start, before, used_before = self._samples[0]
        seconds = max(now - start, 1e-9)
        pace = (used - used_before) / seconds
        left = clock((1 - used) / pace) if pace > 0 else "?"
        validated = "" if best is None else f" · 最好 best {best:.3f} BPC"
        line = (
            f"步 step {step} · 轮 epoch {epoch:.2f} · 损失 loss {loss:.3f}{validated} · "
            f"{(characters - before) / seconds:,.0f} 字/s chars/s · 剩 left {left}"
        )
        print(f"\r\x1b[K{line}" if self._live else line, end="" if self._live else "\n", flush=True)

    def note(self, text: str) -> None:
        """A line of its own that stays."""
        print(f"\r\x1b[K{text}" if self._live else text, flush=True)

    def pause(self) -> None:
        """Forgets the pace: what comes next (a validation, say) is not training."""
        self._samples.clear()
