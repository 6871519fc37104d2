"""Small rules from text to text that make the lines of a corpus clean.

Each treats every line alone: rule(block) is its lines' results, joined again.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Callable

from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.text.private_use import private_use
from novelgen.text.spaces import stray_spaces

Rule = Callable[[str], str]

# The inside of a character class: ideographs, and the signs that stand for them.
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇○□"

_ENTITY = re.compile(r"&(?:amp;)*(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8}[0-9]{0,2});")
_BLOCK_TAGS = (
    "br|p|div|li|ul|ol|dl|dt|dd|h[1-6]|tr|table|blockquote|hr|section|article|title|body|html|"
    "head|center"
)
_INLINE_TAGS = (
    "b|i|u|s|em|strong|span|font|a|img|sup|sub|small|big|strike|del|ins|td|th|tbody|thead|meta|"
    "link|script|style|input|iframe|ruby|rt|rp|rb|pre|code|nobr|wbr|label|form|button|o:p"
)
# An attribute needs its "=", so that a text's own "a <b and c> d" survives.
_ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"\n]*"|'[^'\n]*'|[^\s"'<>]+))*\s*/?"""
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK_TAGS}){_ATTRIBUTES}>", re.IGNORECASE)
_INLINE_TAG = re.compile(
    rf"<(script|style)\b[^<>\n]*>[^\n]*?</\1>|</?(?:{_INLINE_TAGS}){_ATTRIBUTES}>|<!--[^\n]*?-->"
    r"|<!DOCTYPE[^<>\n]*>|<\?xml[^<>\n]*\?>",
    re.IGNORECASE,
)
# The readings above or beside characters (ruby), with the brackets for readers that show none.
_READING = re.compile(r"<(rt|rp|rtc)\b[^<>\n]*>[^<>\n]*</\1\s*>", re.IGNORECASE)
# An unclosed reading ends where the next part begins, as HTML allows.
_OPEN_READING = re.compile(
    r"<(?:rt|rp)\b[^<>\n]*>[^<>\n]*(?=<(?:rt|rp|rb|/ruby|/rtc)\b)", re.IGNORECASE
)
# Control characters (but spaces and line ends), format characters, variation selectors,
# noncharacters, surrogates, and the planes beyond those that are in use. The private-use ones have
# a rule of their own.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000effff\U000ffffe\U000fffff"
    "\U0010fffe\U0010ffff]+"
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SPACES = re.compile("[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u2800\u3164]")
_RUN_OF_SPACES = re.compile("[ 　]{2,}")
# Of spaces only those within a line: several empty lines are no ruler.
_RULER = re.compile(r"^(?:(?:[-=_~#+*＝－＊＿～※☆★◇◆]|[^\S\n]){3,}|—{5,}|[·.]{12,})$", re.MULTILINE)
# Both neighbours of the dot in 约翰．史密斯 are characters that transcribe foreign names.
_NAME = frozenset(
    "阿艾爱安奥巴白柏班邦保贝比彼别宾波伯勃博布查达大戴丹道德登迪蒂丁杜多顿恩尔法范菲费弗福夫"
    "冈戈格哥古哈海汉赫亨华霍基吉加贾杰金卡凯坎康考科克肯库夸拉莱赖兰朗劳勒雷蕾里丽莉利列林琳"
    "卢鲁路伦罗洛马玛麦曼梅门蒙米密莫姆穆纳娜南内欧逊翰尼宁诺帕培佩皮普奇乔切琼让萨塞森沙莎山"
    "舍圣史什斯司苏索塔泰坦汤特腾提汀图托瓦万威韦维温文翁沃乌伍西希夏肖谢休雅亚扬耶叶伊英尤于"
    "约泽詹珍朱茨兹佐愛奧貝賓達爾費馮岡漢華賈凱萊賴蘭勞麗盧魯倫羅馬瑪麥門蒙諾喬薩聖蘇圖萬衛溫"
    "烏謝亞揚葉約澤"
)
# Between Chinese characters, closing marks before it and opening ones after it included.
_BETWEEN_HAN = rf"(?<=[{_HAN}”’」』）].)(?=[{_HAN}“‘「『（《”’」』]|$)"
# The mark comes before the look-behind, because a search for single characters is fast.
_WIDE_STOP = re.compile(rf"[．｡﹒]{_BETWEEN_HAN}", re.MULTILINE)
_NARROW = re.compile(rf"[,?!;:.]{_BETWEEN_HAN}", re.MULTILINE)
# What follows a gap, to the end of its line or the next gap.
_FOLLOWING = re.compile(r"[^\n]{0,200}?(?=\n|$|　　)")
_LONGEST_FOLLOWING = 200
_FULL_WIDTH = {",": "，", "?": "？", "!": "！", ";": "；", ":": "：", ".": "。"}


def entities(text: str) -> str:
    """HTML entities, escaped once or more often: &nbsp; &#20320; &amp;lt;."""
    if "&" not in text:
        return text
    return _ENTITY.sub(_unescape, text)


def _unescape(match: re.Match[str]) -> str:
    """The character of an entity, however often its & was escaped."""
    if match[0] == "&amp;":
        return "&"
    return html.unescape(match[0].replace("&amp;", "&"))


def tags(text: str) -> str:
    """HTML tags: those of blocks break the line, others go; a text's own < stays.

    The readings of ruby go with their tags.
    """
    if "<" not in text:
        return text
    text = _OPEN_READING.sub("", _READING.sub("", text))
    return _BLOCK_TAG.sub("\n", _INLINE_TAG.sub("", text))


def newlines(text: str) -> str:
    """Every kind of line end becomes a line feed."""
    if "\r" in text:
        text = re.sub("\r+(?=\n|$)", "", text).replace("\r", "\n")
    for other in ("\x0b", "\x0c", "\x85", "\u2028", "\u2029"):
        text = text.replace(other, "\n")
    return text


def invisible(text: str) -> str:
    """Control and zero-width characters, noncharacters and lone surrogates."""
    return _INVISIBLE.sub("", text)


def plain(text: str) -> str:
    """A line that is meant as it stands, without control characters.

    Those that are spaces become ordinary ones.
    """
    return _CONTROL.sub(_plain_space, text)


def _plain_space(match: re.Match[str]) -> str:
    if match[0].isspace():
        return " "
    return ""


def replacement_marks(text: str) -> str:
    """The marks � that stand where bytes could not be decoded."""
    return text.replace("\ufffd", "")


def unusual_spaces(text: str) -> str:
    """Tabs, no-break spaces and typographic spaces become ordinary ones."""
    return _SPACES.sub(" ", text)


def _is_break(gap: re.Match[str]) -> bool:
    """Whether a wide gap hides a paragraph break: a sentence ends before it, or prose follows."""
    text, start, end = gap.string, gap.start(), gap.end()
    # 1. Two full-width spaces are an indentation, four others are wide enough to be one.
    if gap[0].count("　") < 2 and len(gap[0]) < 4:
        return False
    # 2. At either end of a line there is nothing to break.
    if start == 0 or text[start - 1] == "\n" or text[end : end + 1] in ("", "\n"):
        return False
    # 3. A sentence ends before the gap.
    if text[start - 1] in '。！？…”’」』）!?—"':
        return True
    # 4. Prose follows: a stop, a colon, a quotation, or two commas.
    if "　" not in gap[0]:
        return False
    found = _FOLLOWING.match(text, end)
    following = found[0] if found else text[end : end + _LONGEST_FOLLOWING]
    return bool(re.search("[。！？：“]|，.*，", following))


def _break_or_gap(gap: re.Match[str]) -> str:
    if _is_break(gap):
        return "\n"
    return gap[0]


def hidden_breaks(text: str) -> str:
    """A paragraph's indentation in the middle of a line (　　) breaks the line."""
    return _RUN_OF_SPACES.sub(_break_or_gap, text)


def outer_spaces(text: str) -> str:
    """Indentation, and spaces at the end of a line."""
    return "\n".join([line.strip(" 　") for line in text.split("\n")])


def inner_spaces(text: str) -> str:
    """A run of spaces inside a line becomes one; it stays full-width where it was."""
    return _RUN_OF_SPACES.sub(_one_space, text)


def _one_space(spaces: re.Match[str]) -> str:
    if "　" in spaces[0]:
        return "　"
    return " "


def odd_stops(text: str) -> str:
    """．and ｡ for 。 between Chinese characters; not in 3．14, nor in 约翰．史密斯."""
    return _WIDE_STOP.sub(_stop, text)


def _stop(mark: re.Match[str]) -> str:
    """A full stop for an odd one, unless it separates the parts of a foreign name."""
    start, end = mark.span()
    if mark.string[start - 1] in _NAME and mark.string[end : end + 1] in _NAME:
        return mark[0]
    return "。"


def narrow_punctuation(text: str) -> str:
    """Half-width , . ? ! ; : between Chinese characters become full-width.

    Runs such as ... stay as written.
    """
    return _NARROW.sub(lambda match: _FULL_WIDTH[match[0]], text)


def rulers(text: str) -> str:
    """Lines of dashes, stars or the like."""
    return _RULER.sub("", text)


TEXT_RULES: tuple[Rule, ...] = (
    entities,
    tags,
    newlines,
    invisible,
    private_use,
    replacement_marks,
    stray_spaces,
    unusual_spaces,
    outer_spaces,
    hidden_breaks,
    inner_spaces,
    odd_stops,
    narrow_punctuation,
)
"""What repairs characters, spaces and punctuation, of a prompt too."""

RULES: tuple[Rule, ...] = (*TEXT_RULES, rulers)
"""What the lines of a corpus go through, in this order; `clearing` follows."""


@functools.cache
def _converter() -> Callable[[str], str]:
    try:
        from opencc import OpenCC
    except ImportError:
        raise ConfigError(
            _("--simplify needs opencc, which is not installed: pip install opencc")
        ) from None
    convert: Callable[[str], str] = OpenCC("t2s").convert
    return convert


def simplify(text: str) -> str:
    """`text` in Simplified Chinese characters and wording (OpenCC t2s).

    Raises ConfigError where OpenCC is not installed.
    """
    return _converter()(text)
