"""What Project Gutenberg puts around a book: its header, its footer and its licence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

_START = re.compile(
    r"^[ \t]*\*{2,}[ \t]*START OF (?:THE |THIS )?PROJECT GUTENBERG[^\n]*\n"
    r"|^\*END\*? ?THE SMALL PRINT[^\n]*\n",
    re.MULTILINE | re.IGNORECASE,
)
_END = re.compile(
    r"^[ \t]*(?:\*{2,}[ \t]*END OF (?:THE |THIS )?PROJECT GUTENBERG|End of (?:the |this )?Project "
    r"Gutenberg"
    r"|\*{2,}[ \t]*START: FULL LICENSE|START: FULL LICENSE|THE FULL PROJECT GUTENBERG LICENSE)",
    re.MULTILINE | re.IGNORECASE,
)
_CREDITS = re.compile(
    r"\s*(?:(?:Produced|E-text prepared|Etext prepared|Transcribed|This e-?text was (?:produced|"
    r"prepared)) by"
    r"[^\n]*\n(?:[ -~]+\n)*\s*)",
    re.IGNORECASE,
)
_HEAD = 1 << 17


def strip_gutenberg(chunks: Iterable[str], removed: Callable[[str, str], None]) -> Iterator[str]:
    """Chunks of whole lines without what stands before START OF and behind END OF; `removed` is told of both.

    The book's own text keeps the word Gutenberg: only the lines that Project Gutenberg prescribes count, the first one
    within the first 130,000 characters.
    """
    chunks = iter(chunks)
    head: list[str] = []
    for chunk in chunks:
        head.append(chunk)
        if sum(map(len, head)) >= _HEAD:
            break
    text = "".join(head)
    start = _START.search(text) if "GUTENBERG" in text.upper() else None
    if start is None:
        starts = 0
    else:
        credits = _CREDITS.match(text, start.end())
        starts = credits.end() if credits else start.end()
        removed("gutenberg", text[:starts])
        text = text[starts:]
    yield from _until_end(text, chunks, removed, start is not None)


def _until_end(
    text: str, chunks: Iterator[str], removed: Callable[[str, str], None], has_header: bool
) -> Iterator[str]:
    while True:
        end = _END.search(text) if has_header or "utenberg" in text or "UTENBERG" in text else None
        if end:
            yield text[: end.start()]
            removed("gutenberg", text[end.start() :])
            for chunk in chunks:
                removed("gutenberg", chunk)
            return
        if text:
            yield text
        following = next(chunks, None)
        if following is None:
            return
        text = following
