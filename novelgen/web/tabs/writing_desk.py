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
from collections.abc import Mapping
from functools import partial
from typing import Any

import gradio as gr

from novelgen.errors import ConfigError
from novelgen.web import limits, static_files
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import LIGHT, Changes, Given, notify, page_load, sent
from novelgen.web.language import localized
from novelgen.web.services.draft_source import source_from_text
from novelgen.web.services.manuscript import (
    NO_DRAFTS,
    CancellationToken,
    EditorState,
)
from novelgen.web.services.middle import Stopped, write_in_the_middle
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.story_file import (
    Story,
    chapters,
    from_json,
    from_text,
    story_file,
)
from novelgen.web.services.undo_journal import history_from
from novelgen.web.tabs.writing_editing import moved, replace_manuscript
from novelgen.web.tabs.writing_layout import Parts
from novelgen.web.tabs.writing_state import Editor, editor_inputs, read_request, request_inputs
from novelgen.web.tabs.writing_view import editor_changes, editor_outputs


def wire(registry: ModelRegistry, parts: Parts, events: list[Any]) -> None:
    """Connects the browser's store and the menus; `events` run the model."""
    _wire_middle(registry, parts)
    _wire_store(parts)
    _wire_stories(parts, events)
    _wire_files(parts)


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
    settings = _settings(parts)
    outputs = editor_outputs(parts)

    @localized
    def open_story(event: gr.EventData) -> Changes:
        asked = sent(event, "name", "text", *Story._fields)
        try:
            # A file of text, or the page's own record.
            if "text" in asked:
                story = from_text(str(asked.get("name", "")), str(asked["text"]))
            else:
                story = from_json(asked)
        except ConfigError as error:
            return {parts.status: html.escape(str(error))}
        drafts = (*story.drafts, *NO_DRAFTS)[: limits.CANDIDATES]
        state = EditorState(story.manuscript, drafts, None, source_from_text(story.source))
        editor = Editor(state, history_from(story.journal, state), story.opening)
        return {
            parts.title: story.title,
            **_setting_changes(settings, story.settings),
            **editor_changes(parts, editor),
        }

    @localized
    def edit(event: gr.EventData, given: Given) -> Changes:
        manuscript = sent(event, "manuscript").get("manuscript")
        if not isinstance(manuscript, str):
            return {}
        return moved(parts, given, replace_manuscript(manuscript))

    for event in (desk.open, desk.edit):
        event(None, cancels=events, **LIGHT)
        event(CancellationToken.cancel, parts.cancellation, None, **LIGHT)
    opened = desk.open(open_story, None, [parts.title, *settings.values(), *outputs], **LIGHT)
    opened.then(None, None, None, js=notify("opened"), **LIGHT)
    edited = desk.edit(edit, editor_inputs(parts), outputs, **LIGHT)
    edited.then(None, None, None, js=notify("edited"), **LIGHT)


def _settings(parts: Parts) -> dict[str, gr.Component]:
    """The controls whose values a story has, by the names that it gives them."""
    return {"paragraphs": parts.paragraphs, **parts.controls.fields}


def _setting_changes(settings: Mapping[str, gr.Component], values: Mapping[str, Any]) -> Changes:
    """Sets the controls to values from a file, as far as they can have them."""
    return {
        component: values[name]
        for name, component in settings.items()
        if name in values and can_be(component, values[name])
    }


def can_be(component: gr.Component, value: Any) -> bool:
    """Whether a control can have the value."""
    choices = getattr(component, "choices", None)
    if choices is not None:
        return value in [choice for _label, choice in choices]
    if isinstance(component, gr.Checkbox):
        return isinstance(value, bool)
    low, high = getattr(component, "minimum", None), getattr(component, "maximum", None)
    if low is not None and high is not None:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and low <= value <= high
    return isinstance(value, str)


def _wire_middle(registry: ModelRegistry, parts: Parts) -> None:
    """A paragraph between two, and other words for a selection."""
    desk: Any = parts.desk

    @localized
    def write(event: gr.EventData, given: Given) -> Changes:
        asked = sent(event, "start", "stop")
        start, stop = asked.get("start"), asked.get("stop")
        with errors_as_toasts():
            request = read_request(parts, given)
            manuscript = request.editor.state.manuscript
            if not isinstance(start, int) or not isinstance(stop, int):
                return {}
            if not 0 <= start <= stop <= len(manuscript):
                return {}
            number = request.cancellation.start()
            generator = registry.generator(request.run)
            is_stopped = partial(request.cancellation.is_cancelled, number)
            try:
                text = write_in_the_middle(
                    generator, manuscript, start, stop, request.options, is_stopped
                )
            except Stopped:
                return {}
        # Text that has moved since the last token is not undone by this answer.
        if is_stopped():
            return {}
        return moved(parts, given, replace_manuscript(text))

    written = desk.middle(
        write,
        request_inputs(parts),
        editor_outputs(parts),
        **limits.TURN,
        show_progress="hidden",
        api_visibility="private",
    )
    # The token is cancelled by Stop in writing.py.
    parts.buttons["stop"].click(None, cancels=[written], **LIGHT)
    for after in (written.success, written.failure):
        after(None, None, None, js=notify("middle-ended"), **LIGHT)


def answer(event: gr.EventData, **values: Any) -> dict[str, Any]:
    """What the desk gets: the values, and the number of its request."""
    return {**values, **sent(event, "number")}


def _wire_files(parts: Parts) -> None:
    """The list of chapters, and the story as a file."""
    desk: Any = parts.desk
    texts = {
        "run": parts.run,
        "title": parts.title,
        "manuscript": parts.manuscript,
        "opening": parts.opening,
        "journal": parts.hidden.journal,
        "source": parts.hidden.source,
    }
    settings = _settings(parts)

    def list_chapters(event: gr.EventData, manuscript: str) -> Changes:
        found = [chapter._asdict() for chapter in chapters(manuscript)]
        return {desk: answer(event, chapters=found)}

    def make_file(event: gr.EventData, given: Given) -> Changes:
        story = Story(
            **{name: given[component] or "" for name, component in texts.items()},
            drafts=tuple(given[draft] or "" for draft in parts.draft_texts),
            settings={name: given[component] for name, component in settings.items()},
        )
        kind = str(sent(event, "kind").get("kind"))
        return {desk: answer(event, file=story_file(kind, story)._asdict())}

    inputs = {*texts.values(), *parts.draft_texts, *settings.values()}
    desk.chapters(list_chapters, parts.manuscript, desk, **LIGHT)
    desk.file(make_file, inputs, desk, **LIGHT)
