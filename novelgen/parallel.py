"""Work on many blocks in order, on all processors when there is enough of it."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from novelgen.errors import NovelgenError
from novelgen.i18n import _

if TYPE_CHECKING:
    from concurrent.futures import Future

Task = TypeVar("Task")
Result = TypeVar("Result")


def processors() -> int:
    """How many processors this process may use."""
    # A container or a queue may allow fewer than the machine has; not every system can tell.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ignore_interrupts() -> None:
    """Leaves Ctrl-C to the parent process; a worker would only print a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def map_in_order(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[Result]:
    """function(task) for every task, in order, by `workers` processes; 1 means none but this one.

    At most `workers` + 2 results wait at any time, so memory is bounded however many tasks there
    are. Raises NovelgenError when a process dies.
    """
    if workers == 1:
        yield from map(function, tasks)
        return
    # Only a large corpus needs these, and they take a while to import.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_all_start_methods, get_context

    # A fork would copy whatever the caller has loaded (torch and its threads) into every worker.
    method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    running: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(
        workers, mp_context=get_context(method), initializer=_ignore_interrupts
    ) as pool:
        try:
            # Tasks are taken no faster than results are: all of a corpus would not fit in memory.
            for task in tasks:
                running.append(pool.submit(function, task))
                if len(running) > workers + 2:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        except BrokenProcessPool:
            raise NovelgenError(
                _(
                    "a worker process died (out of memory, or a script without "
                    "if __name__ == '__main__'?); try workers=1"
                )
            ) from None
        finally:
            # Whoever stops early does not wait for what is queued.
            for future in running:
                future.cancel()
