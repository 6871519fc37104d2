"""Whether a line is a heading: the forms of chapter headings, alone or glued to a first line."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

from novelgen.text.headingforms import (
    BODY_MARK,
    COMPOUND,
    CONTENTS,
    DECORATION,
    ENGLISH,
    FIRST,
    LEADERS,
    LONGEST_HEADING,
    MENTION,
    NAMED,
    PART,
    PREFIX,
    RULE_END,
    RULE_PREFIX,
    SEPARATOR,
    STAR,
    VOLUME,
    VOLUME_BEFORE,
    ends_like_prose,
    heading_key,
    shown_title,
    without_page,
)
from novelgen.text.numbering import find_numbered_title
from novelgen.text.numerals import english_number, parse_number

# Characters of the dots and the page at the end of an entry of a table of contents.
_LONGEST_LEADERS = 200


class Headings(enum.Enum):
    """What makes a line a heading.

    FORM: its form (第N章 …). MARKDOWN: a # too. MARKED: nothing but a #, put before the titles
    that the layout of a file shows. CLEAR: a #, or a form with a space or a sign behind its
    number; the others are sentences, because the file marks its own headings.
    """

    FORM = "form"
    MARKDOWN = "markdown"
    MARKED = "marked"
    CLEAR = "clear"


class Heading(NamedTuple):
    """A heading line.

    `key` is the line without spaces and decoration; `unit` the kind (章, 回, chapter, 楔子, 目录 …,
    "" for a bare title); `number` its number where it has one; `body` the text that was glued
    behind the heading; `is_entry` whether it is plainly a line of a table of contents (leader
    dots, or many chapters on one line); `is_glued` whether its title follows the unit at once;
    `title` is the line as a reader sees it, without decoration around it.
    """

    key: str
    unit: str
    number: int | None = None
    body: str = ""
    is_entry: bool = False
    is_glued: bool = False
    title: str = ""


def _glued_body(rest: str) -> str | None:
    """The body that is glued behind a heading's title; "" where all of `rest` is the title.

    `rest` is what stands behind the heading's number. None when it can be no title.
    """
    is_prose = ends_like_prose(rest) or rest.count("，") + rest.count(",") > 3 or "。" in rest
    if len(rest) <= LONGEST_HEADING and not is_prose:
        return ""
    # Words and the spaces between them in turn; the title ends before the first that is prose.
    words = re.split(r"([ 　]+)", rest.strip(" 　"))
    for index in range(0, len(words), 2):
        if BODY_MARK.search(words[index]) or len(words[index]) > 30:
            body = "".join(words[index:])
            title = "".join(words[:index]).strip()
            # Only a space in front of real sentences shows where the title ends.
            is_body = len(body) >= 15 and BODY_MARK.search(body) and body[0] not in MENTION
            if is_body and len(title) <= LONGEST_HEADING and rest[:1] in " 　":
                return body
            return None
    return None


def _is_glued(rest: str) -> bool:
    return bool(rest) and rest[0] not in SEPARATOR and rest[0] != "。"


def _body_behind_number(text: str, unit: str) -> str | None:
    """As `_glued_body`, for text that may start without a separator."""
    # Cleaning makes a full stop of the dot in 第1章.标题.
    if text[:1] == "。" and len(text) <= LONGEST_HEADING:
        text = " " + text[1:]
    if not _is_glued(text):
        return _glued_body(text)
    is_word = text[0] in COMPOUND.get(unit, "") or text[0] in MENTION
    if is_word or text[-1] in "。！？；：，、”…" or len(text) > 30:
        return None
    if re.search(r"[，。；：！？“”]", text[:-1]):
        return None
    return ""


def _numbered(text: str, start: int) -> Heading | None:
    """第N章, 第N回 and the like; the chapter where a volume and a chapter share the line."""
    # 1. A volume and its chapter: 第一卷 少年行 第三章 下山, 卷三第四章.
    volume = VOLUME_BEFORE.match(text, start)
    if volume:
        heading = _part(text, volume.end())
        if heading or not volume["title"]:
            # 第二卷第三章里 speaks of a chapter, and is no volume either.
            return heading
    # 2. Another first part, whose title a space ends.
    match = PART.match(text, start)
    if match is None:
        return None
    inner = PART.search(text, match.end(), match.end() + 40)
    if inner is not None and text[inner.start() - 1] in " 　":
        volume_title = text[match.end() : inner.start()]
        heading = _part(text, inner.start())
        if heading and not re.search("[，。！？；]", volume_title):
            return heading
    # 3. One number.
    return _part(text, start)


def _part(text: str, start: int) -> Heading | None:
    """The heading whose 第N章 stands at `start`."""
    match = PART.match(text, start)
    if match is None:
        return None
    rest = text[match.end() :]
    body = _body_behind_number(rest, match["unit"])
    if body is None:
        return None
    number = parse_number(match["number"])
    return Heading(text, match["unit"], number, body, is_glued=_is_glued(rest))


def _volume_or_name(text: str, start: int) -> Heading | None:
    """卷N, 上部 and the like, or a chapter with a name in place of a number."""
    for pattern in (VOLUME, NAMED):
        match = pattern.match(text, start)
        if match is None:
            continue
        body = _glued_body(text[match.end() :])
        if body is not None:
            groups = match.groupdict()
            unit = groups.get("unit") or groups.get("half") or "卷"
            return Heading(text, unit, parse_number(groups.get("number") or ""), body)
    return None


def _english(text: str, start: int) -> Heading | None:
    """Chapter 12, Book the Third, Prologue and the like."""
    match = ENGLISH.match(text, start)
    if match is None or len(text) > LONGEST_HEADING + 40:
        return None
    if match["name"]:
        if match.end() < len(text):
            return None
        return Heading(text, match["name"].lower())
    number = english_number(match["number"])
    if number is None or not _is_english_title(match["rest"], match["unit"], text):
        return None
    return Heading(text, match["unit"].lower(), number)


def _is_english_title(rest: str, unit: str, line: str) -> bool:
    """Whether what follows the number is a title or nothing, not the rest of a sentence."""
    last = rest.rstrip()[-1:]
    if last in (",", ";", "，", "；", "。") or (last == "." and len(rest) > 40):
        return False
    if not rest.strip(" .:") or rest[0] in ".:—-–：、．·":
        return True
    # A Chinese title has no capitals, and needs no space before it.
    if not rest.lstrip(" 　】）)]")[:1].isascii():
        return True
    if rest[0] != " ":
        return False
    return line.isupper() or (unit.lower() == "chapter" and rest[1:2].isupper())


def _entry(text: str) -> Heading | None:
    """A line of a table of contents, known by its leader dots or by the many headings in it."""
    # A long run of dots would be searched from each of them.
    leaders = LEADERS.search(text, max(0, len(text) - _LONGEST_LEADERS))
    if leaders:
        heading = find_heading(text[: leaders.start()].rstrip(" 　.．·…‥・—"))
        if heading is None:
            return None
        return heading._replace(is_entry=True)
    marks: list[tuple[str, str]] = PART.findall(text)  # (number, unit) of each
    units = {unit for _, unit in marks}
    if len(marks) >= 3 and len(units) <= 2 and not re.search(r"[。！？]", text):
        number, unit = marks[-1]
        return Heading(text, unit, parse_number(number), is_entry=True)
    return None


def _marked(line: str) -> Heading | None:
    """The heading of a line that begins with #, whatever its title is."""
    title = line.lstrip("#").strip()
    if not title:
        return None
    heading = find_heading(title)
    if heading:
        return heading
    # The file as a whole showed that it is one: its number may stand anywhere.
    heading = Heading(heading_key(title), "", title=shown_title(title))
    part = PART.search(title, 0, LONGEST_HEADING)
    if part:
        return heading._replace(unit=part["unit"], number=parse_number(part["number"]))
    numbered = find_numbered_title(title)
    if numbered:
        return heading._replace(unit=numbered.unit, number=numbered.number)
    return heading


def _undecorated(line: str) -> tuple[str, int]:
    """(the line without decoration at its end, where its heading would begin)."""
    rule = RULE_PREFIX.match(line)
    if rule and RULE_END.search(line, rule.end()):
        return RULE_END.sub("", line).rstrip(), rule.end()
    prefix = PREFIX.match(line)
    assert prefix is not None  # the pattern matches the empty string too
    start = prefix.end()
    if not start:
        return line, 0
    text = line.rstrip(DECORATION)
    # What a quotation mark opens is speech.
    if line[start - 1] in "「『" or start >= len(text):
        start = 0
    return text, start


def find_heading(line: str, headings: Headings = Headings.FORM) -> Heading | None:
    """The heading that a clean, stripped line is or begins with, else None."""
    if not line or line[0] not in FIRST:
        return None

    # 1. A # before a title, where it means a heading, and the title of a table of contents.
    is_short = len(line) <= LONGEST_HEADING + 40
    if headings is not Headings.FORM and line.startswith("#") and is_short:
        return _marked(line)
    if headings is Headings.MARKED:
        return None
    if CONTENTS.fullmatch(line):
        return Heading(line, "目录", title=line)

    # 2. The forms, the surest one first. Decoration around the heading does not count.
    text, start = _undecorated(line)
    text = without_page(text)
    heading = (
        _entry(text)
        or _numbered(text, start)
        or _volume_or_name(text, start)
        or _english(text, start)
    )
    if not heading and start and not ends_like_prose(text):
        # The prefix itself may be the name: 正文.
        heading = _volume_or_name(text, 0)
    if not heading and STAR.match(line) and len(text) <= 30:
        heading = Heading(text, "")
    if not heading:
        return None
    # Decoration before a heading shows it as a space behind its number does.
    is_glued = heading.is_glued and not start
    if is_glued and headings is Headings.CLEAR:
        return None

    # 3. The key is made of the title alone, without a body that is glued behind it.
    title = line[: len(line) - len(heading.body)].rstrip()
    return heading._replace(key=heading_key(title), title=shown_title(title), is_glued=is_glued)
