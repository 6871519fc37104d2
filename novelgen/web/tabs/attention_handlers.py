"""What happens at the events of the Attention tab."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, NamedTuple, TypeAlias, TypeVar

import gradio as gr

from novelgen.attribution.explanation import Explanation
from novelgen.attribution.pinned import Pins
from novelgen.decoding.inspection import Alternative
from novelgen.web import limits
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.services.attention import Shown, choose, growing, payload
from novelgen.web.services.branches import Branches, listed, with_branch
from novelgen.web.services.inspection import chosen_alternative, inspect_paragraph, rewritten
from novelgen.web.services.manuscript import CancellationToken
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.streaming import GenerationResult
from novelgen.web.services.why import (
    compare_sources,
    copies_in,
    explain_shown,
    pinned_rows,
    why_payload,
)
from novelgen.web.tabs.writing import Writing
from novelgen.web.tabs.writing_view import Values, result_values

# Revisions of what is shown, for all sessions. They start at the present microsecond, so that they
# keep rising for a view that was open when the server was restarted.
_revisions = itertools.count(time.time_ns() // 1000)


class ViewUpdate(NamedTuple):
    """What the view and its state become."""

    payload: dict[str, Any]
    shown: Shown | None
    # The text as far as it has been generated; None where the Write tab stays as it is.
    result: GenerationResult | None = None


_Found = TypeVar("_Found")
# It is a generator and no mere iterator: closing it stops the model.
_Updates: TypeAlias = Generator[ViewUpdate, None, None]


class Handlers:
    """What happens at the view's events."""

    def __init__(self, registry: ModelRegistry, writing: Writing) -> None:
        self._registry = registry
        # For the outputs of the Write tab when there is no new result.
        self._unchanged: Values = (gr.skip(),) * len(writing.outputs)

    def show(
        self,
        event: gr.EventData,
        result: GenerationResult | None,
        before: Shown | None,
        branches: Branches,
    ) -> Values:
        """Values for the view, its state and the branches."""
        view, shown = view_values(event._data or {}, result, before)
        after = with_branch(branches, result)
        return _with_branches(view, after, result), shown, after

    def branch(self, event: gr.EventData, branches: Branches) -> Values:
        """Values for the view, its state, the branches and the outputs of the Write tab."""
        number = (event._data or {}).get("number")
        if not isinstance(number, int) or not 0 <= number < len(branches):
            return (gr.skip(), gr.skip(), gr.skip(), *self._unchanged)
        result = branches[number].result
        view, shown = _new_revision(choose(result, {}))
        return (
            _with_branches(view, branches, result),
            shown,
            branches,
            *self._writing_values(result),
        )

    def look(self, before: Shown | None) -> Iterator[Values]:
        """Values for the view and the inspected paragraph."""
        if before is None:
            yield gr.skip(), gr.skip()
            return
        with errors_as_toasts(), closing(inspect_paragraph(self._registry, before)) as stream:
            for after in stream:
                if after is None:
                    yield gr.skip(), gr.skip()
                else:
                    yield payload(after), after

    def explain(self, before: Shown | None, inspected: Shown | None) -> Iterator[Any]:
        """Values for the view: the same, and why."""
        if before is None:
            yield gr.skip()
            return

        def told(explanation: Explanation) -> dict[str, Any]:
            return {"why": why_payload(explanation, copies_in(self._registry, before))}

        yield from _told(explain_shown(self._registry, before), told, latest(before, inspected))

    def compare(
        self, event: gr.EventData, before: Shown | None, inspected: Shown | None
    ) -> Iterator[Any]:
        """Values for the view: the same, and what another source changes."""
        source = str((event._data or {}).get("source", "")).strip()[: limits.PROMPT]
        if before is None or not source:
            yield gr.skip()
            return
        steps = compare_sources(self._registry, before, source)
        yield from _told(steps, lambda found: {"compared": found}, latest(before, inspected))

    def choose(
        self,
        event: gr.EventData,
        before: Shown | None,
        cancellation: CancellationToken,
        branches: Branches,
    ) -> Iterator[Values]:
        """Values for the view, its state, the branches and the outputs of the Write tab."""
        place, alternative = chosen_alternative(before, event._data or {})
        yield from self._write_again(before, cancellation, branches, place, alternative)

    def pin(
        self,
        event: gr.EventData,
        before: Shown | None,
        cancellation: CancellationToken,
        branches: Branches,
    ) -> Iterator[Values]:
        """As `choose`, with rows of attention that are given."""
        place, opening, pins = pinned_rows(self._registry, before, event._data or {})
        yield from self._write_again(before, cancellation, branches, place, opening, pins)

    def _write_again(
        self,
        before: Shown | None,
        cancellation: CancellationToken,
        branches: Branches,
        place: int,
        alternative: Alternative | None,
        pins: Pins | None = None,
    ) -> Iterator[Values]:
        if before is None or alternative is None:
            yield gr.skip(), gr.skip(), gr.skip(), *self._unchanged
            return
        updates = continue_from(self._registry, before, cancellation, place, alternative, pins)
        with errors_as_toasts(), closing(updates):
            for update in updates:
                view: Any = update.payload
                if update.shown is not None:
                    result = update.shown.result
                    branches = with_branch(branches, result, before.result, before.number, place)
                    view = _with_branches(view, branches, result)
                yield view, update.shown, branches, *self._writing_values(update.result)

    def halt(
        self, result: GenerationResult | None, before: Shown | None, branches: Branches
    ) -> Values:
        """Values for the view, its state, the branches and the outputs of the Write tab.

        The Write tab is updated as well: the browser may have passed over the last drafts, which
        were on their way when it was told to stop.
        """
        asked = {}
        if before is not None and before.result is result:
            asked = {"paragraph": before.number, "candidate": before.candidate}
        view, shown = _new_revision(choose(result, asked))
        after = with_branch(branches, result)
        return (
            _with_branches(view, after, result),
            shown,
            after,
            *self._writing_values(result),
        )

    def _writing_values(self, result: GenerationResult | None) -> Values:
        if result is None:
            return self._unchanged
        return result_values(result)


def _told(
    steps: Generator[_Found | None, None, None],
    tell: Callable[[_Found], dict[str, Any]],
    shown: Shown,
) -> Iterator[Any]:
    """Values for the view while something is computed: nothing, then what is `shown` with it."""
    with errors_as_toasts(), closing(steps):
        for found in steps:
            if found is None:
                yield gr.skip()
            else:
                yield {**payload(shown), **tell(found)}


def _with_branches(view: Any, branches: Branches, current: GenerationResult | None) -> Any:
    """The value of the view with the branches in it; one that is skipped stays so."""
    if not isinstance(view, dict) or "revision" not in view:
        return view
    return {**view, "branches": listed(branches, current)}


def latest(shown: Shown, inspected: Shown | None) -> Shown:
    """What is shown, with its places where the model has told them."""
    if inspected is not None and inspected.revision == shown.revision:
        return inspected
    return shown


def view_values(
    asked: dict[str, Any], result: GenerationResult | None, before: Shown | None
) -> Values:
    """Values for the view and its state: the paragraph asked for, or what was generated last.

    Nothing changes where it is shown already, unless it is asked for "again", because the model's
    answer to what it had expected there has failed.
    """
    if before is None or before.result is not result:
        return _new_revision(choose(result, asked))
    if asked.get("again"):
        return _new_revision(before)
    wanted = choose(result, asked)
    is_shown = wanted is not None and wanted.position == before.position
    if wanted is not None and ("paragraph" not in asked or is_shown):
        return gr.skip(), gr.skip()
    return _new_revision(wanted)


def _new_revision(shown: Shown | None, selected: int = 0) -> Values:
    """Values for the view and its state, newer than all that were sent before."""
    update = _update(shown, selected)
    return update.payload, update.shown


def _update(shown: Shown | None, selected: int = 0) -> ViewUpdate:
    if shown is not None:
        shown = shown._replace(revision=next(_revisions))
    return ViewUpdate(payload(shown, selected), shown)


def continue_from(
    registry: ModelRegistry,
    before: Shown,
    cancellation: CancellationToken,
    place: int,
    alternative: Alternative,
    pins: Pins | None = None,
) -> _Updates:
    """The updates while the model writes the paragraph again from an alternative on.

    `pins` are rows of attention that are given. Ends when another request of the session cancels
    this one. When the model fails, the view gets back what it showed. Raises NovelgenError.
    """
    # All snapshots have one revision; the paragraph at the end gets a newer one.
    revision = next(_revisions)
    request = cancellation.start()
    opening = alternative.opening or ""
    result = None
    try:
        with closing(rewritten(registry, before, place, alternative, pins)) as stream:
            for result in stream:
                if cancellation.is_cancelled(request):
                    return
                yield ViewUpdate(growing(result, opening, revision), None, result)
    except Exception:
        # Whatever it was: the caller reports it, and the view must not stay half written.
        yield _update(before, place)
        raise
    # It is the only candidate now.
    asked = {"paragraph": before.number, "candidate": 0}
    yield _update(choose(result, asked), place)
