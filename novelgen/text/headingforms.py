"""The forms of chapter headings as patterns: numbers, units, names, decoration.

These are linguistic rules; what they decide together is in `chapters`.
"""

from __future__ import annotations

import re

from novelgen.text.numerals import NUMERALS

LONGEST_HEADING = 60
"""Characters."""

# A number, up to nine Chinese numerals with spaces between them, or five digits.
_NUMERAL = rf"(?:[0-9０-９]{{1,5}}|[{NUMERALS}](?:[ 　]?[{NUMERALS}]){{0,8}})"
_UNIT = "部分|[回章节節卷折摺集部篇幕话話]"
PART = re.compile(rf"第[ 　]*(?P<number>{_NUMERAL})[ 　]*(?P<unit>{_UNIT})")
VOLUME_UNITS = frozenset(("卷", "部", "部分", "集", "篇", "book", "part", "volume", "vol"))
"""Units that may have numbered chapters below them."""

VOLUME = re.compile(
    rf"卷之?[ 　]?(?P<number>{_NUMERAL}|[上中下])(?=[\s：:、·.．—\-]|$)|"
    rf"(?P<half>[上中下][部卷篇编集])(?=[\s：:、·]|$)"
)
# A volume that shares the line of its chapter: 卷三第四章, 正文卷 第1章, 上部·第二章.
VOLUME_BEFORE = re.compile(
    rf"(?:第[ 　]*{_NUMERAL}[ 　]*[卷部集篇季]|卷之?[ 　]?(?:{_NUMERAL}|[上中下])|"
    rf"[上中下][部卷篇编集]|(?:正文|外传|外傳|番外|VIP|vip)[卷篇]?|"
    rf"[Vv][Oo][Ll](?:ume)?[.．]?[ 　]?[0-9]{{1,3}})"
    rf"[ 　·・：:、，,.．\-—]{{0,3}}(?P<title>[^第。，！？；]{{0,20}}?)"
    rf"[ 　·・：:、，,.．\-—]{{0,3}}"
    rf"(?=第[ 　]*{_NUMERAL}[ 　]*[回章节節折集幕话話])"
)
# Chapters that have a name in place of a number: prologues, prefaces, interludes, epilogues,
# extras, and what authors add.
_NAMES = (
    "楔子|引子|引言|引章|引|序[章言幕曲文篇]?|自序|代序|后序|後序|前言|小引|题记|題記|"
    "缘起(?:首回)?|緣起(?:首回)?|开篇|開篇|开场白|開場白|写在前面|寫在前面|"
    "间章|間章|间幕|間幕|幕间|幕間|间奏|間奏|间话|間話|断章|斷章|插章|过场|過場|"
    "尾声|尾聲|尾章|后记|後記|跋|终[章曲卷局回幕]|終[章曲卷局回幕]|最终[章回话]|最終[章回話]|"
    "大结局|大結局|番外[篇章卷]?|番[ 　]外|后日谈|後日談|"
    "小剧场|小劇場|特典|特别篇|特別篇|外篇|"
    "外传|外傳|附录|附錄|正文|内容简介|完本感言|完结感言|完結感言|上架感言"
)
# Names of two characters are often spread: 楔 子, 尾　声.
_SPREAD_NAMES = re.sub(r"(?<![^|])([^|?()\[\]])([^|?()\[\]])(?![^|])", r"\1[ 　]{0,2}\2", _NAMES)
NAMED = re.compile(
    rf"(?P<unit>{_SPREAD_NAMES})[ 　]*(?:之?(?P<number>{_NUMERAL}))?[ 　]*"
    rf"(?:[（(【].{{1,30}}[）)】])?"
    rf"(?:(?=[\s：:、·—\-】〗］\]〕』）)]|$)|(?<=[）)】])|(?<=番外)(?=之))"
)
CONTENTS = re.compile(
    r"(?:目[ 　]*[录錄次]|章节目录|章節目錄|contents|table of contents)[：:]?", re.IGNORECASE
)
ENGLISH = re.compile(
    r"(?:(?:vol|volume|book|part)\.?\s?\w{1,5}[\s,.:：·—-]+(?=chapter))?"
    r"(?P<unit>chapter|episode|chap|ch|ep|act|book|part|volume|vol)"
    r"(?:\s*[.．]\s*|\s+|(?=\d))(?:the\s+)?(?P<number>\d{1,4}|[IVXLC]{1,9}(?![A-Za-z])|"
    r"[A-Za-z]+(?:-[A-Za-z]+)?)(?P<rest>.*)"
    r"|(?P<name>prologue|epilogue|preface|introduction|interlude|afterword)(?P<tail>[.:]?)",
    re.IGNORECASE,
)
# What may stand before a heading: the book's name, decoration, # signs, an opening bracket.
_SIGNS = "☆★◎●◇◆□■△▲▽▼※＊*✿❀~～♦♢•⊙▶►◀◄→←♪♫♥♡❤♠♣✦✧✩✪✫✬✭✮✯✰❖❋❁✽✾✤✱✲✳❄☀☾☽◈◊▌▍▎▏█|｜§¤¶†‡^＾"
PREFIX = re.compile(
    rf"(?:《(?!第[^》]{{1,9}}[章回节節])[^》]{{1,20}}》|正文(?![卷篇])|[{_SIGNS}○]+、?"
    rf"|[=＝+＋_＿]{{2,20}}|"
    rf"#{{1,6}}(?=[ 　]|第))?"
    rf"[ 　]*(?:[（(【〖［\[〔「『<＜〈]|《(?=[ 　]?第))?[ 　]*"
)
RULE_PREFIX = re.compile(r"[-－—–─]{2,20}[ 　]*[（(【〖［\[〔]?[ 　]*")
"""Dashes before a heading; they open speech too, so that dashes at its end must answer them."""
RULE_END = re.compile(r"[-－—–─]{2,20}$")
DECORATION = f" 　】〗］]〕」』>＞〉》=＝+＋_＿#{_SIGNS}"
"""What may stand behind a heading that has something before it. ○ may be a zero there."""
OUTER_SIGNS = f" 　=＝+＋_＿#{_SIGNS}"
"""Decoration that a reader does not miss at either end of a title."""
STAR = re.compile(r"☆、?[ 　]*(?=\S)")
# The page of a chapter that a site cut into pages: (1/3), 第2页, （第2/3页）.
_PAGE_ENDS = frozenset("页頁）)】]0123456789")
_PAGE = re.compile(
    r"[ 　]*(?:[（(【\[][ 　]*(?:第[ 　]*)?(?P<page>[0-9]{1,3})[ 　]*/[ 　]*(?P<of>[0-9]{1,3})"
    r"[ 　]*(?:页|頁)?[ 　]*[）)】\]]"
    r"|(?:第[ 　]*)?[0-9]{1,3}[ 　]*/[ 　]*[0-9]{1,3}[ 　]*(?:页|頁)?"
    r"|[（(【\[]?第[ 　]*[0-9一二三四五六七八九十]{1,3}[ 　]*[页頁][）)】\]]?)$"
)
# The dots, dashes or the tab of a table of contents, and the number of the page.
LEADERS = re.compile(r"(?:[.．·…‥・]{3,}|—{3,}|\t)[ 　]*[（(]?[0-9０-９]{1,4}[）)]?$")
SEPARATOR = " 　：:、·—-―─．.．～~|｜,，【（(《“「『】）)〗］]〕』_"
"""What may follow a heading's number at once."""

# Sentences rather than a title.
BODY_MARK = re.compile(r"[。！？]|[，；：].*[，；：]")
FIRST = frozenset(
    "第卷上中下楔引序自代前小题題缘緣开開写寫间間幕断斷插过過尾后後跋终終最大番外特附正内目章完"
    "《（(【〖［[〔「『<＜〈=＝+＋_＿-－—–─#cCbBpPvVVeEtTiIaA"
) | frozenset(_SIGNS + "○")
"""The first characters of all forms: few lines of a book begin with one, so the rest is quick."""

# What follows the unit where 第N… is an ordinary word: 第三回合, 第一集团军, 第二部队, 第五章程.
COMPOUND = {
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
MENTION = frozenset(
    "中里裡的是讲講说說就已既曾所有和與与及以之末内內上下后後前起开開完了，。；！？”」』"
)
"""What follows where a sentence speaks of a chapter: 第三章里, 第三章的."""


def without_page(text: str) -> str:
    """A heading without the number of its page."""
    # The search is slow for a paragraph, and few lines end like this.
    if text[-1:] in _PAGE_ENDS and len(text) <= 2 * LONGEST_HEADING:
        return _PAGE.sub("", text)
    return text


def ends_like_prose(text: str) -> bool:
    """Whether a line ends as sentences do and titles do not."""
    return text.endswith(("。", "，", "；", "：", "、", ",", ";", "。”"))


def heading_key(text: str) -> str:
    """A heading without spaces, decoration and the number of its page, to know it again."""
    text = without_page(text)
    return re.sub(r"[\s　。#☆★◎●◇◆■▲※＊*＝=、：:·.．—－─\-【】〖〗［］\[\]〔〕「」『』]", "", text)


def shown_title(text: str) -> str:
    """A heading as a reader wants to see it: no decoration around it, no number of a page."""
    # Cleaning makes a full stop of the dot in 第1章.标题.
    part = PART.search(text, 0, LONGEST_HEADING)
    if part and text.startswith("。", part.end()):
        text = f"{text[: part.end()]} {text[part.end() + 1 :]}"
    bare = without_page(text).strip(OUTER_SIGNS).strip()
    if text[:1] in "-－—–─":
        bare = bare.strip("-－—–─ 　")
    return bare or text
