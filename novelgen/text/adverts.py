"""Lines and brackets that a site put into a text; what could be the story's own stays.

A line goes only when the whole of it reads as an advert. No pattern matches a line that has a
quotation mark or speaks of him or her.
"""

from __future__ import annotations

import re

# The characters of the patterns that Traditional writes otherwise, in the same order.
_SIMPLIFIED = (
    "请访问机户节荐载读网书来线说库简连续阅论坛发录陆电新页返觉欢题评订赏点击将记类众个签关闭广为"
)
_IN_TRADITIONAL = (
    "請訪問機戶節薦載讀網書來線說庫簡連續閱論壇發錄陸電新頁返覺歡題評訂賞點擊將記類眾個籤關閉廣為"
)
# Each becomes the class of both forms.
_TRADITIONAL = str.maketrans(
    {
        simplified: f"[{simplified}{traditional}]"
        for simplified, traditional in zip(_SIMPLIFIED, _IN_TRADITIONAL, strict=True)
    }
)


def _both_scripts(pattern: str) -> str:
    """The pattern for Simplified and Traditional text.

    Its own character classes must not name the characters that differ.
    """
    return pattern.translate(_TRADITIONAL)


# An address: what it begins with (a scheme, www, or a name before .com and the like), and the rest.
_URL = (
    r"(?:https?[:：]//"
    r"|(?<![a-z0-9])(?:[wｗＷ] ?){3}[.．。·] ?"
    r"|(?<![a-z0-9.@-])(?=[a-z0-9-]{2,30}[.．](?:com|net|org|cc|cn|la|info|tw)(?![a-z0-9])))"
    r"[a-z0-9ａ-ｚ０-９./_?=&%#:~．·-]*[a-z0-9ａ-ｚ０-９/]"
)
# Any character of an advert: no quotation, no person of a story.
_X = "[^\n“”「」『』\"'他她它]"
# The same within one clause.
_N = "[^\n“”「」『』\"'他她它，。！？,!?]"
_MARK = "[，,。！!…、 　~～]"
# What a site lets its readers give a book.
_VOTES = "(?:推荐票|月票|红票|票票|收藏|订阅|打赏|点击)"
_NOT_BRACKET = "[^\n（）()【】\\[\\]〔〕“”]"

# What stands beside an address in an advert.
_SITE_WORDS = (
    r"本书|本文|本站|本作品|更多|最新|首发|收藏|书友|电子书|整理|制作|免费|全文|全集|小说|"
    r"书库|书屋|论坛|阅读|访问|下载|登陆|登录|网址|域名|转载|提供|校对|扫描|手机|txt"
)
# What sites with novels are called.
_BOOK_SITE = r"(?:小说|文学|中文|读书|看书|书|原创|阅读)(?:网|站|吧|库|屋|城|阁|斋|社区|论坛)"

_ADVERT_LINES = (
    # An address and little else, or an address and what a site says about itself.
    rf"(?!.*[。！？])[^\w\n]{{0,6}}\w{{0,4}}[^\w\n]{{0,3}}{_URL}[^\w\n]{{0,6}}",
    rf"(?={_X}{{0,120}}$)(?=.*(?:{_SITE_WORDS})).*{_URL}.*",
    # Where the book comes from.
    rf"(?:本|此|该)(?:书|文|小说|作品|电子书){_N}{{0,12}}(?:来自|由|首发){_N}{{0,20}}"
    rf"(?:网|网站|书库|书屋|论坛|书吧|电子书|小说|下载站)"
    rf"{_N}{{0,12}}(?:{_X}{{0,12}}(?:整理|制作|提供|收集|上传|首发|阅读|下载){_X}{{0,40}})?",
    # Where there is more to read, on a telephone too.
    rf"(?:更多|最新|最快|更好){_X}{{0,30}}(?:请|欢迎|尽在)(?:您|大家)?"
    rf"(?:访问|登陆|登录|光临|关注|收藏|百度|搜索|到{_X}{{1,20}}(?:网|站)){_X}{{0,40}}",
    rf"手机(?:用户|阅读|看书)(?:请|可|用户){_X}{{0,20}}"
    rf"(?:浏览|访问|阅读|登陆|登录|下载|收藏){_X}{{0,60}}",
    # Please keep or recommend this book.
    rf"{_X}{{0,20}}(?:请|记得|敬请|欢迎)(?:大家|您|你)?(?:先)?"
    rf"(?:收藏|关注)(?:一下)?本(?:站|书|文|网){_X}{{0,40}}",
    rf"(?:喜欢|如果喜欢|觉得){_X}{{0,40}}请(?:大家|您)?(?:收藏|投票|推荐){_X}{{0,40}}",
    # The chapter goes on, or ends; the newest chapters.
    r"(?:本|此)章(?:节)?(?:未完|完|结束)(?:[，,。.… 　].{0,30})?|未完待续(?:[，,。.… 　].{0,60})?",
    rf"{_X}{{0,30}}最新章节{_X}{{0,20}}(?:来自|请|首发|更新|阅读|尽在|列表|就在|到){_X}{{0,40}}"
    rf"|最新章节[：:！!]?",
    # The author asks for votes.
    rf"(?:{_X}{{0,24}}[，,。！!…、 　])?(?:跪|急|狂|再|继续|顺便|拜|厚颜)?"
    rf"求(?:个|点|些|各种|一下|大家|各位)?{_VOTES}(?:{_MARK}{_X}{{0,30}})?",
    rf"(?:ps|p\.s\.|ｐｓ)[：:.]?{_X}{{0,40}}"
    rf"(?:票|收藏|更新|订阅|书评|打赏|点击){_X}{{0,60}}",
    # Downloads, and sites that praise themselves.
    rf"{_X}{{0,30}}(?:txt|ｔｘｔ|电子书){_X}{{0,6}}(?:下载|免费|全集|全文|全本|论坛){_X}{{0,40}}",
    rf"{_X}{{0,30}}{_BOOK_SITE}{_X}{{0,12}}"
    rf"(?:首发|提供|整理|欢迎您|免费阅读|手打|更新最快|无弹窗|全文阅读|为您|校对){_X}{{0,40}}",
    rf"{_X}{{0,40}}(?:无弹窗|全文字更新|文字首发|手打更新|手打首发|免费全文阅读|在线阅读全文)"
    rf"{_X}{{0,40}}",
    rf"欢迎{_X}{{0,8}}书友{_X}{{0,20}}(?:光临|阅读|访问|加入){_X}{{0,40}}",
    rf"(?:天才)?(?:一秒|只需一秒)记住{_X}{{0,60}}",
    rf"(?:请)?百度(?:一下|搜索|搜){_X}{{0,40}}(?:小说|章节|阅读|网){_X}{{0,20}}",
    # What a site knows about a chapter, and the links below it.
    r"(?:本章)?字数[：:] *\d+.{0,20}|(?:更新|发布)(?:时间|日期)[：:] *\d{4}.{0,30}",
    r"(?=.*(?:上一|下一|返回))(?:(?:上一|下一)(?:章|页|节)|返回(?:目录|书页|首页)|目录|章节目录|"
    r"加入书签|推荐本书|回目录|[\s|｜/←→<>《》（）()-]+){2,}",
)
# What sites put around a line to make it stand out.
_DECORATION = r"[ 　*＊☆★※◆●—~～=\-#<>（(【\[〖《]*"
_DECORATION_END = r"[ 　*＊☆★※◆●—~～=\-#<>）)】\]〗》！!。.…]*"
_LINE = re.compile(
    rf"{_DECORATION}(?:{_both_scripts('|'.join(_ADVERT_LINES))}){_DECORATION_END}", re.IGNORECASE
)

# A bracket within a line: an address in it, or one of the commonest adverts.
_INSERT = re.compile(
    _both_scripts(
        rf"[（(【\[〔](?:{_NOT_BRACKET}{{0,30}}{_URL}{_NOT_BRACKET}{{0,30}}"
        rf"|(?:本|此)章(?:节)?(?:未完|完|结束){_NOT_BRACKET}{{0,30}}"
        rf"|未完待续{_NOT_BRACKET}{{0,60}}"
        rf"|{_NOT_BRACKET}{{0,20}}求{_NOT_BRACKET}{{0,4}}{_VOTES}{_NOT_BRACKET}{{0,30}}"
        rf"|{_NOT_BRACKET}{{0,20}}最新章节{_NOT_BRACKET}{{0,30}}"
        rf"|手机用户请{_NOT_BRACKET}{{0,40}}"
        r")[）)】\]〕]"
    ),
    re.IGNORECASE,
)

# Characters of the longest line that is looked at as a whole.
_LONGEST = 160
# Every advert has one of these signs, in lower case. They are looked for first, because few lines
# of a book have any and the patterns above are slow.
_SIGN_LIST = (
    "www|ｗｗｗ|w w w|http|.com|.net|.org|.cc|.cn|.la|.info|.tw|．com|．net|．cn|．org|ps|"
    "p.s|ｐｓ|txt|ｔｘｔ|本书|本書|本文|本小|本作|本电|本電|本章|本站|本网|本網|此书|此書|"
    "此文|此小|此章|该书|該書|该文|該文|更多|最新|最快|更好|手机|手機|喜欢|喜歡|觉得|覺得|"
    "未完|求|电子书|電子書|首发|首發|弹窗|彈窗|字更新|手打|在线|在線|免费|免費|书友|書友|"
    "记住|記住|百度|字数|字數|更新|发布|發布|上一|下一|返回|提供|整理|欢迎您|歡迎您|为您|"
    "為您|校对|校對|小说|小說"
)
_SIGNS = tuple(_SIGN_LIST.split("|"))
_BRACKETS = "（(【[〔"


def adverts(text: str) -> str:
    """`text` without site lines, adverts, notes of the uploader and inserted addresses."""
    return "\n".join([_without_adverts(line) for line in text.split("\n")])


def _without_adverts(line: str) -> str:
    if len(line) <= _LONGEST:
        lowered = line.lower()
        if not any(sign in lowered for sign in _SIGNS):
            return line
        if _LINE.fullmatch(line):
            return ""
    if any(bracket in line for bracket in _BRACKETS):
        return _INSERT.sub("", line).strip(" 　")
    return line
