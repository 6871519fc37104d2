"""Being asked to stop."""

from __future__ import annotations

import signal
import threading
from typing import Any


class Interrupt:
    """Ctrl-C and SIGTERM ask for an orderly end; a second one ends at once.

    torchrun sends SIGTERM to all when one rank has died: then nothing orderly follows, and it is better not promised.
    """

    def __init__(self, *, tells_sigterm: bool) -> None:
        self.asked = False
        self._told = {signal.SIGINT, *([signal.SIGTERM] if tells_sigterm else [])}
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        # Signals reach the main thread alone; elsewhere (a notebook's worker, say) there is nothing to catch.
        if threading.current_thread() is threading.main_thread():
            self._previous = {
                number: signal.signal(number, self._handle)
                for number in (signal.SIGINT, signal.SIGTERM)
            }
        return self

    def _handle(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if number not in self._told:
            return
        print(
            "\n正在存盘，这一步之后停下；再按一次立即退出 | stopping after this step and saving; press again to quit at once",
            flush=True,
        )

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
