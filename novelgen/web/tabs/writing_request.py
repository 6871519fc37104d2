"""What the buttons of the Write tab that run the model ask for, and the stream of answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import gradio as gr

from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.web import limits
from novelgen.web.services import streaming
from novelgen.web.services.draft_source import source_from_text, source_of
from novelgen.web.services.manuscript import (
    CancellationToken,
    EditorState,
    UndoHistory,
    drafts_of,
    record_change,
)
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.streaming import GenerationResult
from novelgen.web.services.undo_journal import journal_of, known_history
from novelgen.web.tabs.controls import Controls
from novelgen.web.tabs.writing_layout import Parts
from novelgen.web.tabs.writing_view import Values, result_values


class Request(NamedTuple):
    """The page at the moment when the button was pressed."""

    run: str | None
    cancellation: CancellationToken
    state: EditorState
    undo_history: UndoHistory
    opening: str
    # Fields of DecodingConfig without the opening.
    options: dict[str, Any]


def request_inputs(run: gr.Dropdown, parts: Parts) -> list[gr.Component]:
    """The components whose values `read_request` takes, in its order."""
    return [
        run,
        parts.cancellation,
        parts.manuscript,
        parts.result,
        parts.undo_history,
        parts.opening,
        parts.paragraphs,
        parts.hidden.journal,
        parts.hidden.source,
        *parts.draft_texts,
        *parts.controls.components,
    ]


def read_request(
    controls: Controls,
    run: str | None,
    cancellation: CancellationToken,
    manuscript: str,
    result: GenerationResult | None,
    undo_history: UndoHistory,
    opening: str,
    paragraphs: int,
    journal: str,
    source: str,
    *drafts_and_settings: Any,
) -> Request:
    """The request from the values of `request_inputs`. Raises ConfigError."""
    # Gradio passes all values in one row: first the drafts, then the controls.
    drafts = drafts_and_settings[: limits.CANDIDATES]
    settings = drafts_and_settings[limits.CANDIDATES :]
    options = {
        **controls.options(dict(zip(controls.components, settings, strict=True))),
        "paragraphs": paragraphs,
    }
    state = read_state(manuscript, drafts, result, source)
    known = known_history(undo_history, journal, state)
    return Request(run, cancellation, state, known, opening, options)


def read_state(
    manuscript: str,
    drafts: Sequence[str | None],
    result: GenerationResult | None,
    source: str | None = None,
) -> EditorState:
    """The editor's state from what the browser sends: null for a draft that it does not show.

    Raises ConfigError where the text is longer than the app keeps for one session.
    """
    texts = tuple(draft or "" for draft in drafts)
    state = EditorState(manuscript, texts, result, source_from_text(source))
    if state.size > limits.MANUSCRIPT:
        raise ConfigError(
            _(
                "the manuscript and its drafts are longer than {limit:,} characters; "
                "download it and divide it"
            ).format(limit=limits.MANUSCRIPT)
        )
    return state


def check_rewrite_differs(request: Request) -> None:
    """Raises ConfigError when writing again would only give the drafts that stand there."""
    result = request.state.result
    options = {**request.options, "prefix": request.opening}
    # Sampling takes another seed each time; a result that was cut short is worth completing.
    if options["decoder"] == "sample" or result is None or not result.finished:
        return
    is_edited = drafts_of(result) != request.state.drafts
    asked = (request.run, request.state.manuscript, options)
    if not is_edited and asked == (result.run, result.manuscript, result.options):
        raise ConfigError(
            _(
                "beam search and greedy decoding are not random: the same settings write the same "
                "text; change a setting, or use sampling"
            )
        )


def stream_values(
    registry: ModelRegistry,
    request: Request,
    source: EditorState,
    opening: str,
    seed: int | None = None,
) -> Iterator[Values]:
    """Continues the manuscript of `source`; yields values for the outputs of the request.

    They are manuscript, opening, seed, undo history and its journal, and Writing.outputs. A `seed`
    replaces the request's. Raises NovelgenError.
    """
    if not source.manuscript.strip():
        raise ConfigError(
            _("the manuscript is empty: write a paragraph, or click one of the examples")
        )
    options = {**request.options, "prefix": opening}
    if seed is not None:
        options["seed"] = seed
    # The fields that the visitor may be editing are set once only, with the first snapshot: so a
    # request that fails changes nothing, and what is typed meanwhile stays.
    fields: Values = (
        _if_changed(request.state.manuscript, source.manuscript),
        _if_changed(request.opening, opening),
        gr.skip() if seed is None else str(seed),
    )
    # From here on the requests before this one are cancelled, in all tabs of the session.
    number = request.cancellation.start()
    results = streaming.write(registry, request.run, source.manuscript, options)
    is_first = True
    shown: Values = ()
    with closing(results):
        for result in results:
            # Nothing may be shown any more once another request has started.
            if request.cancellation.is_cancelled(number):
                return
            drafts = drafts_of(result)
            after = EditorState(source.manuscript, drafts, result, source_of(result))
            undo_history = record_change(request.undo_history, request.state, after)
            # The browser hears of a step back when it is there, and of the whole text at its end.
            journal: Any = gr.skip()
            if is_first or result.finished:
                journal = journal_of(undo_history)
            values = result_values(result)
            changes = values
            if not (is_first or result.finished):
                changes = _changes(shown, values)
            yield *fields, undo_history, journal, *changes
            fields = (gr.skip(),) * len(fields)
            shown = values
            is_first = False


def _if_changed(before: str, after: str) -> Any:
    return gr.skip() if before == after else after


def _changes(before: Values, after: Values) -> Values:
    """The values of `after` that are other ones than in `before`.

    The browser draws all that it is sent, ten times a second. The result comes first, and is
    always another one.
    """
    rest = zip(before[1:], after[1:], strict=True)
    return after[0], *(_if_changed(old, new) for old, new in rest)
