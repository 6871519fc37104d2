"""The texts of a session as branches: what was written from which, so that one can go back."""

from __future__ import annotations

from typing import Any, NamedTuple

from novelgen.web.services.streaming import GenerationResult

_KEPT = 40  # branches of a session; older ones are forgotten
_LABEL = 14  # characters of a branch's beginning


class Branch(NamedTuple):
    """A text, and the one that it was made from by other words or other attention."""

    result: GenerationResult
    parent: GenerationResult | None
    # How it begins where it parts from its parent.
    text: str


Branches = tuple[Branch, ...]


def with_branch(
    branches: Branches,
    result: GenerationResult | None,
    parent: GenerationResult | None = None,
    number: int = 0,
    place: int = 0,
) -> Branches:
    """The branches with a text behind them, if it is new.

    It parts from `parent` at token `place` of paragraph `number`.
    """
    if result is None or any(branch.result is result for branch in branches):
        return branches
    paragraphs = result.generations[0].paragraphs
    if not any(paragraph.ids for paragraph in paragraphs):
        return branches
    paragraph = paragraphs[min(number, len(paragraphs) - 1)]
    text = "".join(paragraph.tokens[place:]) if parent is not None else paragraph.text
    return (*branches, Branch(result, parent, text[:_LABEL]))[-_KEPT:]


def listed(branches: Branches, current: GenerationResult | None) -> list[dict[str, Any]]:
    """What the browser draws, parents before what was made from them.

    Of every branch its number in `branches`, its depth, its text, and whether it is shown.
    """
    numbers = {id(branch.result): number for number, branch in enumerate(branches)}
    children: dict[int | None, list[int]] = {}
    for number, branch in enumerate(branches):
        # A parent that was forgotten leaves a root.
        children.setdefault(numbers.get(id(branch.parent)), []).append(number)
    found: list[dict[str, Any]] = []
    waiting = [(number, 0) for number in reversed(children.get(None, []))]
    while waiting:
        number, depth = waiting.pop()
        branch = branches[number]
        is_current = branch.result is current
        found.append({"number": number, "depth": depth, "text": branch.text, "current": is_current})
        waiting += [(child, depth + 1) for child in reversed(children.get(number, []))]
    return found
