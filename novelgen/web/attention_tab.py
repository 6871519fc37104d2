"""The Attention tab: where the model looked, what else it might have written, and how the story would go on from there."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr

from novelgen.decoding.inspection import Alternative
from novelgen.web import generation_service, limits
from novelgen.web.attention_view import Shown, choose, ended, growing, is_end, payload
from novelgen.web.attention_words import words
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.generation_service import GenerationResult
from novelgen.web.manuscript import CancellationToken
from novelgen.web.model_registry import ModelRegistry
from novelgen.web.writing_tab import Writing

_STATIC = Path(__file__).parent / "static"
_SCRIPTS = ("heatmap.js", "heatview.js", "reading.js", "attention.js")  # one script, in this order
_LIGHT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_PULSE = 0.25  # seconds between signs of life, at which it is noticed that nobody is there any more
# For all sessions, and from the microsecond of the start on: it only rises, for a view that was open before a restart as well.
_turns = itertools.count(time.time_ns() // 1000)
# Tells the view, in the browser, that something has been written; it asks for it when it is seen.
_NOTICE = "() => { document.dispatchEvent(new CustomEvent('novelgen-written')); }"


def build(shelf: ModelRegistry, writing: Writing) -> None:
    """Makes the tab where it is called. It shows what `writing` has written last, and writes there itself."""
    script = "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    # Empty, above the view; gradio shows there the place in the line, and the style sheet only to those who wait a while.
    line = gr.HTML("", elem_id="attention-line", container=False, padding=False)
    view = gr.HTML(
        {},
        html_template=(_STATIC / "attention.html").read_text(encoding="utf-8"),
        js_on_load=script,
        words=words(),
        apply_default_css=False,
        elem_id="attention-view",
    )
    _wire_view(shelf, writing, view, line)
    for event in writing.events:
        event.then(None, None, None, js=_NOTICE, **_LIGHT)
    writing.stop.click(None, None, None, js=_NOTICE, **_LIGHT)


def _wire_view(shelf: ModelRegistry, writing: Writing, view: gr.HTML, line: gr.HTML) -> None:
    """The events of attention.js: it wants a paragraph, what the model expected there, goes on from an alternative, stops that.

    The model is asked after the paragraph is shown, and meanwhile another one may be: `shown` and `understood` are two.
    """
    shown, understood = gr.State(None), gr.State(None)  # Shown | None; understood has places

    def show(event: gr.EventData, written: GenerationResult | None, before: Shown | None) -> tuple:
        return shown_for(event._data or {}, written, before)

    def look(before: Shown | None) -> Iterator[tuple]:
        if before is None:
            yield gr.skip(), gr.skip()
            return
        with errors_as_toasts(), closing(looked_into(shelf, before)) as stream:
            for after in stream:
                yield (payload(after), after) if after else (gr.skip(), gr.skip())

    def write_on(
        event: gr.EventData, before: Shown | None, pen: CancellationToken
    ) -> Iterator[tuple]:
        skipped = tuple(gr.skip() for _ in writing.outputs)
        place, alternative = chosen(before, event._data or {})
        if alternative is None:
            yield gr.skip(), gr.skip(), *skipped
            return
        with errors_as_toasts(), closing(gone_on(shelf, before, pen, place, alternative)) as stream:
            for value, after, written in stream:
                yield value, after, *(writing.show(written) if written else skipped)

    def stopped(written: GenerationResult | None, before: Shown | None) -> tuple:
        is_old = before is not None and before.written is written
        wanted = choose(
            written, {"paragraph": before.number, "candidate": before.candidate} if is_old else {}
        )
        # The browser may have passed over the last drafts, which were on their way when it was told to stop.
        return *_turned(wanted), *(
            writing.show(written) if written else [gr.skip()] * len(writing.outputs)
        )

    heavy = {
        **limits.TURN,
        "show_progress": "minimal",
        "show_progress_on": line,
        "api_visibility": "private",
    }
    # Never two of them dropped: what is shown last counts, and its turn says which that is.
    every = {"trigger_mode": "multiple"}
    view.show(show, [writing.written, shown], [view, shown], **every, **_LIGHT)
    # An event of its own, or the browser would cancel when the other one is through.
    view.choose(None, cancels=writing.events, **_LIGHT)
    begun = view.choose(
        write_on, [understood, writing.pen], [view, shown, *writing.outputs], **heavy
    )
    view.halt(None, cancels=[begun], **_LIGHT)
    view.halt(CancellationToken.drop, writing.pen, None, **_LIGHT)
    view.halt(stopped, [writing.written, shown], [view, shown, *writing.outputs], **_LIGHT)
    # The view asks when it shows a paragraph of which nothing is understood yet; otherwise nobody stands in line for it.
    view.look(look, shown, [view, understood], **every, **heavy)
    writing.stop.click(None, cancels=[begun], **_LIGHT)


def shown_for(
    asked: dict[str, Any], written: GenerationResult | None, before: Shown | None
) -> tuple:
    """Values for the view and its state: what was asked for, or what has been written last; nothing new for what is shown already.

    Unless it is asked for `again`, because there was no answer to what the model expected there.
    """
    is_known = before is not None and before.written is written
    if is_known and asked.get("again"):
        return _turned(before)
    wanted = choose(written, asked)
    if is_known and wanted and ("paragraph" not in asked or wanted[1:3] == before[1:3]):
        return gr.skip(), gr.skip()
    return _turned(wanted)


def _turned(shown: Shown | None, selected: int = 0) -> tuple:
    """Values for the view and its state, when a paragraph is shown anew."""
    shown = shown and shown._replace(turn=next(_turns))
    return payload(shown, selected), shown


def looked_into(shelf: ModelRegistry, shown: Shown) -> Iterator[Shown | None]:
    """The paragraph with what the model expected at every token, at last; before that None now and then, as a sign of life.

    Raises CheckpointError when it is not the same model any more. Closing the iterator frees the model.
    """
    places, told = [], time.monotonic()
    with closing(
        generation_service.writer(shelf, shown.written).inspect(shown.paragraph)
    ) as stream:
        for place in stream:
            places.append(place)
            if time.monotonic() - told >= _PULSE:
                yield None
                told = time.monotonic()
    yield shown._replace(places=places)


def chosen(shown: Shown | None, asked: dict[str, Any]) -> tuple[int, Alternative | None]:
    """The place and the alternative that were clicked; None when nothing can be written from it."""
    place, number = asked.get("place"), asked.get("alternative")
    if (
        shown is None
        or shown.places is None
        or not isinstance(place, int)
        or not isinstance(number, int)
    ):
        return 0, None
    if not (0 <= place < len(shown.places) and 0 <= number < len(shown.places[place].alternatives)):
        return 0, None
    alternative = shown.places[place].alternatives[number]
    return place, alternative if alternative.opening else None


def gone_on(
    shelf: ModelRegistry,
    before: Shown,
    pen: CancellationToken,
    place: int,
    alternative: Alternative,
) -> Iterator[tuple[dict[str, Any], Shown | None, GenerationResult | None]]:
    """What the view and its state become while the model goes on from an alternative, and what has been written anew.

    Ends when another writing of the session takes the pen. When it fails the view gets back what it showed. Raises NovelgenError.
    """
    turn, holder, written = next(_turns), pen.take(), None
    try:
        with closing(rewritten(shelf, before, place, alternative)) as stream:
            for written in stream:
                if pen.holder != holder:
                    return
                yield growing(written, alternative.opening, turn), None, written
    except Exception:
        yield *_turned(before, place), None
        raise
    yield *_turned(choose(written, {"paragraph": before.number, "candidate": 0}), place), None


def rewritten(
    shelf: ModelRegistry, shown: Shown, place: int, alternative: Alternative
) -> Iterator[GenerationResult]:
    """The paragraph anew from an alternative on, as a stream; an end needs no model. Raises NovelgenError."""
    if is_end(alternative):
        yield ended(shown, place, alternative)
    else:
        yield from generation_service.write_from(
            shelf, shown.written, shown.candidate, shown.number, alternative.opening
        )
