"""The package of an EPUB: the list of its files (the manifest) and their order (the spine)."""

from __future__ import annotations

import re
from typing import NamedTuple

from novelgen.text.html import Markup

# What the manifest calls documents; others, and those that it calls nothing, tell by their ending.
_TEXT_TYPE = re.compile(r"[\w.-]+/(?:[\w.-]+\+)?(?:x?html|xml|x-oeb1-document)(?:\s*;.*)?")
_OTHER_TYPE = re.compile(r"(?:image|audio|video|font)/.*|text/(?:css|javascript)|.*(?:font|ncx).*")
_TEXT_NAME = re.compile(r".*\.(?:x?html?|xml)", re.IGNORECASE)
# Where a package says that its pages are fixed, which is how comics and scans are made.
_LAYOUTS = frozenset(("rendition:layout", "fixed-layout"))
_FIXED = frozenset(("pre-paginated", "true"))


class Package(NamedTuple):
    """The attributes of every file by its id; the ids of the documents in their order."""

    manifest: dict[str, dict[str, str]]
    spine: list[str]
    is_fixed: bool


class _Elements(Markup):
    """The elements of a small XML file: (name without prefix, attributes, text behind its tag)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Lists the element."""
        self.found.append((tag.rpartition(":")[2], {name: value or "" for name, value in attrs}))
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        """Adds text to the element that began last."""
        if self.texts:
            self.texts[-1] += data


def elements(text: str) -> list[tuple[str, dict[str, str]]]:
    """(name without prefix, attributes) of the elements of a small XML file, in small letters."""
    return _parsed(text).found


def _parsed(text: str) -> _Elements:
    parser = _Elements()
    parser.feed(text)
    parser.close()
    return parser


def read_package(text: str) -> Package:
    """What a package file says; a document that the spine lists twice counts once."""
    parsed = _parsed(text)
    package = Package({}, [], is_fixed=False)
    for (name, attributes), content in zip(parsed.found, parsed.texts, strict=True):
        if name == "item":
            package.manifest[attributes.get("id", "")] = attributes
        elif name == "itemref":
            package.spine.append(attributes.get("idref", ""))
        elif name == "meta" and _is_fixed(attributes, content):
            package = package._replace(is_fixed=True)
    return package._replace(spine=list(dict.fromkeys(package.spine)))


def _is_fixed(meta: dict[str, str], text: str) -> bool:
    names = (meta.get("property"), meta.get("name"))
    value = meta.get("content") or text
    return not _LAYOUTS.isdisjoint(names) and value.strip().lower() in _FIXED


def is_text(item: dict[str, str], name: str) -> bool:
    """Whether an entry of the manifest is a document, by its media type, or else by its name."""
    kind = item.get("media-type", "").strip().lower()
    if _OTHER_TYPE.fullmatch(kind):
        return False
    return bool(_TEXT_TYPE.fullmatch(kind) or not kind or _TEXT_NAME.fullmatch(name))
