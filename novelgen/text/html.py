"""The text of HTML and XHTML: a block a line, headings marked with a #, as in Markdown.

Python's own parser reads broken pages and XHTML alike; lxml's takes what follows `<title/>` for the
title, and is no faster here: 0.04 s for the 0.9 million characters of a long novel.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import NamedTuple

from novelgen.errors import ConfigError
from novelgen.text.encoding import (
    best_encoding,
    big5_symbols,
    check_encoding,
    common_share,
    decoder_name,
)

# Elements that begin and end a line.
_BLOCK_NAMES = (
    "p div br hr li ul ol dl dt dd h1 h2 h3 h4 h5 h6 tr "
    "table pre center blockquote section article body figure figcaption header footer aside main"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HEADINGS = frozenset(("h1", "h2", "h3"))
_LONGEST_HEADING = 100
# Elements that are left out with all that is in them; rt and rp are the readings of ruby text.
_DROPPED_NAMES = (
    "script style nav head template rt rp svg math noscript button select textarea iframe object"
)
_DROPPED = frozenset(_DROPPED_NAMES.split())
# Elements without an end.
_VOID_NAMES = "area base br col embed hr img input link meta param source track wbr"
_VOID = frozenset(_VOID_NAMES.split())

# What is a mark and no word: 1, [1], ①, 注2, *; and roles and classes of marks and of notes.
_MARK = re.compile(
    r"[\[【〔（(<〈^]?(?:[注註]?\d{1,3}|[①-⑳㉑-㉟㊱-㊿]|[*＊†‡※]{1,3}|[注註])[\]】〕）)>〉]?"
)
# A mark is no more pieces of text than this; a link that was never closed has many.
_MOST_PIECES = 16
_MARK_ROLES = re.compile(r"(?:doc-)?(?:noteref|backlink)|duokan-footnote|footnote-?(?:ref|link)")
_NOTE_ROLES = re.compile(
    r"(?:doc-)?(?:footnotes?|endnotes?|rearnotes?)|duokan-footnote-(?:content|item)"
)
# Only a formula or a word in Latin letters has a plain number above the line: 10², m².
_FORMULA = re.compile(r"[A-Za-z0-9)]")
# The sign of a font that a book lacks is a picture, which says in `alt` what it shows.
_ONE_SIGN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")

# Where a document names its encoding: the XML declaration, or a meta element.
_DECLARED = re.compile(
    rb"""<\?xml[^>]{0,200}?\bencoding\s*=\s*["'](?P<xml>[\w.:-]{2,40})"""
    rb"""|<meta[^>]{0,200}?\bcharset\s*=\s*["']?(?P<meta>[\w.:-]{2,40})""",
    re.IGNORECASE,
)
_DECLARATION_BYTES = 4096
# How Chinese a document reads: so badly that its declaration is doubted, so well that another
# encoding is taken.
_DOUBTFUL = 0.25
_CONVINCING = 0.4


class _Open(NamedTuple):
    """An inline element that may turn out to be a mark: its tag, role, target, and place."""

    tag: str
    is_mark: bool
    target: str
    place: int


class Markup(HTMLParser):
    """The standard parser, which no text stops."""

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Skips a section; one of a kind that the parser does not know it asserts to be none."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            return self.parse_bogus_comment(i)


class Prose(Markup):
    """The text of a page in `lines`; feed it, then `close`.

    `anchors` has for every id the number of its line; `linked` counts the characters of the text
    that are links, and `links` these.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.anchors: dict[str, int] = {}
        self.links = 0
        self.linked = 0
        self._line: list[str] = []
        self._heading = ""  # the heading that is open
        self._dropped = ""  # the element that is being left out
        self._depth = 0  # how many of the same name are open within it
        self._inline: list[_Open] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begins a block, a possible mark of a note, or an element that is left out."""
        # A head need not be closed.
        if self._dropped == "head" and tag == "body":
            self._dropped = ""
        if self._dropped:
            self._depth += tag == self._dropped
            return
        attributes = {name: value or "" for name, value in attrs}
        if tag in _DROPPED or (tag not in _VOID and _has_role(attributes, _NOTE_ROLES)):
            self._dropped = tag
            self._depth = 1
            return
        if tag in _BLOCKS:
            self._begin_block(tag)
        elif tag in ("a", "sup"):
            is_mark = _has_role(attributes, _MARK_ROLES)
            target = attributes.get("href", "")
            self._inline.append(_Open(tag, is_mark, target, len(self._line)))
        elif tag == "img" and _ONE_SIGN.fullmatch(attributes.get("alt", "")):
            self._line.append(attributes["alt"])
        if "id" in attributes:
            self.anchors.setdefault(attributes["id"], len(self.lines))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without contents: only blocks, pictures and ids mean anything."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def _begin_block(self, tag: str) -> None:
        # A heading of two lines is one heading.
        if self._heading and tag == "br":
            self._line.append(" ")
            return
        self.end_line()
        if tag in _HEADINGS:
            self._heading = tag

    def handle_endtag(self, tag: str) -> None:
        """Ends a block, an element that is left out, or a mark, which goes."""
        if self._dropped:
            self._depth -= tag == self._dropped
            if self._depth <= 0:
                self._dropped = ""
        elif tag in _BLOCKS and not (self._heading and tag == "br"):
            self.end_line()
            if tag in _HEADINGS:
                self._heading = ""
        elif tag in ("a", "sup"):
            self._end_inline(tag)

    def _end_inline(self, tag: str) -> None:
        """Ends a link or a raised text; where it is the mark of a note, its text goes."""
        while self._inline:
            opened = self._inline.pop()
            if opened.tag == tag:
                break
        else:
            return
        text = "".join(self._line[opened.place : opened.place + _MOST_PIECES])
        is_whole = len(self._line) <= opened.place + _MOST_PIECES
        is_mark = opened.is_mark
        # Spaces go first: a pattern that allows for them takes cubic time.
        if is_whole and _MARK.fullmatch("".join(text.split())):
            before = "".join(self._line[max(opened.place - 3, 0) : opened.place]).rstrip()
            # A heading may be a number that leads back to the table of contents.
            is_mark |= tag == "a" and "#" in opened.target and not self._heading
            is_mark |= tag == "sup" and not _FORMULA.fullmatch(before[-1:])
        if is_mark:
            del self._line[opened.place :]
        elif tag == "a" and opened.target:
            self.links += 1
            self.linked += len(text.strip())

    def handle_data(self, data: str) -> None:
        """Adds text to the line."""
        if not self._dropped:
            self._line.append(data)

    def close(self) -> None:
        """Ends the page."""
        super().close()
        self.end_line()

    def end_line(self) -> None:
        """Ends the block that is being read.

        Line ends inside it are mere spaces, and none between Chinese characters.
        """
        pieces = [piece.strip() for piece in "".join(self._line).splitlines()]
        text = ""
        for piece in filter(None, pieces):
            if text and text[-1].isascii() and piece[0].isascii():
                text += " "
            text += piece
        if text and self._heading and len(text) <= _LONGEST_HEADING:
            text = f"# {text}"
        if text:
            self.lines.append(text)
        self._line = []
        self._inline = []

    def take_lines(self) -> str:
        """The lines so far, each ending in a newline; they are forgotten."""
        text = "".join(f"{line}\n" for line in self.lines)
        self.lines = []
        return text


def _has_role(attributes: dict[str, str], roles: re.Pattern[str]) -> bool:
    """Whether an element says, in its type, role or class, that it is one of `roles`."""
    names = " ".join(attributes.get(name, "") for name in ("epub:type", "role", "class"))
    return any(roles.fullmatch(name.lower()) for name in names.split())


def declared_encoding(data: bytes) -> str | None:
    """The codec for the encoding that a document names; None where it names none that is known."""
    match = _DECLARED.search(data[:_DECLARATION_BYTES])
    if match is None:
        return None
    name = (match["xml"] or match["meta"]).decode("ascii", errors="replace").lower()
    try:
        return decoder_name(check_encoding(name))
    except ConfigError:
        return None


def decode_markup(data: bytes) -> str:
    """A small document as text: by its byte order mark, its declaration, or how it reads.

    What cannot be decoded becomes �.
    """
    # 1. A byte order mark leaves no doubt.
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    # 2. UTF-8 that is valid is UTF-8, whatever is said; else a declaration that reads well.
    declared = declared_encoding(data)
    candidates = ["utf-8-sig"]
    # A document whose declaration can be read as ASCII is no UTF-16.
    if declared is not None and not declared.startswith("utf"):
        candidates.append(declared)
    for encoding in candidates:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and (encoding == "utf-8-sig" or _reads_well(data, encoding)):
            return _with_windows_symbols(text, encoding)
    # 3. What it reads best as; GBK, which Chinese books mostly are, where nothing is sure.
    score, encoding = best_encoding(data)
    if score < _CONVINCING:
        encoding = declared or "gb18030"
    return _with_windows_symbols(data.decode(encoding, errors="replace"), encoding)


def _reads_well(data: bytes, encoding: str) -> bool:
    """Whether nothing else reads far better: nearly every Big5 document also decodes as GBK."""
    score = common_share(data, encoding)
    return score >= _DOUBTFUL or best_encoding(data)[0] < _CONVINCING


def _with_windows_symbols(text: str, encoding: str) -> str:
    if encoding in ("big5", "big5hkscs"):
        return big5_symbols(text)
    return text
