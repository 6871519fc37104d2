"""A document as GitHub's Markdown, with its figures as files beside it."""

from __future__ import annotations

from pathlib import Path

from novelgen.report.document.elements import (
    Bullets,
    Code,
    Document,
    Element,
    Equation,
    Figure,
    Heading,
    Paragraph,
    Quotation,
    Table,
)
from novelgen.report.document.labels import caption
from novelgen.report.tables import literal, to_markdown

FIGURES = "figures"


def write_markdown(document: Document, path: Path) -> None:
    """Writes the document, and its figures as PNG and SVG into the folder `figures` beside it."""
    folder = path.parent / FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    parts = [f"# {literal(document.title)}\n"]
    if document.details:
        parts.append("".join(f"- {literal(f'{a}: {b}')}\n" for a, b in document.details))
    for element in document.elements:
        if isinstance(element, Figure):
            (folder / f"{element.name}.png").write_bytes(element.picture.png)
            (folder / f"{element.name}.svg").write_bytes(element.picture.svg)
        parts.append(_rendered(element))
    path.write_text("\n".join(parts), encoding="utf-8")


def _rendered(element: Element) -> str:
    """An element as lines that end with a newline."""
    match element:
        case Heading():
            # The title of the document is the only heading of the first level.
            return f"{'#' * (element.level + 1)} {literal(element.full_text)}\n"
        case Paragraph():
            return f"{literal(element.text)}\n"
        case Quotation():
            return "".join(f"> {literal(line)}\n>\n" for line in element.text.splitlines())
        case Bullets():
            marks = [f"{number} " for number in element.numbers] or ["- "] * len(element.items)
            lines = zip(marks, element.items, strict=True)
            return "".join(f"{_mark(mark)}{literal(item)}\n" for mark, item in lines)
        case Equation():
            return f"$$\n{element.latex} \\tag{{{element.number}}}\n$$\n"
        case Table():
            title = f"**{literal(caption(element))}**\n\n"
            return title + to_markdown(element.heading, element.rows)
        case Figure():
            title = literal(caption(element))
            return f"![{title}]({FIGURES}/{element.name}.png)\n\n*{title}*\n"
        case Code():
            return f"```\n{element.text}\n```\n"


def _mark(mark: str) -> str:
    """What stands before an item: what is no mark of a list itself is one within it."""
    if mark == "- ":
        return mark
    return f"- {literal(mark)}"
