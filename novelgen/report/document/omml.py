"""Formulas as Word's own equations: OMML, Office Math Markup (ECMA-376, part 1, section 22.1).

latex2mathml reads the LaTeX; what is here turns its MathML into OMML, which groups differently:
what stands between brackets, and what a sum is taken over, are elements that hold their content.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import unescape
from typing import Any
from xml.etree.ElementTree import Element

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from latex2mathml.converter import convert_to_element

_BRACKETS = {"(": ")", "[": "]", "|": "|"}
# What a sum is taken over ends before one of these.
_AFTER_SUM = {"=", "≥", "+", "−", ","}
_ACCENTS = {"~": "\u0303", "^": "\u0302"}
# Of the scripts of MathML, the element of OMML and its parts in their order.
_SCRIPTS = {
    "msub": ("m:sSub", ("m:e", "m:sub")),
    "msup": ("m:sSup", ("m:e", "m:sup")),
    "msubsup": ("m:sSubSup", ("m:e", "m:sub", "m:sup")),
}
_SPACES = {"1em": "\u2003", "0.167em": "\u2009"}
_SUM = "∑"
# How a run looks: letters are italic, signs upright, and words are text that keeps its spaces.
_LETTERS: dict[str, str] = {}
_SIGNS = {"m:sty": "p"}
_WORDS = {"m:nor": "1"}


def word_equation(latex: str) -> Any:
    """A formula as an `m:oMath` element. Raises ValueError for LaTeX that is not known."""
    equation = OxmlElement("m:oMath")
    equation.extend(_row(_children(convert_to_element(latex))))
    return equation


def _children(node: Element) -> list[Element]:
    """What stands in a row, without the rows that only hold other rows."""
    found: list[Element] = []
    for child in node:
        name = _name(child)
        if name in {"mrow", "mstyle"}:
            found += _children(child)
        else:
            found.append(child)
    return found


def _row(nodes: Sequence[Element]) -> list[Any]:
    """Neighbours as elements of OMML; letters of one kind share a run."""
    made: list[Any] = []
    place = 0
    while place < len(nodes):
        node = nodes[place]
        end = place + 1
        if _text(node) in _BRACKETS:
            end = _closing(nodes, place)
            made.append(_delimited(nodes[place], nodes[end], _row(nodes[place + 1 : end])))
            end += 1
        elif _is_sum(node):
            end = _end_of_sum(nodes, place + 1)
            made.append(_sum(node, _row(nodes[place + 1 : end])))
        elif len(node):
            made.append(_structure(node))
        else:
            _add_text(made, node)
        if _is_function(node) and end < len(nodes) and _needs_space(nodes[end]):
            _add_run(made, _SPACES["0.167em"], _WORDS)
        place = end
    return made


def _structure(node: Element) -> Any:
    """A fraction, a root, an accent, or a base with scripts."""
    name = _name(node)
    parts = [_row(_children_or_self(child)) for child in node]
    if name in _SCRIPTS:
        made, names = _SCRIPTS[name]
        return _element(made, zip(names, parts, strict=True))
    if name == "mfrac":
        return _element("m:f", zip(("m:num", "m:den"), parts, strict=True))
    if name == "msqrt":
        root = _element("m:rad", [("m:deg", []), ("m:e", parts[0])])
        root.insert(0, _properties("m:radPr", {"m:degHide": "1"}))
        return root
    if name == "mover" and _text(node[1]) in _ACCENTS:
        accent = _element("m:acc", [("m:e", parts[0])])
        accent.insert(0, _properties("m:accPr", {"m:chr": _ACCENTS[_text(node[1])]}))
        return accent
    if name == "mover":
        # An arrow. As an accent, LibreOffice shows that to the left as a dot.
        return _element("m:limUpp", zip(("m:e", "m:lim"), parts, strict=True))
    raise ValueError(f"no equation of Word for <{name}>")


def _sum(node: Element, content: Sequence[Any]) -> Any:
    """A sum with its limits, and what it is taken over."""
    limits: dict[str, list[Any]] = {"m:sub": [], "m:sup": []}
    if len(node):
        _made, names = _SCRIPTS[_name(node)]
        for name, child in zip(names[1:], node[1:], strict=True):
            limits[name] = _row(_children_or_self(child))
    made = _element("m:nary", [*limits.items(), ("m:e", content)])
    shown = {"m:chr": _SUM, "m:limLoc": "undOvr"}
    for name, hidden in (("m:sub", "m:subHide"), ("m:sup", "m:supHide")):
        if not limits[name]:
            shown[hidden] = "1"
    made.insert(0, _properties("m:naryPr", shown))
    return made


def _delimited(opening: Element, closing: Element, content: Sequence[Any]) -> Any:
    """What stands between brackets, which grow with it."""
    made = _element("m:d", [("m:e", content)])
    marks = {"m:begChr": _text(opening), "m:endChr": _text(closing)}
    made.insert(0, _properties("m:dPr", marks))
    return made


def _closing(nodes: Sequence[Element], opening: int) -> int:
    """The place of the bracket that closes the one at `opening`."""
    open_brackets: list[str] = []
    for place in range(opening, len(nodes)):
        text = _text(nodes[place])
        if open_brackets and text == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                return place
        elif text in _BRACKETS:
            open_brackets.append(_BRACKETS[text])
    raise ValueError(f"no {_BRACKETS[_text(nodes[opening])]} in the formula")


def _end_of_sum(nodes: Sequence[Element], start: int) -> int:
    """The place behind what a sum is taken over."""
    place = start
    while place < len(nodes) and _text(nodes[place]) not in _AFTER_SUM:
        place = _closing(nodes, place) + 1 if _text(nodes[place]) in _BRACKETS else place + 1
    return place


def _is_sum(node: Element) -> bool:
    return _text(node) == _SUM or (len(node) > 0 and _text(node[0]) == _SUM)


def _is_function(node: Element) -> bool:
    """Whether a name such as ln stands here."""
    base = node[0] if len(node) else node
    return _name(base) in {"mi", "mo"} and len(_text(base)) > 1


def _needs_space(node: Element) -> bool:
    """Whether this, behind the name of a function, would touch it."""
    return _name(node) != "mspace" and _text(node) not in _BRACKETS


def _add_text(made: list[Any], node: Element) -> None:
    """Adds letters, signs or a space to the row."""
    if _name(node) == "mspace":
        width = node.attrib["width"]
        if width not in _SPACES:
            raise ValueError(f"no space of {width} in an equation of Word")
        _add_run(made, _SPACES[width], _WORDS)
        return
    text = _text(node)
    if text.startswith("\\"):
        raise ValueError(f"unknown in a formula: {text}")
    look = _SIGNS
    if text.isspace() or len(text) > 1 or "mathvariant" in node.attrib:
        look = _WORDS
    elif _name(node) == "mi" and text.isalpha():
        look = _LETTERS
    elif not made and not text.isdigit():
        # A sign with nothing before it, as in y_{<i}: LibreOffice would miss its left side.
        look = _WORDS
    _add_run(made, text, look)


def _add_run(made: list[Any], text: str, look: dict[str, str]) -> None:
    """Adds a text to the row: to its last run, if that looks the same."""
    run = OxmlElement("m:r")
    if look:
        run.append(_properties("m:rPr", look))
    shown = OxmlElement("m:t")
    shown.set(qn("xml:space"), "preserve")
    shown.text = text
    run.append(shown)
    if made and made[-1].tag == run.tag and _look_of(made[-1]) == _look_of(run):
        made[-1][-1].text += text
    else:
        made.append(run)


def _look_of(run: Any) -> list[str]:
    return [each.tag for each in run.iterfind(f"{qn('m:rPr')}/*")]


def _element(name: str, parts: Any) -> Any:
    """An element whose parts, by name, hold the given contents."""
    made = OxmlElement(name)
    for part, content in parts:
        child = OxmlElement(part)
        child.extend(content)
        made.append(child)
    return made


def _properties(name: str, values: dict[str, str]) -> Any:
    made = OxmlElement(name)
    for key, value in values.items():
        child = OxmlElement(key)
        child.set(qn("m:val"), value)
        made.append(child)
    return made


def _children_or_self(node: Element) -> list[Element]:
    return _children(node) if _name(node) in {"mrow", "mstyle"} else [node]


def _name(node: Element) -> str:
    return node.tag.rpartition("}")[2]


def _text(node: Element) -> str:
    # The texts of latex2mathml's elements are escaped.
    return unescape(node.text or "")
