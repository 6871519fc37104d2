"""The Attention tab: where the model looked, what else it might have written, and how it goes on.

The view is one HTML component that attention.js fills. It sends these events:

- `show`    show a paragraph, or the last one that was generated
- `look`    ask the model what it expected at every token of the paragraph that is shown
- `explain` compute why each token was written
- `compare` ask what changes with another source: {"source"}
- `choose`  an alternative was clicked: write the paragraph again from there
- `branch`  go back to another text of the session: {"number"}
- `pin`     write it again from a token on, with rows of attention given: {"place", "rows"}
- `halt`    stop what is being written
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from novelgen.web import limits, static_files
from novelgen.web.events import LIGHT, notify
from novelgen.web.language import localized
from novelgen.web.services.attention_words import words
from novelgen.web.services.manuscript import CancellationToken
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs.attention_handlers import Handlers, Parts
from novelgen.web.tabs.writing import Writing
from novelgen.web.tabs.writing_view import result_outputs

# One script, in this order.
_SCRIPTS = (
    "dom.js",
    "heatmap.js",
    "pins.js",
    "heatview.js",
    "reading.js",
    "beamtree.js",
    "why.js",
    "attention.js",
)


def build(registry: ModelRegistry, writing: Writing) -> None:
    """Makes the tab where it is called; it shows the last result of `writing` and can change it."""
    # Empty, above the view. Gradio shows the place in the queue there, and attention.css only to
    # those who wait for a while.
    queue_place = gr.HTML("", elem_id="attention-line", container=False, padding=False)
    view = gr.HTML(
        {},
        html_template=static_files.read("attention.html"),
        js_on_load=static_files.read(*_SCRIPTS),
        words=words(),
        apply_default_css=False,
        elem_id="attention-view",
    )
    parts = Parts(view, gr.State(None), gr.State(None), gr.State(()))
    _wire_view(registry, writing, parts, queue_place)
    # The view asks for a text that was generated when the visitor sees the tab.
    written = notify("written")
    for event in writing.events:
        event.then(None, None, None, js=written, **LIGHT)
    writing.parts.buttons["stop"].click(None, None, None, js=written, **LIGHT)


def _wire_view(
    registry: ModelRegistry, writing: Writing, parts: Parts, queue_place: gr.HTML
) -> None:
    """Connects the events of attention.js."""
    handlers = Handlers(registry, parts, writing.parts)
    view, shown, inspected, branches = parts
    result = writing.parts.result
    cancellation = writing.parts.cancellation
    view_outputs = [view, shown, branches]
    all_outputs = [*view_outputs, *result_outputs(writing.parts)]
    queued: dict[str, Any] = {
        **limits.TURN,
        "show_progress": "minimal",
        "show_progress_on": queue_place,
        "api_visibility": "private",
    }
    # None of these events may be dropped while another one is being answered: what is shown last
    # counts, and its revision says which that is.
    never_dropped: dict[str, Any] = {"trigger_mode": "multiple"}

    # 1. Another paragraph.
    show_inputs = {result, shown, branches}
    view.show(localized(handlers.show), show_inputs, view_outputs, **never_dropped, **LIGHT)
    view.branch(localized(handlers.branch), {branches}, all_outputs, **LIGHT)
    # 2. An alternative. Cancelling is an event of its own: with `cancels` in the next one, the
    #    browser would cancel only when that one is through.
    view.choose(None, cancels=writing.events, **LIGHT)
    choose_inputs = {inspected, cancellation, branches}
    continuation = view.choose(localized(handlers.choose), choose_inputs, all_outputs, **queued)
    #    With given attention too.
    view.pin(None, cancels=[*writing.events, continuation], **LIGHT)
    pin_inputs = {shown, cancellation, branches}
    pinned = view.pin(localized(handlers.pin), pin_inputs, all_outputs, **queued)
    # 3. Stopping that, here or under Write.
    view.halt(None, cancels=[continuation, pinned], **LIGHT)
    view.halt(CancellationToken.cancel, cancellation, None, **LIGHT)
    view.halt(localized(handlers.halt), show_inputs, all_outputs, **LIGHT)
    writing.parts.buttons["stop"].click(None, cancels=[continuation, pinned], **LIGHT)
    # 4. What the model expected. The view asks only for a paragraph without places, so that nobody
    #    waits in the queue for what is known.
    look = localized(handlers.look)
    view.look(look, {shown}, [view, inspected], **never_dropped, **queued)
    # 5. Why, and what if: seconds each, so they are asked for.
    both = {shown, inspected}
    explained = view.explain(localized(handlers.explain), both, view, **queued)
    compared = view.compare(localized(handlers.compare), both, view, **queued)
    failed = notify("why-failed")
    for event in (explained, compared):
        event.failure(None, None, None, js=failed, **LIGHT)
