"""Settings that the page's events share, and the event of a visitor who opens the page."""

from __future__ import annotations

from typing import Any

from gradio.context import Context

# Events that run no model: served at once, whoever else is writing, and not offered to programs.
LIGHT: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# The same for events that may be refused: only an event of the queue can show a toast. Without a
# limit, so that nobody waits for those who write.
WITH_TOASTS: dict[str, Any] = {
    "concurrency_limit": None,
    "show_progress": "hidden",
    "api_visibility": "private",
}


def page_load() -> Any:
    """The event of the page that is being built: somebody opens it."""
    blocks = Context.root_block
    if blocks is None:
        raise RuntimeError("page_load is called while a page is built")
    return blocks.load
