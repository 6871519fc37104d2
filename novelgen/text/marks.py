"""Chinese punctuation: what may end a sentence, what stands in pairs, what begins no line."""

from __future__ import annotations

# What may end a paragraph of a novel.
_ENDS = tuple('。！？…—”’」』）》.!?"')
_OPENING = "“‘「『（《"
_CLOSING = "”’」』）》"
# What stands at the head of no line, beyond what a typesetter of Japanese knows.
BEGINS_NO_LINE = "，；：？！》”’…—"


def ends_a_sentence(text: str) -> bool:
    """Whether a text ends as a sentence does."""
    return text.endswith(_ENDS)


def has_unpaired_marks(text: str) -> bool:
    """Whether a quotation mark or a bracket is never closed, never opened, or crossed."""
    waiting: list[str] = []
    for character in text:
        if character in _OPENING:
            waiting.append(_CLOSING[_OPENING.index(character)])
        elif character in _CLOSING and (not waiting or waiting.pop() != character):
            return True
    # A straight mark opens and closes.
    return bool(waiting) or text.count('"') % 2 == 1
