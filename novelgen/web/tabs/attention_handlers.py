"""What happens at the events of the Attention tab."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple, TypeAlias, TypeVar

import gradio as gr

from novelgen.attribution.explanation import Explanation
from novelgen.attribution.pinned import Pins
from novelgen.decoding.inspection import Alternative
from novelgen.web import limits
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import Changes, Given, sent
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
from novelgen.web.tabs.writing_layout import Parts as WriteParts
from novelgen.web.tabs.writing_view import result_changes

# Revisions of what is shown, for all sessions. They start at the present microsecond, so that they
# keep rising for a view that was open when the server was restarted.
_revisions = itertools.count(time.time_ns() // 1000)


class Parts(NamedTuple):
    """The components of the tab; but for the view they are what the server keeps for the session.

    The model is asked after the paragraph is shown, and meanwhile another paragraph may be: so
    there are two states of it, each of them Shown or None. `inspected` has places.
    """

    view: Any
    shown: gr.State
    inspected: gr.State
    # A services.branches.Branches.
    branches: gr.State


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
    """What happens at the view's events, on this tab and on the Write tab."""

    def __init__(self, registry: ModelRegistry, parts: Parts, write: WriteParts) -> None:
        self._registry = registry
        self._parts = parts
        self._write = write

    def show(self, event: gr.EventData, given: Given) -> Changes:
        """Shows the paragraph that the view asks for, or what was generated last."""
        result = given[self._write.result]
        asked = sent(event, "paragraph", "candidate", "again")
        branches = with_branch(given[self._parts.branches], result)
        update = wanted_update(asked, result, given[self._parts.shown])
        if update is None:
            return {self._parts.branches: branches}
        return self._changes(update, branches, result)

    def branch(self, event: gr.EventData, given: Given) -> Changes:
        """Goes back to another text of the session, on the Write tab too."""
        branches = given[self._parts.branches]
        number = sent(event, "number").get("number")
        if not isinstance(number, int) or not 0 <= number < len(branches):
            return {}
        result = branches[number].result
        update = new_revision(choose(result, {}))
        return self._changes(update._replace(result=result), branches, result)

    def look(self, given: Given) -> Iterator[Changes]:
        """Adds what the model expected at every token."""
        before = given[self._parts.shown]
        if before is None:
            return
        with errors_as_toasts(), closing(inspect_paragraph(self._registry, before)) as stream:
            for after in stream:
                # None is a sign of life.
                if after is None:
                    yield {}
                else:
                    yield {self._parts.view: payload(after), self._parts.inspected: after}

    def explain(self, given: Given) -> Iterator[Changes]:
        """Adds why each token was written."""
        before = given[self._parts.shown]
        if before is None:
            return

        def told(explanation: Explanation) -> dict[str, Any]:
            return {"why": why_payload(explanation, copies_in(self._registry, before))}

        yield from self._told(explain_shown(self._registry, before), told, given)

    def compare(self, event: gr.EventData, given: Given) -> Iterator[Changes]:
        """Adds what another source changes."""
        before = given[self._parts.shown]
        source = str(sent(event, "source").get("source", "")).strip()[: limits.PROMPT]
        if before is None or not source:
            return
        steps = compare_sources(self._registry, before, source)
        yield from self._told(steps, lambda found: {"compared": found}, given)

    def _told(
        self,
        steps: Generator[_Found | None, None, None],
        tell: Callable[[_Found], dict[str, Any]],
        given: Given,
    ) -> Iterator[Changes]:
        """Adds to what is shown what is computed; meanwhile nothing, as a sign of life."""
        shown = latest(given[self._parts.shown], given[self._parts.inspected])
        with errors_as_toasts(), closing(steps):
            for found in steps:
                if found is None:
                    yield {}
                else:
                    yield {self._parts.view: {**payload(shown), **tell(found)}}

    def choose(self, event: gr.EventData, given: Given) -> Iterator[Changes]:
        """Writes the paragraph again from an alternative on."""
        before = given[self._parts.inspected]
        place, alternative = chosen_alternative(before, sent(event, "place", "alternative"))
        yield from self._write_again(before, given, place, alternative)

    def pin(self, event: gr.EventData, given: Given) -> Iterator[Changes]:
        """As `choose`, with rows of attention that are given."""
        before = given[self._parts.shown]
        place, opening, pins = pinned_rows(self._registry, before, sent(event, "place", "rows"))
        yield from self._write_again(before, given, place, opening, pins)

    def _write_again(
        self,
        before: Shown | None,
        given: Given,
        place: int,
        alternative: Alternative | None,
        pins: Pins | None = None,
    ) -> Iterator[Changes]:
        if before is None or alternative is None:
            return
        cancellation = given[self._write.cancellation]
        branches = given[self._parts.branches]
        updates = continue_from(self._registry, before, cancellation, place, alternative, pins)
        with errors_as_toasts(), closing(updates):
            for update in updates:
                result = None
                if update.shown is not None:
                    result = update.shown.result
                    branches = with_branch(branches, result, before.result, before.number, place)
                yield self._changes(update, branches, result)

    def halt(self, given: Given) -> Changes:
        """Shows the text as far as it came.

        The Write tab is updated as well: the browser may have passed over the last drafts, which
        were on their way when it was told to stop.
        """
        result = given[self._write.result]
        before = given[self._parts.shown]
        asked = {}
        if before is not None and before.result is result:
            asked = {"paragraph": before.number, "candidate": before.candidate}
        update = new_revision(choose(result, asked))
        branches = with_branch(given[self._parts.branches], result)
        return self._changes(update._replace(result=result), branches, result)

    def _changes(
        self, update: ViewUpdate, branches: Branches, current: GenerationResult | None
    ) -> Changes:
        """Changes of the view and its states, and of the Write tab where there is a new result.

        `current` is the branch that is shown; the list of them is sent with a whole paragraph.
        """
        view = update.payload
        if update.shown is not None:
            view = {**view, "branches": listed(branches, current)}
        changes = {
            self._parts.view: view,
            self._parts.shown: update.shown,
            self._parts.branches: branches,
        }
        if update.result is not None:
            changes |= result_changes(self._write, update.result)
        return changes


def latest(shown: Shown, inspected: Shown | None) -> Shown:
    """What is shown, with its places where the model has told them."""
    if inspected is not None and inspected.revision == shown.revision:
        return inspected
    return shown


def wanted_update(
    asked: Mapping[str, Any], result: GenerationResult | None, before: Shown | None
) -> ViewUpdate | None:
    """The paragraph asked for, or what was generated last; None where it is shown already.

    It is shown once more when it is asked for "again", because the model's answer to what it had
    expected there has failed.
    """
    if before is None or before.result is not result:
        return new_revision(choose(result, asked))
    if asked.get("again"):
        return new_revision(before)
    wanted = choose(result, asked)
    is_shown = wanted is not None and wanted.position == before.position
    if wanted is not None and ("paragraph" not in asked or is_shown):
        return None
    return new_revision(wanted)


def new_revision(shown: Shown | None, selected: int = 0) -> ViewUpdate:
    """An update that is newer than all that were sent before."""
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
        yield new_revision(before, place)
        raise
    # It is the only candidate now.
    asked = {"paragraph": before.number, "candidate": 0}
    yield new_revision(choose(result, asked), place)
