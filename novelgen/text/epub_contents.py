"""The table of contents of an EPUB, which names the chapters where no heading element does."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from novelgen.text.chapters import find_heading
from novelgen.text.html import Markup

# Lines behind an entry's target among which its title is looked for.
_REACH = 4
_LONGEST_TITLE = 100
# What differs between a title in the table of contents and in the book.
_UNLIKE = re.compile(r"[\W_]+")


class Entry(NamedTuple):
    """One title, and the file and the id within it (or "") that it leads to."""

    title: str
    href: str
    anchor: str


class _Links(Markup):
    """The entries of an NCX file, or of the tables of contents in a navigation document."""

    def __init__(self) -> None:
        super().__init__()
        # By the type of the nav element that they are in; "" for those of an NCX.
        self.found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self._kind = ""
        self._href = ""
        self._label: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begins a table, a title, or says where a title leads."""
        attributes = {name: value or "" for name, value in attrs}
        name = tag.rpartition(":")[2]
        if name == "nav":
            self._kind = attributes.get("epub:type") or attributes.get("role") or "nav"
        elif name == "a":
            self._href = attributes.get("href", "")
            self._label = []
        elif name == "navlabel":
            self._label = []
        elif name == "content" and self._label is not None:
            self._add(attributes.get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        """Ends a table or a link."""
        name = tag.rpartition(":")[2]
        if name == "nav":
            self._kind = ""
        elif name == "a" and self._label is not None:
            self._add(self._href)

    def handle_data(self, data: str) -> None:
        """Adds text to the title."""
        if self._label is not None:
            self._label.append(data)

    def _add(self, href: str) -> None:
        title = " ".join("".join(self._label or ()).split())
        self._label = None
        if title and href and len(title) <= _LONGEST_TITLE:
            self.found[self._kind].append((title, href))


def read_contents(text: str) -> list[Entry]:
    """The entries of an NCX file or of a navigation document, in their order."""
    parser = _Links()
    parser.feed(text)
    parser.close()
    found = parser.found
    # A document has lists of pages and of landmarks beside the table of contents.
    links = found.get("toc") or found.get("doc-toc") or found.get("nav") or found.get("") or []
    entries = []
    for title, href in links:
        file, _, anchor = href.partition("#")
        entries.append(Entry(title, file, anchor))
    return entries


def _plain(text: str) -> str:
    return _UNLIKE.sub("", text)


def name_chapters(
    lines: Sequence[str], anchors: dict[str, int], entries: Sequence[Entry]
) -> list[str]:
    """The lines of a document, in which every entry that leads to it has a heading.

    That is the line, or the lines, that say the same; else a new line. A place that has a heading
    already keeps it.
    """
    done = list(lines)
    inserted: defaultdict[int, list[str]] = defaultdict(list)
    removed: set[int] = set()
    for entry in entries:
        start = anchors.get(entry.anchor, 0)
        same = _same_lines(done, start, entry.title)
        if same:
            done[same[0]] = f"# {entry.title}"
            removed.update(same[1:])
        elif not any(_is_heading(line) for line in done[start : start + _REACH]):
            inserted[start].append(f"# {entry.title}")
    result = []
    for place, line in enumerate(done):
        result.extend(inserted[place])
        if place not in removed:
            result.append(line)
    # A document without text has no place for a heading but its end.
    result.extend(
        line for place in sorted(inserted) if place >= len(done) for line in inserted[place]
    )
    return result


def _is_heading(line: str) -> bool:
    return line.startswith("# ") or find_heading(line) is not None


def _same_lines(lines: Sequence[str], start: int, title: str) -> range:
    """The place of one or two lines, soon behind `start`, that together are the title."""
    wanted = _plain(title)
    if wanted:
        for place in range(start, min(start + _REACH, len(lines))):
            for end in (place + 1, place + 2):
                if _plain("".join(lines[place:end])) == wanted:
                    return range(place, min(end, len(lines)))
    return range(0)
