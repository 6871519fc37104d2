"""Is a line a heading? Forms of chapter headings, their numbers, and headings glued to their first line."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

LONGEST_HEADING = 60


class Headings(enum.Enum):
    """What makes a line a heading: its FORM (第N章 …); MARKDOWN: a # too; MARKED: nothing but a #, put before titles
    that the layout of a file gave away.
    """

    FORM = "form"
    MARKDOWN = "markdown"
    MARKED = "marked"


class Heading(NamedTuple):
    """A heading line.

    `key` is the line without spaces and decoration; `unit` the kind (章, 回, chapter, 楔子, 目录 …, "" for a bare
    title); `number` its number where it has one; `body` the text that was glued behind the heading; `is_entry` whether
    it is plainly a line of a table of contents (leader dots, or many chapters on one line).
    """

    key: str
    unit: str
    number: int | None = None
    body: str = ""
    is_entry: bool = False


_DIGITS = {
    character: value
    for value, characters in enumerate(
        (
            "〇零○Ｏ洞",
            "一壹弌—－―─",
            "二贰貳弍两兩",
            "三叁參叄弎参",
            "四肆",
            "五伍",
            "六陆陸",
            "七柒",
            "八捌",
            "九玖",
        )
    )
    for character in characters
}
_TENS = {"廿": 20, "卅": 30, "卌": 40}
_POWERS = {
    "十": 10,
    "拾": 10,
    "百": 100,
    "佰": 100,
    "千": 1000,
    "仟": 1000,
    "万": 10_000,
    "萬": 10_000,
}
_NUMERALS = "".join((*_DIGITS, *_TENS, *_POWERS))


def parse_number(text: str) -> int | None:
    """The value of a numeral: 12, １２, 十二, 一百零三, 廿一, 叁, 一二三 (123), 八十— (81); None where it is none.

    >>> parse_number("一百二十"), parse_number("一二〇"), parse_number("八十—")
    (120, 120, 81)
    """
    text = re.sub(r"[\s　]", "", text)
    if text.isdecimal():
        return int(text)
    if not text or any(character not in _NUMERALS for character in text):
        return None
    if not any(character in _POWERS or character in _TENS for character in text):
        return int("".join(str(_DIGITS[character]) for character in text))
    total = section = digit = 0
    for character in text:
        if character in _DIGITS:
            digit = digit * 10 + _DIGITS[character]
        elif character in _TENS:
            section, digit = section + _TENS[character], 0
        elif _POWERS[character] == 10_000:
            total, section, digit = (total + section + digit or 1) * 10_000, 0, 0
        else:
            section, digit = section + (digit or 1) * _POWERS[character], 0
    return total + section + digit


_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_WORDS = {
    word: value
    for value, words in enumerate(
        (
            "",
            "one first",
            "two second",
            "three third",
            "four fourth",
            "five fifth",
            "six sixth",
            "seven seventh",
            "eight eighth",
            "nine ninth",
            "ten tenth",
            "eleven eleventh",
            "twelve twelfth",
            "thirteen thirteenth",
            "fourteen fourteenth",
            "fifteen fifteenth",
            "sixteen sixteenth",
            "seventeen seventeenth",
            "eighteen eighteenth",
            "nineteen nineteenth",
            "twenty twentieth",
        )
    )
    for word in words.split()
}
_WORDS.update(thirty=30, forty=40, fifty=50)


def _english_number(text: str) -> int | None:
    if text.isdecimal():
        return int(text)
    if re.fullmatch(r"[IVXLCDM]+", text, re.IGNORECASE):
        values = [_ROMAN[letter] for letter in text.upper()]
        return sum(
            -value if value < max(values[index:]) else value for index, value in enumerate(values)
        )
    values = [_WORDS.get(word.lower()) for word in re.split(r"[\s-]+", text)]
    return None if None in values else sum(values)


_NUMERAL = rf"(?:[0-9０-９]{{1,5}}|[{_NUMERALS}](?:[ 　]?[{_NUMERALS}]){{0,8}})"
_UNIT = "部分|[回章节節卷折摺集部篇幕话話]"
_PART = re.compile(rf"第[ 　]*(?P<number>{_NUMERAL})[ 　]*(?P<unit>{_UNIT})")
_VOLUME = re.compile(
    rf"卷之?[ 　]?(?P<number>{_NUMERAL}|[上中下])(?=[\s：:、·.．—\-]|$)|"
    rf"(?P<half>[上中下][部卷篇编集])(?=[\s：:、·]|$)"
)
_NAMES = (
    "楔子|引子|引言|引|序[章言幕曲文篇]?|自序|代序|前言|小引|题记|題記|缘起(?:首回)?|緣起(?:首回)?|开篇|開篇|"
    "开场白|開場白|"
    "尾声|尾聲|后记|後記|跋|终[章曲卷局回]|終[章曲卷局回]|大结局|大結局|番外[篇章卷]?|外传|外傳|附录|附錄|"
    "正文|内容简介"
)
_NAMED = re.compile(
    rf"(?P<unit>{_NAMES})[ 　]*(?P<number>{_NUMERAL})?[ 　]*(?:[（(【].{{1,30}}[）)】])?(?=[\s：:、"
    rf"·—\-]|$)"
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
_PREFIX = re.compile(
    r"(?:《[^》]{1,20}》|正文|[☆★◎●■◆※＊*☆]+、?|#{1,6}(?=[ 　]|第)|[【〖［\[〔「『])?[ 　]*"
)
_STAR = re.compile(r"☆、?[ 　]*(?=\S)|#{1,6}[ 　]+(?=\S)")
_LEADERS = re.compile(r"(?:[.．·…‥・]{3,}|—{3,}|\t)[ 　]*[（(]?[0-9０-９]{1,4}[）)]?$")
_SEPARATOR = " 　：:、·—-―─．.．～~|｜,，【（(《“「『"
_BODY_MARK = re.compile(r"[。！？]|[，；：].*[，；：]")
_FIRST = frozenset(
    "第卷上中下楔引序自代前小题題缘緣开開尾后後跋终終大番外附正内目章《☆★◎●■◆※＊*#【〖［[〔「『cCbBpPv"
    "VeEtTiI"
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
_MENTION = frozenset(
    "中里裡的是讲講说說就已既曾所有和与與及以之末内內上下后後前起开開完了，。；！？”」』"
)


def _ends_like_prose(text: str) -> bool:
    return text.endswith(("。", "，", "；", "：", "、", ",", ";", "。”"))


def _title_and_body(rest: str) -> tuple[str, str] | None:
    """(title, glued body) of what stands behind a heading's number; None when it can be neither."""
    is_prose = _ends_like_prose(rest) or rest.count("，") + rest.count(",") > 3 or "。" in rest
    if len(rest) <= LONGEST_HEADING and not is_prose:
        return rest, ""
    words = re.split(r"([ 　]+)", rest.strip(" 　"))
    for index in range(0, len(words), 2):
        if _BODY_MARK.search(words[index]) or len(words[index]) > 30:
            body = "".join(words[index:])
            # Only a whitespace in front of real sentences shows where the title ends.
            certain = len(body) >= 15 and _BODY_MARK.search(body) and body[0] not in _MENTION
            title = "".join(words[:index]).strip()
            return (
                (title, body)
                if certain and len(title) <= LONGEST_HEADING and rest[:1] in " 　"
                else None
            )
    return None


def _behind_number(text: str, unit: str) -> tuple[str, str] | None:
    """As `_title_and_body`, for text that may start without a separator."""
    if not text or text[0] in _SEPARATOR:
        return _title_and_body(text)
    if (
        text[0] in _COMPOUND.get(unit, "")
        or text[0] in _MENTION
        or text[-1] in "。！？；：，、”…"
        or len(text) > 30
    ):
        return None
    return (text, "") if not re.search(r"[，。；：！？“”]", text[:-1]) else None


def _numbered(text: str, start: int) -> Heading | None:
    match = _PART.match(text, start)
    if not match:
        return None
    unit, number = match["unit"], parse_number(match["number"])
    inner = _PART.search(text, match.end(), match.end() + 40)
    if (
        inner
        and text[inner.start() - 1] in " 　"
        and not re.search("[，。！？；]", text[match.end() : inner.start()])
    ):
        # A volume's title with the chapter's on the same line: the chapter counts.
        found = _behind_number(text[inner.end() :], inner["unit"])
        if found:
            return Heading(text, inner["unit"], parse_number(inner["number"]), found[1])
    found = _behind_number(text[match.end() :], unit)
    return Heading(text, unit, number, found[1]) if found else None


def _volume_or_name(text: str, start: int) -> Heading | None:
    for pattern in (_VOLUME, _NAMED):
        match = pattern.match(text, start)
        found = match and _title_and_body(text[match.end() :])
        if found:
            groups = match.groupdict()
            unit = groups.get("unit") or groups.get("half") or "卷"
            return Heading(text, unit, parse_number(groups.get("number") or ""), found[1])
    return None


def _english(text: str, start: int) -> Heading | None:
    match = _ENGLISH.match(text, start)
    if not match or len(text) > LONGEST_HEADING + 40:
        return None
    if match["name"]:
        return Heading(text, match["name"].lower()) if match.end() == len(text) else None
    number, rest = _english_number(match["number"]), match["rest"]
    titled = (
        not rest.strip(" .:")
        or rest[0] in ".:—-–"
        or (rest[0] == " " and text.isupper())
        or (rest[0] == " " and match["unit"].lower() == "chapter" and rest[1:2].isupper())
    )
    if (
        number is None
        or not titled
        or rest.rstrip()[-1:] in (",", ";")
        or (rest.rstrip().endswith(".") and len(rest) > 40)
    ):
        return None
    return Heading(text, match["unit"].lower(), number)


def _entry(text: str) -> Heading | None:
    """A line of a table of contents, known by its leader dots or by the many headings in it."""
    if _LEADERS.search(text):
        heading = find_heading(_LEADERS.sub("", text).rstrip())
        return heading and heading._replace(is_entry=True)
    marks = _PART.findall(text)
    if (
        len(marks) >= 3
        and len({unit for _, unit in marks}) <= 2
        and not re.search(r"[。！？]", text)
    ):
        return Heading(text, marks[-1][1], parse_number(marks[-1][0]), is_entry=True)
    return None


def _key(text: str) -> str:
    return re.sub(r"[\s　#☆★◎●■◆※＊*、：:·.．—\-【】〖〗［］\[\]〔〕「」『』]", "", text)


def find_heading(line: str, headings: Headings = Headings.FORM) -> Heading | None:
    """The heading that a clean, stripped line is or begins with, else None."""
    if not line or line[0] not in _FIRST:
        return None
    if headings is not Headings.FORM and line.startswith("#") and len(line) <= LONGEST_HEADING + 40:
        title = line.lstrip("#").strip()
        return find_heading(title) or (Heading(_key(title), "") if title else None)
    if headings is Headings.MARKED:
        return None
    if _CONTENTS.fullmatch(line):
        return Heading(line, "目录")
    start = _PREFIX.match(line).end()
    text = line.rstrip(" 　】〗］]〕」』*＊☆★#") if start else line
    if (start and line[start - 1 : start] in "「『") or start >= len(text):
        start = 0
    heading = (
        _entry(text)
        or _numbered(text, start)
        or _volume_or_name(text, start)
        or _english(text, start)
    )
    if not heading and start and not _ends_like_prose(text):
        heading = _volume_or_name(text, 0)
    if not heading and _STAR.match(line) and len(text) <= 30 and line.startswith("☆"):
        heading = Heading(text, "")
    if not heading:
        return None
    title = line[: len(line) - len(heading.body)] if heading.body else line
    return heading._replace(key=_key(title))
