"""What a document is made of, whatever the file that it becomes.

All texts are plain: a renderer escapes what its format would read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

CENTIMETRES_PER_INCH = 2.54


class Picture(NamedTuple):
    """A figure as pixels and as vectors, and the size that it was drawn for, in centimetres."""

    png: bytes
    svg: bytes
    width: float
    height: float


@dataclass(frozen=True)
class Heading:
    """A heading; `number` is "" for what is not counted, such as the references."""

    level: int  # 1 to 3
    number: str
    text: str

    @property
    def full_text(self) -> str:
        """The number and the text."""
        return f"{self.number} {self.text}".strip()


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of prose."""

    text: str


@dataclass(frozen=True)
class Quotation:
    """A text that somebody else wrote: a novel, or a model. It may have several lines."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list; its items are numbered where `numbers` holds what stands before each."""

    items: Sequence[str]
    numbers: Sequence[str] = ()


@dataclass(frozen=True)
class Equation:
    """A numbered equation: LaTeX, of what matplotlib's mathtext knows, and the same as a picture.

    The size of the picture is that of the formula at the size of the text.
    """

    number: int
    latex: str
    picture: Picture


@dataclass(frozen=True)
class Table:
    """A numbered table. `widths` are the shares of the columns; None: by what stands in them."""

    number: int
    caption: str
    heading: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float] | None = None


@dataclass(frozen=True)
class Figure:
    """A numbered figure; `name` is that of its files, without a suffix."""

    number: int
    caption: str
    name: str
    picture: Picture


@dataclass(frozen=True)
class Code:
    """Commands or settings, shown as they are, line by line."""

    text: str


Element = Heading | Paragraph | Quotation | Bullets | Equation | Table | Figure | Code


@dataclass
class Document:
    """A document while it is written: it counts headings, equations, tables and figures.

    `details` are what stands below the title, label and value; `language` is "zh" or "en".
    """

    title: str
    language: str
    details: Sequence[tuple[str, str]] = ()
    elements: list[Element] = field(default_factory=list)
    _headings: list[int] = field(default_factory=list)
    _counts: dict[type, int] = field(default_factory=dict)

    def heading(self, level: int, text: str, *, numbered: bool = True) -> None:
        """Begins a section."""
        number = ""
        if numbered:
            counted = self._headings[:level]
            counted += [0] * (level - len(counted))
            counted[-1] += 1
            self._headings = counted
            number = ".".join(map(str, counted))
        self.elements.append(Heading(level, number, text))

    def paragraph(self, text: str) -> None:
        """Adds a paragraph."""
        self.elements.append(Paragraph(text))

    def quotation(self, text: str) -> None:
        """Adds a quoted text."""
        self.elements.append(Quotation(text))

    def bullets(self, items: Sequence[str], numbers: Sequence[str] = ()) -> None:
        """Adds a list; an empty one is left out."""
        if items:
            self.elements.append(Bullets(items, numbers))

    def code(self, text: str) -> None:
        """Adds lines of code."""
        self.elements.append(Code(text))

    def equation(self, latex: str, picture: Picture) -> int:
        """Adds an equation; returns its number."""
        number = self._next(Equation)
        self.elements.append(Equation(number, latex, picture))
        return number

    def table(
        self,
        caption: str,
        heading: Sequence[str],
        rows: Sequence[Sequence[str]],
        widths: Sequence[float] | None = None,
    ) -> int:
        """Adds a table; returns its number."""
        number = self._next(Table)
        self.elements.append(Table(number, caption, heading, rows, widths))
        return number

    def figure(self, caption: str, name: str, picture: Picture) -> int:
        """Adds a figure; returns its number."""
        number = self._next(Figure)
        self.elements.append(Figure(number, caption, name, picture))
        return number

    def next_number(self, kind: type) -> int:
        """The number that the next Table, Figure or Equation gets: a text may refer to it."""
        return self._counts.get(kind, 0) + 1

    def _next(self, kind: type) -> int:
        self._counts[kind] = self.next_number(kind)
        return self._counts[kind]
