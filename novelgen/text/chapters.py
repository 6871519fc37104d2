"""Whether a line is a heading: the forms of chapter headings, alone or glued to a first line."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

from novelgen.text.numerals import NUMERALS, english_number, parse_number

LONGEST_HEADING = 60
"""Characters."""


class Headings(enum.Enum):
    """What makes a line a heading.

    FORM: its form (第N章 …). MARKDOWN: a # too. MARKED: nothing but a #, put before the titles
    that the layout of a file shows.
    """

    FORM = "form"
    MARKDOWN = "markdown"
    MARKED = "marked"


class Heading(NamedTuple):
    """A heading line.

    `key` is the line without spaces and decoration; `unit` the kind (章, 回, chapter, 楔子, 目录 …,
    "" for a bare title); `number` its number where it has one; `body` the text that was glued
    behind the heading; `is_entry` whether it is plainly a line of a table of contents (leader
    dots, or many chapters on one line).
    """

    key: str
    unit: str
    number: int | None = None
    body: str = ""
    is_entry: bool = False


# A number, up to nine Chinese numerals with spaces between them, or five digits.
_NUMERAL = rf"(?:[0-9０-９]{{1,5}}|[{NUMERALS}](?:[ 　]?[{NUMERALS}]){{0,8}})"
_UNIT = "部分|[回章节節卷折摺集部篇幕话話]"
_PART = re.compile(rf"第[ 　]*(?P<number>{_NUMERAL})[ 　]*(?P<unit>{_UNIT})")
_VOLUME = re.compile(
    rf"卷之?[ 　]?(?P<number>{_NUMERAL}|[上中下])(?=[\s：:、·.．—\-]|$)|"
    rf"(?P<half>[上中下][部卷篇编集])(?=[\s：:、·]|$)"
)
# Chapters that have a name in place of a number: prologues, prefaces, epilogues, extras.
_NAMES = (
    "楔子|引子|引言|引|序[章言幕曲文篇]?|自序|代序|前言|小引|题记|題記|"
    "缘起(?:首回)?|緣起(?:首回)?|开篇|開篇|开场白|開場白|"
    "尾声|尾聲|后记|後記|跋|终[章曲卷局回]|終[章曲卷局回]|大结局|大結局|番外[篇章卷]?|"
    "外传|外傳|附录|附錄|正文|内容简介"
)
_NAMED = re.compile(
    rf"(?P<unit>{_NAMES})[ 　]*(?P<number>{_NUMERAL})?[ 　]*(?:[（(【].{{1,30}}[）)】])?"
    rf"(?=[\s：:、·—\-]|$)"
)
_CONTENTS = re.compile(
    r"(?:目[ 　]*[录錄次]|章节目录|章節目錄|contents|table of contents)[：:]?", re.IGNORECASE
)
_ENGLISH = re.compile(
    r"(?P<unit>chapter|book|part|volume)\s+(?:the\s+)?(?P<number>\d{1,4}|[IVXLC]{1,9}|"
    r"[A-Za-z]+(?:-[A-Za-z]+)?)(?P<rest>.*)"
    r"|(?P<name>prologue|epilogue|preface|introduction)(?P<tail>[.:]?)",
    re.IGNORECASE,
)
# What may stand before a heading: the book's name, decoration, # signs, an opening bracket.
_PREFIX = re.compile(
    r"(?:《[^》]{1,20}》|正文|[☆★◎●■◆※＊*☆]+、?|#{1,6}(?=[ 　]|第)|[【〖［\[〔「『])?[ 　]*"
)
_STAR = re.compile(r"☆、?[ 　]*(?=\S)|#{1,6}[ 　]+(?=\S)")
# The dots, dashes or the tab of a table of contents, and the number of the page.
_LEADERS = re.compile(r"(?:[.．·…‥・]{3,}|—{3,}|\t)[ 　]*[（(]?[0-9０-９]{1,4}[）)]?$")
# What may follow a heading's number at once.
_SEPARATOR = " 　：:、·—-―─．.．～~|｜,，【（(《“「『"
# Sentences rather than a title.
_BODY_MARK = re.compile(r"[。！？]|[，；：].*[，；：]")
# The first characters of all forms: few lines of a book begin with one, so the rest is quick.
_FIRST = frozenset(
    "第卷上中下楔引序自代前小题題缘緣开開尾后後跋终終大番外附正内目章"
    "《☆★◎●■◆※＊*#【〖［[〔「『cCbBpPvVeEtTiI"
)
# What follows the unit where 第N… is an ordinary word: 第三回合, 第一集团军, 第二部队, 第五章程.
_COMPOUND = {
    "集": "团團体體合",
    "节": "课課目日",
    "節": "課目日",
    "部": "队隊长長分门門落署",
    "回": "合头頭来來去到家见見，",
    "章": "程鱼",
    "卷": "子入土起",
    "折": "子扣",
    "幕": "后後僚布",
    "篇": "文",
    "话": "题題剧劇音",
    "話": "題劇音",
    "部分": "",
    "摺": "",
}
# What follows where a sentence speaks of a chapter: 第三章里, 第三章的.
_MENTION = frozenset(
    "中里裡的是讲講说說就已既曾所有和与與及以之末内內上下后後前起开開完了，。；！？”」』"
)


def _ends_like_prose(text: str) -> bool:
    return text.endswith(("。", "，", "；", "：", "、", ",", ";", "。”"))


def _glued_body(rest: str) -> str | None:
    """The body that is glued behind a heading's title; "" where all of `rest` is the title.

    `rest` is what stands behind the heading's number. None when it can be no title.
    """
    is_prose = _ends_like_prose(rest) or rest.count("，") + rest.count(",") > 3 or "。" in rest
    if len(rest) <= LONGEST_HEADING and not is_prose:
        return ""
    # Words and the spaces between them in turn; the title ends before the first that is prose.
    words = re.split(r"([ 　]+)", rest.strip(" 　"))
    for index in range(0, len(words), 2):
        if _BODY_MARK.search(words[index]) or len(words[index]) > 30:
            body = "".join(words[index:])
            title = "".join(words[:index]).strip()
            # Only a space in front of real sentences shows where the title ends.
            is_body = len(body) >= 15 and _BODY_MARK.search(body) and body[0] not in _MENTION
            if is_body and len(title) <= LONGEST_HEADING and rest[:1] in " 　":
                return body
            return None
    return None


def _body_behind_number(text: str, unit: str) -> str | None:
    """As `_glued_body`, for text that may start without a separator."""
    if not text or text[0] in _SEPARATOR:
        return _glued_body(text)
    is_word = text[0] in _COMPOUND.get(unit, "") or text[0] in _MENTION
    if is_word or text[-1] in "。！？；：，、”…" or len(text) > 30:
        return None
    if re.search(r"[，。；：！？“”]", text[:-1]):
        return None
    return ""


def _numbered(text: str, start: int) -> Heading | None:
    """第N章, 第N回 and the like; the chapter where a volume and a chapter share the line."""
    match = _PART.match(text, start)
    if match is None:
        return None
    inner = _PART.search(text, match.end(), match.end() + 40)
    if inner is not None and text[inner.start() - 1] in " 　":
        volume_title = text[match.end() : inner.start()]
        body = _body_behind_number(text[inner.end() :], inner["unit"])
        if body is not None and not re.search("[，。！？；]", volume_title):
            return Heading(text, inner["unit"], parse_number(inner["number"]), body)
    body = _body_behind_number(text[match.end() :], match["unit"])
    if body is None:
        return None
    return Heading(text, match["unit"], parse_number(match["number"]), body)


def _volume_or_name(text: str, start: int) -> Heading | None:
    """卷N, 上部 and the like, or a chapter with a name in place of a number."""
    for pattern in (_VOLUME, _NAMED):
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
    match = _ENGLISH.match(text, start)
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
    if last in (",", ";") or (last == "." and len(rest) > 40):
        return False
    if not rest.strip(" .:") or rest[0] in ".:—-–":
        return True
    if rest[0] != " ":
        return False
    return line.isupper() or (unit.lower() == "chapter" and rest[1:2].isupper())


def _entry(text: str) -> Heading | None:
    """A line of a table of contents, known by its leader dots or by the many headings in it."""
    if _LEADERS.search(text):
        heading = find_heading(_LEADERS.sub("", text).rstrip())
        if heading is None:
            return None
        return heading._replace(is_entry=True)
    marks: list[tuple[str, str]] = _PART.findall(text)  # (number, unit) of each
    units = {unit for _, unit in marks}
    if len(marks) >= 3 and len(units) <= 2 and not re.search(r"[。！？]", text):
        number, unit = marks[-1]
        return Heading(text, unit, parse_number(number), is_entry=True)
    return None


def _markdown(line: str) -> Heading | None:
    """The heading of a line that begins with #, whatever its title is."""
    title = line.lstrip("#").strip()
    if not title:
        return None
    return find_heading(title) or Heading(_key(title), "")


def _key(text: str) -> str:
    return re.sub(r"[\s　#☆★◎●■◆※＊*、：:·.．—\-【】〖〗［］\[\]〔〕「」『』]", "", text)


def find_heading(line: str, headings: Headings = Headings.FORM) -> Heading | None:
    """The heading that a clean, stripped line is or begins with, else None."""
    if not line or line[0] not in _FIRST:
        return None

    # 1. A # before a title, where it means a heading, and the title of a table of contents.
    is_short = len(line) <= LONGEST_HEADING + 40
    if headings is not Headings.FORM and line.startswith("#") and is_short:
        return _markdown(line)
    if headings is Headings.MARKED:
        return None
    if _CONTENTS.fullmatch(line):
        return Heading(line, "目录")

    # 2. Decoration around the heading does not count; what a quotation mark opens is speech.
    prefix = _PREFIX.match(line)
    assert prefix is not None  # the pattern matches the empty string too
    start = prefix.end()
    text = line
    if start:
        text = line.rstrip(" 　】〗］]〕」』*＊☆★#")
    if (start and line[start - 1 : start] in "「『") or start >= len(text):
        start = 0

    # 3. The forms, the surest one first.
    heading = (
        _entry(text)
        or _numbered(text, start)
        or _volume_or_name(text, start)
        or _english(text, start)
    )
    if not heading and start and not _ends_like_prose(text):
        # The prefix itself may be the name: 正文.
        heading = _volume_or_name(text, 0)
    if not heading and _STAR.match(line) and len(text) <= 30 and line.startswith("☆"):
        heading = Heading(text, "")
    if not heading:
        return None

    # 4. The key is made of the title alone, without a body that is glued behind it.
    title = line[: len(line) - len(heading.body)]
    return heading._replace(key=_key(title))
