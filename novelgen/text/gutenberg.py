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
    r"^[ \t]*(?:\*{2,}[ \t]*END OF (?:THE |THIS )?PROJECT GUTENBERG"
    r"|End of (?:the |this )?Project Gutenberg"
    r"|\*{2,}[ \t]*START: FULL LICENSE|START: FULL LICENSE|THE FULL PROJECT GUTENBERG LICENSE)",
    re.MULTILINE | re.IGNORECASE,
)
# Who made the text: a line and the lines of plain ASCII that go on with it.
_CREDITS = re.compile(
    r"\s*(?:(?:Produced|E-text prepared|Etext prepared|Transcribed"
    r"|This e-?text was (?:produced|prepared)) by"
    r"[^\n]*\n(?:[ -~]+\n)*\s*)",
    re.IGNORECASE,
)
# Characters in which a header must end.
HEAD_SIZE = 1 << 17


def strip_gutenberg(
    chunks: Iterable[str], removed: Callable[[str, str], None], head_size: int = HEAD_SIZE
) -> Iterator[str]:
    """Chunks of whole lines without what stands before START OF and behind END OF.

    `removed` is called with both. The book's own text keeps the word Gutenberg: only the lines
    that Project Gutenberg prescribes count, the first one within the first `head_size` characters.
    """
    # 1. As much of the book as the header may take.
    chunks = iter(chunks)
    head: list[str] = []
    for chunk in chunks:
        head.append(chunk)
        if sum(map(len, head)) >= head_size:
            break
    text = "".join(head)

    # 2. The header, and the credits that stand behind it.
    has_header = False
    if "GUTENBERG" in text.upper():
        start = _START.search(text)
        if start is not None:
            has_header = True
            book = start.end()
            credit_lines = _CREDITS.match(text, book)
            if credit_lines:
                book = credit_lines.end()
            removed("gutenberg", text[:book])
            text = text[book:]

    # 3. The book, up to the footer.
    yield from _until_end(text, chunks, removed, has_header)


def _until_end(
    text: str, chunks: Iterator[str], removed: Callable[[str, str], None], has_header: bool
) -> Iterator[str]:
    """`text` and `chunks` up to the footer; `removed` is called with all that follows."""
    while True:
        end = None
        # The search is slow: in a book without a header only a chunk with the name is searched.
        if has_header or "utenberg" in text or "UTENBERG" in text:
            end = _END.search(text)
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
