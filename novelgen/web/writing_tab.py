"""The Write tab: the manuscript, and the model's drafts of how it may go on."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component
from gradio.context import Context

from novelgen.errors import ConfigError, NovelgenError
from novelgen.web import generation_service, limits, run_type
from novelgen.web.controls import Controls, applies, tasks_of
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.examples import examples
from novelgen.web.generation_service import GenerationResult
from novelgen.web.manuscript import (
    CancellationToken,
    EditorState,
    UndoHistory,
    accept,
    drafts_of,
    first_draft,
    next_opening,
    next_seed,
    redo,
    turn,
    undo,
)
from novelgen.web.model_registry import ModelRegistry
from novelgen.web.writing_layout import Parts, lay_out

_STATIC = Path(__file__).parent / "static"
# Events that only move text: at once, whoever else is writing.
_LIGHT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class Writing(NamedTuple):
    """What the other tabs need of this one."""

    manuscript: gr.Textbox
    written: gr.State  # GenerationResult | None
    controls: Controls
    drafts: list[gr.Textbox]
    outputs: list[Component]  # what a stream of GenerationResult updates, by the values of `show`
    show: Callable[[GenerationResult], tuple]
    events: list[Any]  # those that write
    pen: gr.State  # CancellationToken, which other tabs take as well when they write
    stop: gr.Button


def status(written: GenerationResult) -> str:
    """The status line as HTML."""
    seeds = [generation.seed for generation in written.generations]
    seed = f"{seeds[0]}–{seeds[-1]}" if seeds[-1] != seeds[0] else f"{seeds[0]}"
    speed = [f"{written.speed:,.0f} 字/秒 chars/s"] if written.speed else []
    figures = [f"{written.characters:,} 字 chars", *speed, written.device]
    if applies("seed", written.options.get("decoder", "sample")):
        figures.append(f"种子 seed {seed}")
    notes = "".join(f"<small>{html.escape(note)}</small>" for note in written.generations[0].notes)
    return f"<span>{html.escape(' · '.join(figures))}</span>{notes}"


def show(written: GenerationResult) -> tuple:
    """Values for Writing.outputs."""
    return written, status(written), *_shown(drafts_of(written), len(written.generations))


def _shown(drafts: tuple[str, ...], count: int) -> tuple:
    """Values for the drafts and their columns; the first column always stands."""
    return *drafts, *(gr.update(visible=place < max(count, 1)) for place in range(len(drafts)))


def _shown_page(page: EditorState, desk: UndoHistory, opening: str) -> tuple:
    """Values for the components that the light events update."""
    count = max((place + 1 for place, draft in enumerate(page.drafts) if draft), default=1)
    return page.manuscript, page.written, desk, opening, *_shown(page.drafts, count)


def build(shelf: ModelRegistry, run: gr.Dropdown) -> Writing:
    """Makes the tab where it is called. `run` holds the name of the model that writes."""
    parts = lay_out()
    outputs = [parts.written, parts.status, *parts.drafts, *parts.columns]
    events = _wire_writing(shelf, run, parts, outputs)
    _wire_pages(parts, events)
    _wire_browser(parts)
    _wire_examples(shelf, run, parts)
    _wire_tasks(shelf, run, parts)
    run_type.wire(shelf, run, parts.manuscript, parts.paragraphs, parts.controls)
    return Writing(
        parts.manuscript,
        parts.written,
        parts.controls,
        parts.drafts,
        outputs,
        show,
        events,
        parts.pen,
        parts.buttons["stop"],
    )


def _wire_writing(
    shelf: ModelRegistry, run: gr.Dropdown, parts: Parts, outputs: list[Component]
) -> list[Any]:
    """The buttons that run the model, and the one that stops it."""
    controls, buttons = parts.controls, parts.buttons

    def write_on(*values: Any) -> Iterator[tuple]:
        with errors_as_toasts():
            request = _request(controls, *values)
            # A source that is read again is read alone; only a story goes on from its drafts.
            taken = (
                None if run_type.learned_pairs(shelf, request.run) else first_draft(request.page)
            )
            accepted = accept(request.page, request.desk, taken)
            yield from _stream(
                shelf, request, accepted, next_opening(request.page, accepted, request.opening), {}
            )

    @errors_as_toasts()
    def asked(*values: Any) -> int:
        request = _request(controls, *values)
        _must_differ(request)
        return request.pen.take()

    def rewrite(taken: int, *values: Any) -> Iterator[tuple]:
        with errors_as_toasts():
            request = _request(controls, *values)
            if request.pen.holder == taken:  # nobody has pressed stop since
                seed = next_seed(request.options, request.page.written)
                yield from _stream(shelf, request, request.page, request.opening, seed)

    inputs = [
        run,
        parts.pen,
        parts.manuscript,
        parts.written,
        parts.desk,
        parts.opening,
        parts.paragraphs,
        *parts.drafts,
        *controls.components,
    ]
    targets = [parts.manuscript, parts.opening, controls.seed, parts.desk, *outputs]
    # The place in the queue is shown on the draft; the manuscript stays free to edit.
    heavy = {**limits.TURN, "show_progress_on": parts.drafts[0], "api_visibility": "private"}
    begun = buttons["continue"].click(write_on, inputs, targets, **heavy)
    _break_off([buttons["rewrite"]], [begun], parts.pen)
    # Who would wait for nothing is told so at once, and not at the end of the line.
    taken = gr.State(0)
    at_once = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
    again = (
        buttons["rewrite"]
        .click(asked, inputs, taken, **at_once)
        .success(rewrite, [taken, *inputs], targets, **heavy)
    )
    _break_off([buttons["stop"]], [begun, again], parts.pen)
    buttons["stop"].click(_stopped, parts.written, parts.status, **_LIGHT)
    return [begun, again]


def _break_off(buttons: Sequence[Component], events: list[Any], pen: gr.State) -> None:
    """Lets the buttons end what is being written. To be called before their other events are set up.

    The browser goes through the events of one click in the order of their making, and waits for the end of each: with
    `cancels` in the other event it would cancel when that is through. It cannot cancel what it does not know the number
    of yet, a moment after the click that began it; so the pen is taken away as well.
    """
    for button in buttons:
        button.click(None, cancels=events, **_LIGHT)
        button.click(CancellationToken.drop, pen, None, **_LIGHT)


def _page(
    manuscript: str, drafts: tuple[str | None, ...], written: GenerationResult | None
) -> EditorState:
    """The page as the browser sends it, which has no value for a draft that it does not show.

    Raises ConfigError when it is larger than what the app remembers of anybody.
    """
    page = EditorState(manuscript, tuple(draft or "" for draft in drafts), written)
    if page.size > limits.MANUSCRIPT:
        raise ConfigError(
            f"稿纸连同各稿超过 {limits.MANUSCRIPT:,} 字，写不下了；请下载后分成几稿 | the manuscript and its drafts are "
            f"longer than {limits.MANUSCRIPT:,} characters; download it and divide it"
        )
    return page


class _Request(NamedTuple):
    """What a button that writes was pressed on."""

    run: str | None
    pen: CancellationToken
    page: EditorState
    desk: UndoHistory
    opening: str
    options: dict[str, Any]


def _request(
    controls: Controls,
    run: str | None,
    pen: CancellationToken,
    manuscript: str,
    written: GenerationResult | None,
    desk: UndoHistory,
    opening: str,
    paragraphs: int,
    *values: Any,
) -> _Request:
    drafts, settings = values[: limits.CANDIDATES], values[limits.CANDIDATES :]
    options = {**controls.options(*settings), "paragraphs": paragraphs}
    return _Request(run, pen, _page(manuscript, drafts, written), desk, opening, options)


def _stream(
    shelf: ModelRegistry,
    request: _Request,
    source: EditorState,
    opening: str,
    seed: Mapping[str, int],
) -> Iterator[tuple]:
    """Writes on from the manuscript of `source`; the components that the reader may be editing are set once only.

    With the first snapshot, so that a request that cannot be answered changes nothing.
    """
    if not source.manuscript.strip():
        raise ConfigError(
            "稿纸还是空的：写一段，或点一个例子 | the manuscript is empty: write a paragraph, or click an example"
        )
    options = {**request.options, **seed, "prefix": opening}
    once = (
        _changed(request.page.manuscript, source.manuscript),
        _changed(request.opening, opening),
        str(seed["seed"]) if seed else gr.skip(),
    )
    holder = request.pen.take()
    with closing(
        generation_service.write(shelf, request.run, source.manuscript, options)
    ) as stream:
        for written in stream:
            if request.pen.holder != holder:
                return
            after = EditorState(source.manuscript, drafts_of(written), written)
            yield *once, turn(request.desk, request.page, after), *show(written)
            once = (gr.skip(),) * len(once)


def _must_differ(request: _Request) -> None:
    """Raises ConfigError when to write anew would write just what stands there."""
    page, written, options = (
        request.page,
        request.page.written,
        {**request.options, "prefix": request.opening},
    )
    if (
        options["decoder"] != "sample"
        and written is not None
        and written.finished
        and drafts_of(written) == page.drafts
        and (written.run, written.manuscript, written.options)
        == (request.run, page.manuscript, options)
    ):
        raise ConfigError(
            "束搜索和贪心不掷骰子，同样的设置只会写出同样的字；请改一个设置，或改用采样 | beam search and greedy roll no "
            "dice, and the same settings write the same text; change one, or sample"
        )


def _changed(before: str, after: str) -> Any:
    return gr.skip() if before == after else after


def _stopped(written: GenerationResult | None) -> Any:
    """The status line of a text that was broken off."""
    return (
        gr.skip()
        if written is None or written.finished
        else f"{status(written)}<small>已停止 stopped</small>"
    )


def _pin(written: GenerationResult | None) -> Any:
    return gr.skip() if written is None else str(written.generations[0].seed)


def _wire_pages(parts: Parts, events: list[Any]) -> None:
    """The buttons that only move text. They break off what is being written."""
    inputs = [parts.manuscript, parts.written, parts.desk, parts.opening, *parts.drafts]
    outputs = [
        parts.status,
        parts.manuscript,
        parts.written,
        parts.desk,
        parts.opening,
        *parts.drafts,
        *parts.columns,
    ]

    def handler(
        move: Callable[[EditorState, UndoHistory, str], tuple[EditorState, UndoHistory, str]],
    ) -> Callable[..., tuple]:
        def moved(
            manuscript: str,
            written: GenerationResult | None,
            desk: UndoHistory,
            opening: str,
            *drafts: str | None,
        ) -> tuple:
            try:
                return gr.skip(), *_shown_page(
                    *move(_page(manuscript, drafts, written), desk, opening)
                )
            except ConfigError as error:  # what does not stand in line has no toasts
                return html.escape(str(error)), *(gr.skip() for _ in outputs[1:])

        return moved

    def accepted(place: int | None) -> Callable[..., tuple]:
        def move(
            page: EditorState, desk: UndoHistory, opening: str
        ) -> tuple[EditorState, UndoHistory, str]:
            after = accept(page, desk, first_draft(page) if place is None else place)
            return after, turn(desk, page, after), next_opening(page, after, opening)

        return handler(move)

    def cleared(
        page: EditorState, desk: UndoHistory, opening: str
    ) -> tuple[EditorState, UndoHistory, str]:
        after = EditorState(written=page.written)
        return after, turn(desk, page, after), opening

    def begun(sample: list[str], *values: Any) -> tuple:
        def move(
            page: EditorState, desk: UndoHistory, opening: str
        ) -> tuple[EditorState, UndoHistory, str]:
            after = EditorState(sample[0], written=page.written)
            return after, turn(desk, page, after), opening

        return handler(move)(*values)

    buttons, stable_prefix = parts.buttons, _script("stable_prefix.js")
    moves = {
        "accept": accepted(None),
        "clear": handler(cleared),
        "undo": handler(lambda page, desk, opening: (*undo(page, desk), opening)),
        "redo": handler(lambda page, desk, opening: (*redo(page, desk), opening)),
    }
    clicked = {
        **{buttons[name]: move for name, move in moves.items()},
        **{pick: accepted(place) for place, pick in enumerate(parts.picks)},
    }
    _break_off([*clicked, parts.examples], events, parts.pen)
    for button, move in clicked.items():
        button.click(move, inputs, outputs, js=stable_prefix, **_LIGHT)
    parts.examples.click(begun, [parts.examples, *inputs], outputs, cancels=events, **_LIGHT)
    # Text that came a moment ago tells that more may be on its way; see stable_prefix.js.
    parts.drafts[0].change(
        None, js="() => { window.novelgenDraftChanged = performance.now(); return []; }", **_LIGHT
    )
    buttons["pin"].click(_pin, parts.written, parts.controls.seed, **_LIGHT)


def _wire_browser(parts: Parts) -> None:
    """What happens in the browser alone: what stands on the page survives a reload, and the manuscript becomes a file."""
    load, texts = (
        Context.root_block.load,
        [parts.title, parts.manuscript, parts.opening, *parts.drafts],
    )
    load(
        None,
        None,
        [*texts, *parts.columns],
        js=_script("keep.js").replace("COUNT", str(limits.CANDIDATES)),
        **_LIGHT,
    )
    for text in texts:
        text.change(
            None, texts, None, js="(...texts) => window.novelgenKeep?.(...texts) ?? []", **_LIGHT
        )
    load(None, None, None, js=_script("label.js"), **_LIGHT)
    parts.buttons["download"].click(None, texts[:2], None, js=_script("download.js"), **_LIGHT)


def _script(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _wire_examples(shelf: ModelRegistry, run: gr.Dropdown, parts: Parts) -> None:
    def refreshed(name: str | None) -> Any:
        found = examples(shelf, name)
        return gr.Dataset(samples=[[text] for text in found], visible=bool(found))

    gr.on([run.change, Context.root_block.load], refreshed, run, parts.examples, **_LIGHT)


def _wire_tasks(shelf: ModelRegistry, run: gr.Dropdown, parts: Parts) -> None:
    def offered(name: str | None) -> Any:
        try:
            return tasks_of(shelf.run(name).load_info()["config"].data)
        except NovelgenError:
            return tasks_of(None)

    gr.on(
        [run.change, Context.root_block.load], offered, run, parts.controls.fields["task"], **_LIGHT
    )
