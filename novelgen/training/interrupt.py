"""Being asked to stop."""

from __future__ import annotations

import signal
import threading
from typing import Any

from novelgen.i18n import _


class Interrupt:
    """Ctrl-C and SIGTERM ask for an orderly end; a second one ends at once.

    torchrun sends SIGTERM to all when one rank has died: then no orderly end follows, and none
    should be announced.
    """

    def __init__(self, *, announces_sigterm: bool) -> None:
        self.asked = False
        self._announced = {signal.SIGINT}
        if announces_sigterm:
            self._announced.add(signal.SIGTERM)
        self._previous: dict[int, Any] = {}  # the handlers from before, by signal

    def __enter__(self) -> Interrupt:
        # Signals reach the main thread alone; elsewhere (a notebook's worker, say) there is nothing
        # to catch.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def _handle(self, number: int, _frame: Any) -> None:
        # The second time somebody is in a hurry.
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if number in self._announced:
            text = _("stopping after this step and saving; press again to quit at once")
            print(f"\n{text}", flush=True)

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
