"""How much of a line is what sites with novels say: addresses, calls to the reader, site words.

No word makes an advert, because a story may have any of them. Counted is how much of the line,
and of each of its clauses, consists of such words, and of how many kinds they are: a sentence of
a story has a clause of its own words.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# The characters of the words below that Traditional writes otherwise, in the same order.
_SIMPLIFIED = (
    "请访问机户节荐载读网书来线说库简连续阅论坛发录陆电新页返觉欢题评订赏点击将记类众个签关闭广为"
    "谢营养图标帖转发码无弹错误与于时内试购买传仅学习删归声刷稍还继后键盘优质这没结数动"
)
_IN_TRADITIONAL = (
    "請訪問機戶節薦載讀網書來線說庫簡連續閱論壇發錄陸電新頁返覺歡題評訂賞點擊將記類眾個籤關閉廣為"
    "謝營養圖標帖轉發碼無彈錯誤與於時內試購買傳僅學習刪歸聲刷稍還繼後鍵盤優質這沒結數動"
)
# Full-width letters and marks as ASCII, capitals as small letters, Traditional as Simplified: one
# character for each, so that places in the plain form are places in the line.
_PLAIN = (
    dict(zip(map(ord, _IN_TRADITIONAL), _SIMPLIFIED, strict=True))
    | {0xFF01 + offset: chr(0x21 + offset).lower() for offset in range(94)}
    | {code: chr(code).lower() for code in range(ord("A"), ord("Z") + 1)}
)
_DOT = "[.。·•]"
_TOP_LEVEL = "com|net|org|edu|gov|cc|cn|la|info|tw|tv|me|so|xyz|top|vip|biz|mobi|hk|us"

URL = (
    # A scheme; www, with a space between its letters or none; or a name before .com and the like.
    rf"(?:https?:/{{1,2}}|(?<![a-z0-9])w ?w ?w ?{_DOT} ?"
    rf"|(?<![a-z0-9.@-])(?=(?:[a-z0-9]{{1,3}}{_DOT})?[a-z0-9-]{{2,30}}"
    rf"(?:{_DOT}[a-z0-9-]{{2,30}}){{0,2}}{_DOT}(?:{_TOP_LEVEL})(?![a-z0-9])))"
    # The rest of it, to its last letter or digit.
    r"[a-z0-9./_?=&%#:~。·•-]{0,200}[a-z0-9/]"
)
"""An address, for a line in plain form."""

# No name has one of the words that join others.
_NAME_LETTER = r"(?:(?![的了着在看是都也有从和把被给去里来由请到他她它])\w)"
_NUMBER = r"[】\])）:： 　—–\-（(号]{0,8}\d{5,11}(?!\d)"
# A number that invites: a chat group's, or the name of a public account.
_GROUP = (
    rf"(?<!\w){_NAME_LETTER}{{0,8}}(?:群|qq|扣扣"
    rf"|微信)号?(?:[\d一二三四五六七八九十]{{1,2}}[号群]?)?"
    rf"{_NUMBER}"
    r"|微信(?:公众|订阅)?号?[:： ]{1,3}[\w-]{2,20}|(?:公众|订阅)号[:： ]{1,3}[\w-]{2,20}"
    r"|(?:关注|搜索|添加)[^\d，。！？]{0,4}(?:公众号|订阅号)[:： “\"【]{0,3}[\w-]{2,20}"
)
_SITE_ENDS = (
    "小说网|中文网|读书网|文学网|书库|书屋|书吧|书城|书院|书斋|文学|小说吧|小说站|阅读网|"
    "电子书网|下载站|论坛|社区|txt|原创网|文学城|笔趣阁|小说"
)
# A site's name: at the beginning of a clause, or behind what a name follows. It has none of the
# words that join others.
_SITE_NAME = (
    r"(?:(?<!\w)|(?<=来自)|(?<=[由到在于是])|(?<=[登访光][陆录问临])|(?<=记住)|(?<=搜索))"
    rf"{_NAME_LETTER}{{0,6}}(?:{_SITE_ENDS})(?!\w{{0,2}}里)"
    rf"|(?<=请[上到去]){_NAME_LETTER}{{2,6}}(?=\W|$)"
)
# What sites give a book, or ask for it.
_VOTES = "推荐票|月票|红票|票票|保底票|收藏|订阅|打赏|点击|推荐|鲜花|票|支持|包养|评论"

# Phrases that no one else uses; each counts as two kinds.
_PHRASES = (
    rf"求(?:个|点|些|各种|一下|大家|各位|几张|几个|张|一切)?(?:{_VOTES})"
    r"|未完待续|(?:本|此|这一?)章(?:节)?(?:还|尚)?(?:没有?|未)?(?:完结?|结束)(?:了)?"
    r"|[接转]下页|接上页|下页|内容正在(?:手打|加载)中?|正在手打|点此继续|未完(?=[，,、）)])"
    r"|(?:天才)?(?:只需)?一秒(?:钟)?记住|无弹窗|手机用户请|手机版阅读|最新章节|更新最快|最快更新"
    r"|(?:txt|电子书)(?:全集|全文|免费)?(?:下载|论坛)|(?:免费|在线|全文)+阅读|全文字(?:更新)?"
    r"|(?:正在)?手打中|手打更新|上一[章页节]|下一[章页节]|返回(?:目录|书页|首页|列表)|章节目录"
    r"|加入书签|推荐本书|二十四小时内|\d+小时内|支持正版|版权归|加入书架|无错章节|更多好书"
    r"|后面(?:还有)?(?:内容|精彩)|更新速度(?:最|超)?快|第[一二三四五六]更(?!\w)"
    r"|[一二三四五六七八九十]更(?:完毕|送到|奉上|送上)|手机阅读|发表书评|用户上传之?内容(?:开始"
    r"|结束)?"
)
_CALLS = (
    "请|敬请|恭请|欢迎|恳请|记得|记住|点击|点此|尽在|仅供|请勿|登陆|登录|访问|关注|下载|搜索|更多|"
    "支持|投票|收藏|推荐|谢谢|感谢|喜欢|百度"
)
_SITE_WORDS = (
    "本站|本网站|本网|书友|网友|手机用户|用户|手机版|正版|电子书|txt|本书|此书|该书|本文|本小说|"
    "本作品|章节|订阅|打赏|公众号|书签|书架|刷新|手打|版权|网址|域名|客户端|"
    "站|电脑版|连载|试读|更新|页面|全文|全集|全本|网站|app|作者|投票"
)
# Where a text comes from.
_ORIGINS = "来自|出自|首发于?|转载|上传|整理|制作|校对|扫描|提供|收集|手打|录入|下载"
# Words that stand between those; alone they are no sign of anything.
_FILLERS = (
    "的|您|你|我们|大家|各位|广大|朋友|读者|们|可以|将|即可|就|在|到|于|与|和|及|等|以及|更|最"
    "|最快|最新|"
    "最火|最好|更好|更优质|优质|精彩|好看|好书|内容|继续|接着|观看|阅读|看|查看|光临|浏览|网|网页|"
    "地址|手机|电脑|掌上|软件|体验|速度|免费|原创|作品|文学|小说|书籍|书|提供|收集|分享|扫描|来源"
    "|来自|"
    "出自|由|本|此|该|章|节|页|后面|还有|还|没有|结束|哦|呢|啦|吧|亲|觉得|如果|一下|先|别忘了?|投"
    "|点|进入|"
    "按|键|目录|返回|列表|加入|收藏夹|保存|以便|以后|方便|随时|随地|无|无广告|广告|完整|完本|完结"
    "|正在|"
    "稍等|稍后|片刻|再来|重新|后|内|交流|学习|使用|用于|商业|用途|勿|购买|归|原|所有|无关|联系"
    "|删除|"
    "小时|时|声明|提示|温馨|注意|通知|重要|今天|今日|明天|第[一二三四五六七八九十]更|送到|奉上"
    "|送上|"
    "加更|几|张|个|些|是|我|最大|动力|多谢|鞠躬|拜谢|跪求|各种|新书|新人|期间|周一|冲榜|榜|强推"
    "|已经|已|"
    "会员|注册|免|举报|错误|报错|尽快|处理|讨论|剧情|群|加|qq|微信|一起|这|全网|全站|独家|签约"
    "|授权|数据|"
    "同步|改版|升级|新|翻页|请翻|如欲知后事如何|欲知后事如何|更精彩|也|ps|字|为您|您的|这部|他人"
    "|所得|"
    "小技巧|ctrl\\+d|快速|当前|浏览器|方向键|左右|前后|上下|滚动|滚用|回车键|空格键|键盘|快捷键"
    "|需?验证|抱歉|"
    "评论|书评|发表|互联网|网络|本人|不做|不负|不承担|任何|负责|责任|个人|行为|代表|发布者?"
    "|均[为由]|仅|立场|"
    "为了|下次|记录|翻到|请稍[候后]|免费|精品|海量|打开|复制|链接|热门|推荐阅读|月|日|年|第|下|上"
    "|一|二|三|\\d+"
)
_TITLE = r"《[^《》|\n]{1,20}》|(?<=[记住址由在于到：:])[ ]?[\[【〖][^\]】〗，。\n]{1,12}[\]】〗]"


def _longest_first(words: str) -> str:
    return "|".join(sorted(words.split("|"), key=len, reverse=True))


_TALK = re.compile(
    rf"(?P<address>{URL}|{_GROUP})|(?P<phrase>{_PHRASES})|(?P<name>{_SITE_NAME})"
    rf"|(?P<site>{_longest_first(_SITE_WORDS)})|(?P<origin>{_longest_first(_ORIGINS)})"
    rf"|(?P<call>{_longest_first(_CALLS)})"
    rf"|(?P<filler>{_TITLE}|{_longest_first(_FILLERS)})"
)
# What parts the clauses of a line.
_CLAUSE = re.compile(r"[，。！？；：、…,!?;:~～\s|｜]+")
_LETTER = re.compile(r"\w")
# Characters. A shorter clause is no sentence: it may be a site's name.
_SHORTEST_CLAUSE = 5
# Letters that an address counts for.
_ADDRESS_WEIGHT = 3.0


def plain_form(line: str) -> str:
    """`line` with narrow small letters and Simplified characters, every one in its place."""
    return line.translate(_PLAIN)


class SiteTalk(NamedTuple):
    """What a line consists of.

    `share` is the part of its letters that are site talk, 0 to 1; `least` that of its clause with
    the fewest. `kinds` counts the kinds of talk (an address, a call, a site's name, a site word,
    where a text comes from, a phrase that only sites use). `has_address` is about addresses and
    group numbers, `has_phrase` about those phrases.
    """

    share: float
    least: float
    kinds: int
    has_address: bool
    has_phrase: bool


def measure(line: str) -> SiteTalk:
    """How much of `line` is site talk; a line of at most a few hundred characters."""
    plain = plain_form(line)
    weights, kinds = _covered(plain)
    letters = [float(bool(_LETTER.match(mark))) for mark in plain]

    # 1. The whole line. An address is as long as it likes, so it weighs as much as a word.
    for address in _TALK.finditer(plain):
        if address.lastgroup == "address":
            start, end = address.span()
            letters[start:end] = [_ADDRESS_WEIGHT / (end - start)] * (end - start)
    share = _share(letters, weights)

    # 2. The clause that has the fewest; the marks within an address part nothing.
    least = share
    start = 0
    breaks = [mark.span() for mark in _CLAUSE.finditer(plain) if not weights[mark.start()]]
    for end, following in [*breaks, (len(plain), len(plain))]:
        if sum(letters[start:end]) >= _SHORTEST_CLAUSE:
            least = min(least, _share(letters[start:end], weights[start:end]))
        start = following
    return SiteTalk(share, least, len(kinds), "address" in kinds, "phrase" in kinds)


def _covered(plain: str) -> tuple[bytearray, set[str]]:
    """(1 for every character that belongs to site talk, the kinds of talk but fillers)."""
    covered = bytearray(len(plain))
    kinds: set[str] = set()
    single: list[tuple[int, str]] = []
    # Where a word is that is more than a filler.
    strong = bytearray(len(plain))
    for word in _TALK.finditer(plain):
        start, end = word.span()
        kind = str(word.lastgroup)
        if end - start == 1:
            single.append((start, kind))
            continue
        covered[start:end] = b"\x01" * (end - start)
        if kind != "filler":
            strong[start:end] = covered[start:end]
            kinds.add(kind)

    # A word of one character is in every sentence: it counts beside such a word only. One that
    # calls begins its clause, or follows such a word: 编辑请作者… calls no reader.
    for places in (single, single[::-1]):
        for place, kind in places:
            if not any(strong[max(0, place - 1) : place + 2]):
                continue
            covered[place] = strong[place] = 1
            begins = place == 0 or not _LETTER.match(plain[place - 1]) or covered[place - 1]
            if kind != "call" or begins:
                kinds.add(kind)
    return covered, kinds - {"filler"}


def _share(letters: list[float], covered: bytearray) -> float:
    total = sum(letters)
    if not total:
        return 0.0
    return sum(letter for letter, mark in zip(letters, covered, strict=True) if mark) / total
