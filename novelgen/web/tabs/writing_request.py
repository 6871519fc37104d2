"""The stream of answers to a button of the Write tab that runs the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.web.events import Changes
from novelgen.web.services import streaming
from novelgen.web.services.draft_source import source_of
from novelgen.web.services.manuscript import EditorState, drafts_of, record_change
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.undo_journal import journal_of
from novelgen.web.tabs.writing_layout import Parts
from novelgen.web.tabs.writing_state import Request
from novelgen.web.tabs.writing_view import result_changes


def check_rewrite_differs(request: Request) -> None:
    """Raises ConfigError when writing again would only give the drafts that stand there."""
    state = request.editor.state
    result = state.result
    options = {**request.options, "prefix": request.editor.opening}
    # Sampling takes another seed each time; a result that was cut short is worth completing.
    if options["decoder"] == "sample" or result is None or not result.finished:
        return
    is_edited = drafts_of(result) != state.drafts
    asked = (request.run, state.manuscript, options)
    if not is_edited and asked == (result.run, result.manuscript, result.options):
        raise ConfigError(
            _(
                "beam search and greedy decoding are not random: the same settings write the same "
                "text; change a setting, or use sampling"
            )
        )


def stream_changes(
    registry: ModelRegistry,
    parts: Parts,
    request: Request,
    source: EditorState,
    opening: str,
    seed: int | None = None,
) -> Iterator[Changes]:
    """Continues the manuscript of `source`; yields what changes on the tab.

    A `seed` replaces the request's. Raises NovelgenError.
    """
    if not source.manuscript.strip():
        raise ConfigError(
            _("the manuscript is empty: write a paragraph, or click one of the examples")
        )
    before, undo_history, opening_before = request.editor
    options = {**request.options, "prefix": opening}
    # The fields that the visitor may be editing are set once only, with the first snapshot: so a
    # request that fails changes nothing, and what is typed meanwhile stays.
    fields: Changes = {}
    if source.manuscript != before.manuscript:
        fields[parts.manuscript] = source.manuscript
    if opening != opening_before:
        fields[parts.opening] = opening
    if seed is not None:
        options["seed"] = seed
        fields[parts.controls.seed] = str(seed)
    # From here on the requests before this one are cancelled, in all tabs of the session.
    number = request.cancellation.start()
    shown: Changes = {}
    with closing(streaming.write(registry, request.run, source.manuscript, options)) as results:
        for result in results:
            # Nothing may be shown any more once another request has started.
            if request.cancellation.is_cancelled(number):
                return
            after = EditorState(source.manuscript, drafts_of(result), result, source_of(result))
            history = record_change(undo_history, before, after)
            values = result_changes(parts, result)
            changes = {**fields, **values, parts.undo_history: history}
            # The browser hears of a step back when it is there, and of the whole text at its end.
            if not shown or result.finished:
                changes[parts.hidden.journal] = journal_of(history)
            else:
                changes = _without_shown(changes, shown)
            yield changes
            fields = {}
            # A result is always another one, and is not compared.
            shown = {part: value for part, value in values.items() if part != parts.result}


def _without_shown(changes: Changes, shown: Changes) -> Changes:
    """The changes but for what is shown: the browser draws all it gets, ten times a second."""
    return {
        part: value for part, value in changes.items() if part not in shown or shown[part] != value
    }
