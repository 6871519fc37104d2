"""Settings that the page's events share, and the event of a visitor who opens the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import gradio as gr

from novelgen.web import static_files

# What the handler of an event with a set of inputs gets: their values by component.
Given: TypeAlias = Mapping[Any, Any]
# What a `localized` handler returns or yields: new values by component. What is not in it stays.
Changes: TypeAlias = dict[Any, Any]

# Events that run no model: served at once, whoever else is writing, and not offered to programs.
LIGHT: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# The same for events that may be refused: only an event of the queue can show a toast. Without a
# limit, so that nobody waits for those who write.
WITH_TOASTS: dict[str, Any] = {
    "concurrency_limit": None,
    "show_progress": "hidden",
    "api_visibility": "private",
}
_page: ContextVar[gr.Blocks] = ContextVar("page")


@contextmanager
def building(page: gr.Blocks) -> Iterator[None]:
    """Within the block, `page_load` is the event of this page."""
    token = _page.set(page)
    try:
        yield
    finally:
        _page.reset(token)


def page_load() -> Any:
    """The event of the page that is being built: somebody opens it."""
    return _page.get().load


def notify(name: str) -> str:
    """A script for an event: it tells the page's other scripts, as "novelgen-" and the name."""
    return static_files.read("notify.js").replace("NAME", name)


# What a button becomes in the browser at once.
_ENABLE = '() => ({interactive: true, __type__: "update"})'


def enable_at(start: gr.Button, stop: gr.Button) -> None:
    """Lets `stop` be pressed from a click on `start` on.

    To be called before what else that click does: the browser begins its events in their order.
    """
    # mypy: Gradio adds the events of a component when its class is made.
    clicked: Any = start.click
    clicked(None, None, stop, js=_ENABLE, **LIGHT)


def disable_after(begun: Any, stop: gr.Button) -> None:
    """Disables `stop` when `begun` has ended, not when it is cancelled: `stop` does that itself."""
    for ended in (begun.success, begun.failure):
        ended(lambda: gr.update(interactive=False), None, stop, **LIGHT)


def sent(event: gr.EventData, *names: str) -> dict[str, Any]:
    """What a script of the page has sent with its event, by name, as far as it has."""
    return {name: getattr(event, name) for name in names if hasattr(event, name)}
