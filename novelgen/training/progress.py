"""What a person sees while training: one line that keeps itself up to date."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from novelgen.i18n import _

_TO_LINE_START = "\r\x1b[K"  # and what was there is deleted
_LIVE_INTERVAL = 0.5  # seconds between two states of the line on a terminal


def format_duration(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}"


def validation_note(
    step: int, seconds: float, bits_per_character: float, best: float | None, is_best: bool
) -> str:
    """The line that a person sees of a validation; `best` is the best one, itself included."""
    if is_best:
        message = _("validation · step {step} · {time} · BPC {bpc:.3f} ★")
    elif best is None:
        message = _("validation · step {step} · {time} · BPC {bpc:.3f}")
    else:
        message = _("validation · step {step} · {time} · BPC {bpc:.3f} (best {best:.3f})")
    return message.format(
        step=step, time=format_duration(seconds), bpc=bits_per_character, best=best
    )


def whole_note(bits_per_character: float, pairs: int) -> str:
    """The line at the end where the best weights were measured on all validation pairs."""
    message = _("the weights that are kept, on all {pairs:,} validation pairs: BPC {bpc:.3f}")
    return message.format(pairs=pairs, bpc=bits_per_character)


def averaged_note(share: float, before: float, after: float) -> str:
    """The line at the end where the kept weights became a mean with the first ones."""
    message = _(
        "weights: {share:.0%} of those it began with, the rest learnt: validation {before:.3f} → "
        "{after:.3f} BPC"
    )
    return message.format(share=share, before=before, after=after)


class _Sample(NamedTuple):
    """How far the run was at a time."""

    time: float
    characters: int
    used: float  # share of the budget


class ProgressLine:
    """Prints the state of a run.

    Over itself on a terminal, a line every `interval` seconds elsewhere.
    """

    def __init__(
        self, interval: float = 15.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._is_live = sys.stdout.isatty()
        self._interval = interval
        if self._is_live:
            self._interval = _LIVE_INTERVAL
        self._clock = clock
        self._shown = -math.inf
        # The speed is that of the last steps.
        self._samples: deque[_Sample] = deque(maxlen=64)

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
        """Shows the state after a step, if it is time to.

        `characters` counts target characters, `used` is the spent share of the budget.
        """
        now = self._clock()
        self._samples.append(_Sample(now, characters, used))
        if now - self._shown < self._interval or len(self._samples) < 2:
            return
        self._shown = now
        # The pace since the oldest sample, and how long the rest of the budget lasts at that pace.
        start = self._samples[0]
        seconds = max(now - start.time, 1e-9)
        speed = (characters - start.characters) / seconds
        pace = (used - start.used) / seconds
        left = "?"
        if pace > 0:
            left = format_duration((1 - used) / pace)
        if best is None:
            message = _(
                "step {step} · epoch {epoch:.2f} · loss {loss:.3f} · {speed:,.0f} characters/s · "
                "{left} left"
            )
        else:
            message = _(
                "step {step} · epoch {epoch:.2f} · loss {loss:.3f} · best {best:.3f} BPC · "
                "{speed:,.0f} characters/s · {left} left"
            )
        line = message.format(step=step, epoch=epoch, loss=loss, best=best, speed=speed, left=left)
        if self._is_live:
            print(f"{_TO_LINE_START}{line}", end="", flush=True)
        else:
            print(line, flush=True)

    def note(self, text: str) -> None:
        """A line of its own that stays."""
        if self._is_live:
            text = f"{_TO_LINE_START}{text}"
        print(text, flush=True)

    def pause(self) -> None:
        """Forgets the pace: what comes next (a validation, say) is not training."""
        self._samples.clear()


class NoProgress(ProgressLine):
    """Prints nothing."""

    def update(self, **state: object) -> None:
        """Ignores the state."""

    def note(self, text: str) -> None:
        """Ignores the line."""
