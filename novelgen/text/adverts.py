"""Lines and brackets that a site put into a text; what could be the story's own stays.

A line goes by what all of it holds (see `site_talk`), where it stands and whether it recurs.
Where the evidence does not suffice, the line stays and is told as doubtful.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from novelgen.text.site_talk import URL, measure, plain_form

LONGEST_ADVERT = 160
"""Characters of the longest line that is looked at as a whole."""

# Every advert has one of these signs. They are looked for first, in the whole text at once,
# because few lines of a book have any.
SIGN = re.compile(
    r"[wWｗＷ] ?[wWｗＷ] ?[wWｗＷ]|[hHｈＨ][tTｔＴ]{2}[pPｐＰ]|[.．。·][cCｃＣ][oOｏＯnNｎＮcCｃＣ]"
    r"|[.．。·][nNｎＮ][eEｅＥ]|[.．][oOｏＯ][rRｒＲ]|[.．][elimtvxELIMTVX][dapnveyo]"
    r"|[tTｔＴ][xXｘＸ][tTｔＴ]|[pPｐＰ][.．]?[sSｓＳ]|群|微信|公[众眾]|[qQ]{2}"
    r"|[本此][书書文小作电電章站网網节節]|[该該][书書文小]|[这這]一?章|更[多新]|最[新快]|手[机機打]"
    r"|喜[欢歡]|[觉覺]得|未完|求[^\n]{0,4}[票收订訂打推点點支]|电子书|電子書|首[发發]|[弹彈]窗"
    r"|字更新"
    r"|在[线線]|免[费費]|[书書]友|网友|網友|[记記]住|百度|上一[章页頁节節]|下一[章页頁节節]|返回"
    r"|小[说說][网網]|[欢歡]迎|[为為]您|小[时時][内內]|版[权權]|收藏|打[赏賞]|月票|刷新|下[载載]"
    r"|[推投]荐?[薦票]|转载|轉載|[上下][页頁]|加[载載]|点此|稍[候后]|第.更|更[完送奉]"
    r"|[书書][评評]|请[上到]|請[上到]|上[传傳]|ctrl|方向[键鍵]|后面[还還]|章[节節]|正版|〖"
)
# The persons of a story, and a line of speech.
_STORY = re.compile("[他她它]|^[“「『\"']|[”」』\"']$")
_QUOTATION = re.compile('[“”「」『』"]')
_NOT_BRACKET = r"[^\n()\[\]（）【】〔〕〖〗“”]"
# A bracket within a line, in plain form: an address, or one of the commonest adverts.
_INSERT = re.compile(
    rf"[(【\[〔〖](?:(?P<address>{_NOT_BRACKET}{{0,30}}?{URL}{_NOT_BRACKET}{{0,30}})"
    rf"|(?:本|此)章(?:节)?(?:未完|完|结束){_NOT_BRACKET}{{0,30}}"
    rf"|未完待续{_NOT_BRACKET}{{0,60}}"
    rf"|{_NOT_BRACKET}{{0,20}}求{_NOT_BRACKET}{{0,4}}"
    rf"(?:推荐票|月票|红票|票票|收藏|订阅|打赏|点击){_NOT_BRACKET}{{0,30}}"
    rf"|{_NOT_BRACKET}{{0,20}}最新章节{_NOT_BRACKET}{{0,30}}"
    rf"|手机用户请{_NOT_BRACKET}{{0,40}}"
    r")[)】\]〕〗]"
)
# What a story says before it tells an address in brackets.
_TELLS_ADDRESS = re.compile("(?:网址|网站|网页|主页|地址|域名|邮箱|链接)[^。！？]{0,12}$")
_BRACKETS = re.compile("[（(【\\[〔〖]")
_LETTER = re.compile(r"\w")


class Verdict(NamedTuple):
    """Why a line is taken for an advert; a doubtful one stays."""

    reason: str
    is_doubtful: bool = False


def judge(line: str, *, at_edge: bool, recurs: bool) -> Verdict | None:
    """Whether `line` is an advert.

    `at_edge` says that it is the first or last of its chapter, `recurs` that the file has it
    several times.
    """
    if len(line) > LONGEST_ADVERT or _STORY.search(line):
        return None
    talk = measure(line)
    if not talk.kinds:
        return None
    # Speech, unless all around it is site talk too: click "save".
    if _QUOTATION.search(line) and talk.kinds < 3 and talk.share < 0.9:
        return None
    # 1. Site talk through and through: of two kinds, or a phrase and nothing else.
    if talk.kinds > 1 and talk.share >= 0.72 and talk.least >= 0.34:
        return Verdict("site_talk")
    if talk.has_phrase and talk.share >= 0.85 and talk.least >= 0.6:
        return Verdict("site_talk")
    # 2. Less of it, but an address, its place or its repetition speak against the story.
    supported = talk.has_address or at_edge or recurs
    if supported and talk.kinds > 1 and talk.share >= 0.6 and talk.least >= 0.3:
        if recurs:
            return Verdict("recurs")
        if talk.has_address:
            return Verdict("address")
        return Verdict("chapter_edge")
    # 3. An address and next to nothing else.
    is_all = talk.share >= 0.8 and talk.least >= 0.5
    if talk.has_address and (is_all or _is_bare_address(line)):
        return Verdict("address")
    if recurs and talk.has_address:
        return Verdict("recurs")
    # 4. Some evidence, which does not suffice.
    has_signs = talk.kinds > 1 or talk.has_phrase
    if talk.has_address or (has_signs and talk.share >= 0.5):
        return Verdict("some_site_talk", is_doubtful=True)
    return None


_ADDRESS = re.compile(URL)


def _is_bare_address(line: str) -> bool:
    """Whether hardly more than a name stands beside an address."""
    rest = _ADDRESS.sub("", plain_form(line))
    return len(_LETTER.findall(rest)) <= 5 and not re.search("[，。！？]", rest)


def without_inserts(line: str) -> str:
    """`line` without the adverts in brackets that stand in it."""
    if not _BRACKETS.search(line):
        return line
    plain = plain_form(line)
    pieces: list[str] = []
    start = 0
    for insert in _INSERT.finditer(plain):
        if insert["address"] and _TELLS_ADDRESS.search(plain, max(0, start), insert.start()):
            continue
        pieces.append(line[start : insert.start()])
        start = insert.end()
    if not start:
        return line
    rest = ("".join(pieces) + line[start:]).strip(" 　")
    # Dashes around an advert go with it.
    if not _LETTER.search(rest):
        return ""
    return rest
