"""What the browser keeps of the Write tab, and the menus above the sheet: stories, files, chapters.

The menus are one HTML component that static/desk.js fills. It sends these events:

- `open`      a story of the list, or of a file, is to stand on the page
- `edit`      words were replaced: the manuscript has another text
- `middle`    something is to be written within the manuscript
- `chapters`  the list of chapters is opened
- `file`      the story is to become a file of a kind
"""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from novelgen.errors import ConfigError
from novelgen.web import limits, static_files
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import LIGHT, notify, page_load
from novelgen.web.language import localized
from novelgen.web.services.draft_source import source_from_text
from novelgen.web.services.manuscript import (
    NO_DRAFTS,
    CancellationToken,
    EditorState,
)
from novelgen.web.services.middle import write_in_the_middle
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.story_file import (
    Story,
    chapters,
    from_json,
    story_file,
)
from novelgen.web.services.undo_journal import history_from
from novelgen.web.tabs.writing_editing import (
    editor_inputs,
    editor_outputs,
    moved,
    replace_manuscript,
)
from novelgen.web.tabs.writing_layout import Parts
from novelgen.web.tabs.writing_request import read_request, request_inputs
from novelgen.web.tabs.writing_view import Values, editor_values


def wire(registry: ModelRegistry, run: gr.Dropdown, parts: Parts, events: list[Any]) -> None:
    """Connects the browser's store and the menus; `events` run the model."""
    _wire_middle(registry, run, parts)
    _wire_store(parts)
    _wire_stories(parts, events)
    _wire_files(run, parts)


def _wire_store(parts: Parts) -> None:
    """The texts survive a reload, with the steps that can be undone."""
    load = page_load()
    hidden = parts.hidden
    texts = [
        parts.title,
        parts.manuscript,
        parts.opening,
        *parts.draft_texts,
        hidden.journal,
        hidden.source,
    ]
    # 1. What the browser has kept is put back, and kept again after every change.
    keep = static_files.read("keep.js").replace("COUNT", str(limits.CANDIDATES))
    load(None, None, [*texts, *parts.draft_columns], js=keep, **LIGHT)
    keep_again = static_files.read("keep_again.js")
    for text in texts:
        text.change(None, texts, None, js=keep_again, **LIGHT)
    # 2. Names for screen readers.
    load(None, None, None, js=static_files.read("label.js"), **LIGHT)
    # 3. When text came last: more may be on its way; see stable_prefix.js.
    note_time = static_files.read("note_time.js")
    parts.drafts[0].text.change(None, js=note_time, **LIGHT)


def _wire_stories(parts: Parts, events: list[Any]) -> None:
    """Another story, and another text of this one."""
    desk: Any = parts.desk
    settings = parts.controls.fields
    outputs = [parts.title, parts.paragraphs, *settings.values(), *editor_outputs(parts)]

    @localized
    def open_story(event: gr.EventData) -> Values:
        try:
            story = from_json(event._data or {})
        except ConfigError as error:
            message = html.escape(str(error))
            return *[gr.skip()] * (2 + len(settings)), message, *_unchanged(parts)
        drafts = (*story.drafts, *NO_DRAFTS)[: limits.CANDIDATES]
        state = EditorState(story.manuscript, drafts, None, source_from_text(story.source))
        history = history_from(story.journal, state)
        fields = {"paragraphs": parts.paragraphs, **settings}
        chosen = [setting_update(fields[name], story.settings.get(name)) for name in fields]
        return story.title, *chosen, *editor_values(state, history, story.opening)

    @localized
    def edit(event: gr.EventData, *values: Any) -> Values:
        manuscript = (event._data or {}).get("manuscript")
        if not isinstance(manuscript, str):
            return gr.skip(), *_unchanged(parts)
        return moved(replace_manuscript(manuscript), *values)

    for event in (desk.open, desk.edit):
        event(None, cancels=events, **LIGHT)
        event(CancellationToken.cancel, parts.cancellation, None, **LIGHT)
    opened = desk.open(open_story, None, outputs, **LIGHT)
    opened.then(None, None, None, js=notify("opened"), **LIGHT)
    edited = desk.edit(edit, editor_inputs(parts), editor_outputs(parts), **LIGHT)
    edited.then(None, None, None, js=notify("edited"), **LIGHT)


def _wire_middle(registry: ModelRegistry, run: gr.Dropdown, parts: Parts) -> None:
    """A paragraph between two, and other words for a selection."""
    desk: Any = parts.desk
    inputs = [*request_inputs(run, parts), *editor_inputs(parts)]
    count = len(request_inputs(run, parts))

    @localized
    def write(event: gr.EventData, *values: Any) -> Values:
        with errors_as_toasts():
            request = read_request(parts.controls, *values[:count])
            asked = event._data or {}
            start, stop = asked.get("start"), asked.get("stop")
            manuscript = request.state.manuscript
            if not isinstance(start, int) or not isinstance(stop, int):
                return gr.skip(), *_unchanged(parts)
            if not 0 <= start <= stop <= len(manuscript):
                return gr.skip(), *_unchanged(parts)
            generator = registry.generator(request.run)
            text = write_in_the_middle(generator, manuscript, start, stop, request.options)
        return moved(replace_manuscript(text), *values[count:])

    written = desk.middle(
        write,
        inputs,
        editor_outputs(parts),
        **limits.TURN,
        show_progress="hidden",
        api_visibility="private",
    )
    for after in (written.success, written.failure):
        after(None, None, None, js=notify("middle-ended"), **LIGHT)


def _unchanged(parts: Parts) -> Values:
    """Values for all of `editor_outputs` behind the status line."""
    return (gr.skip(),) * (len(editor_outputs(parts)) - 1)


def answer(event: gr.EventData, **values: Any) -> dict[str, Any]:
    """What the desk gets: the values, and the number of its request."""
    return {**values, "number": (event._data or {}).get("number")}


def setting_update(component: gr.Component, value: Any) -> Any:
    """The update that sets a control to a value from a file; none where it cannot have that."""
    choices = getattr(component, "choices", None)
    if value is None:
        return gr.skip()
    if choices is not None:
        return value if value in [choice for _label, choice in choices] else gr.skip()
    low, high = getattr(component, "minimum", None), getattr(component, "maximum", None)
    if low is not None and high is not None:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value if is_number and low <= value <= high else gr.skip()
    return value if isinstance(value, str) else gr.skip()


def _wire_files(run: gr.Dropdown, parts: Parts) -> None:
    """The list of chapters, and the story as a file."""
    desk: Any = parts.desk
    hidden = parts.hidden
    names = list(parts.controls.fields)
    inputs = [
        run,
        parts.title,
        parts.manuscript,
        parts.opening,
        hidden.journal,
        hidden.source,
        parts.paragraphs,
        *parts.draft_texts,
        *parts.controls.components,
    ]

    def list_chapters(event: gr.EventData, manuscript: str) -> dict[str, Any]:
        found = [chapter._asdict() for chapter in chapters(manuscript)]
        return answer(event, chapters=found)

    def make_file(
        event: gr.EventData,
        model: str | None,
        title: str,
        manuscript: str,
        opening: str,
        journal: str,
        source: str,
        paragraphs: int,
        *rest: Any,
    ) -> dict[str, Any]:
        drafts = tuple(draft or "" for draft in rest[: limits.CANDIDATES])
        settings = dict(zip(names, rest[limits.CANDIDATES :], strict=True))
        story = Story(
            title=title,
            manuscript=manuscript,
            opening=opening,
            drafts=drafts,
            journal=journal,
            source=source,
            run=model or "",
            settings={"paragraphs": paragraphs, **settings},
        )
        kind = str((event._data or {}).get("kind"))
        return answer(event, file=story_file(kind, story)._asdict())

    desk.chapters(list_chapters, parts.manuscript, desk, **LIGHT)
    desk.file(make_file, inputs, desk, **LIGHT)
