"""A document as one HTML file that needs nothing beside it, with its figures as vectors."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
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
    Picture,
    Quotation,
    Table,
)
from novelgen.report.document.labels import caption, contents_title
from novelgen.report.document.layout import TEXT_WIDTH, column_shares

_LANGUAGES = {"zh": "zh-CN", "en": "en"}
_STYLE = Path(__file__).with_name("report.css")


def write_html(document: Document, path: Path) -> None:
    """Writes the document as one HTML file."""
    path.write_text("\n".join(_lines(document)) + "\n", encoding="utf-8")


def _lines(document: Document) -> Iterator[str]:
    title = escape(document.title)
    style = _STYLE.read_text(encoding="utf-8")
    yield "<!DOCTYPE html>"
    yield f'<html lang="{_LANGUAGES[document.language]}">'
    yield '<head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title><style>{style}</style></head>"
    yield f"<body><h1>{title}</h1>"
    details = (f"<li>{escape(label)}  {escape(value)}</li>" for label, value in document.details)
    yield f'<ul class="details">{"".join(details)}</ul>'
    yield from _contents(document)
    places = iter(range(1, len(document.elements) + 1))
    yield "<main>"
    for element in document.elements:
        anchor = ""
        if isinstance(element, Heading):
            anchor = f"section{next(places)}"
        yield _rendered(element, anchor)
    yield "</main></body></html>"


def _contents(document: Document) -> Iterator[str]:
    """The table of contents, with a link to every heading."""
    yield f"<nav><h2>{escape(contents_title())}</h2><ul>"
    headings = (element for element in document.elements if isinstance(element, Heading))
    for place, heading in enumerate(headings, 1):
        link = f'<a href="#section{place}">{escape(heading.full_text)}</a>'
        yield f'<li class="level{heading.level}">{link}</li>'
    yield "</ul></nav>"


def _rendered(element: Element, anchor: str) -> str:
    match element:
        case Heading():
            name = f"h{element.level + 1}"
            return f'<{name} id="{anchor}">{escape(element.full_text)}</{name}>'
        case Paragraph():
            return f"<p>{_text(element.text)}</p>"
        case Quotation():
            return f"<blockquote><p>{_text(element.text)}</p></blockquote>"
        case Bullets():
            return _bullets(element)
        case Equation():
            image = _image(element.picture, element.latex)
            return f'<div class="equation">{image}<span>({element.number})</span></div>'
        case Table():
            return _table(element)
        case Figure():
            image = _image(element.picture, element.caption)
            title = escape(caption(element))
            return f"<figure>{image}<figcaption>{title}</figcaption></figure>"
        case Code():
            return f"<pre><code>{escape(element.text)}</code></pre>"


def _bullets(element: Bullets) -> str:
    if not element.numbers:
        items = "".join(f"<li>{_text(item)}</li>" for item in element.items)
        return f"<ul>{items}</ul>"
    numbered = zip(element.numbers, element.items, strict=True)
    items = "".join(f"<li>{escape(number)} {_text(item)}</li>" for number, item in numbered)
    return f'<ul class="numbered">{items}</ul>'


def _table(element: Table) -> str:
    columns = "".join(f'<col style="width:{share:.1%}">' for share in column_shares(element))
    heading = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in element.heading)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>"
        for row in element.rows
    )
    return (
        f'<div class="table"><table><caption>{escape(caption(element))}</caption>'
        f"<colgroup>{columns}</colgroup><thead><tr>{heading}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _text(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _image(picture: Picture, description: str) -> str:
    """The picture within the file; a screen reader says the description."""
    data = base64.b64encode(picture.svg).decode()
    width = min(picture.width, TEXT_WIDTH)
    return (
        f'<img src="data:image/svg+xml;base64,{data}" style="width:{width:.2f}cm" '
        f'alt="{escape(description)}">'
    )
