"""Lines that belong to a page, a forum or a file and not to the story, known by their form.

Each form is one that the whole line has. Where a form may be the story's too, only the place of
the line decides (see `clearing`).
"""

from __future__ import annotations

import re

# What a file says about its book: a key, a colon and a short value.
_BOOK_KEYS = (
    "书名|小说名|作品名称?|篇名|作[ 　]*者|著者|译者|分类|类别|类型|文章类型|小说类型|作品类型|"
    "题材|状态|连载状态|写作进度|文章进度|作品状态|字数|全文字数|总字数|本章字数|大小|文件大小|"
    "更新时间|更新日期|最后更新|最近更新|更新|上传时间|上传日期|上传者?|发布时间|发布日期|"
    "整理者?|制作者?|校对者?|录入者?|扫描者?|来源|文章来源|出处|出版社|出版时间|出版日期|isbn|"
    "格式|编码|标签|内容标签|关键[字词]|主角|主要角色|配角|搜索关键字|搜索关键词|一句话简介|立意|"
    "文案|内容简介|内容介绍|作品简介|作者简介|简介|总点击|总推荐|总收藏|收藏数|点击数?|推荐数|"
    "所属系列|作品视角|授权状态|签约状态|责任编辑|编辑|书号|语言|语种|版本|首发网?站?|"
    "txt下载地址|下载地址|阅读地址|原文地址|原文链接|链接|"
    # Traditional, where it differs.
    "書名|小說名|作品名稱|類別|類型|狀態|連載狀態|字數|大小|更新時間|最後更新|上傳時間|來源|"
    "內容簡介|簡介|標籤|關鍵字"
)
_BOOK_LINE = re.compile(
    rf"[ 　*＊【\[〖《『「·•◎●■◆★☆-]{{0,4}}(?P<key>{_BOOK_KEYS})[】\]〗』」]?[ 　]*[:：]"
    r"[ 　]*(?P<value>[^\n。！？]{0,50})"
)
_SUMMARY_KEY = re.compile("简介|介绍|文案|簡介")
# Those that stand at the head of a chapter too.
_CHAPTER_KEYS = re.compile(
    "作[ 　]*者|字数|本章字数|更新时间|更新日期|更新|发布时间|发布日期|上传时间|来源|文章来源"
)
# The only values that say by themselves that a line is data.
_DATA_VALUE = re.compile(
    r"\d{4}[-./年]\d{1,2}[-./月]\d{1,2}日?.{0,12}|\d[\d.,]* ?(?:字|万字|万|kb|mb)?|佚名|未知|"
    r"(?:已?完结|连载中?|已完成|全本|完本)"
)

# The frame that a bulletin board puts around a post.
_FORUM_LINES = (
    r"(?:发信人|寄信人|發信人|发帖人|发贴人)[ 　]*[:：].{1,80}",
    r"(?:发信站|轉信站|发件站|转信站)[ 　]*[:：].{1,100}",
    r"※ ?(?:来源|來源|修改|转载|轉載|引用)[ 　]*[:：].{1,120}",
    r".{0,40}\[from[:： ].{1,40}\].{0,3}",
    r"作者[:： ][^，。]{1,20}[ 　]+(?:提交|回复|发表|发布)?(?:日期|时间)[:：] ?\d{4}.{0,30}",
    r"(?:本帖|此帖|本贴|该帖)(?:最后)?由.{1,30}(?:于|於).{0,4}\d{4}.{0,30}(?:编辑|修改)?",
    r"[\[【(（]?此?[帖贴]子?已经?被.{1,20}(?:于|於).{0,30}[编編][辑輯]过?[\]】)）]?",
    r"(?:.{0,20} )?(?:发表|回复|回帖|发布)(?:于|时间|日期)[:： ]{0,3}\d{4}-\d{1,2}-\d{1,2}.{0,20}",
    r"(?:第? ?\d{1,5} ?楼|楼主|沙发|板凳)[ 　:：|]{1,3}.{0,30}\d{4}-\d{1,2}-\d{1,2}.{0,12}",
    r"\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2}(?::\d{2})?(?: 上传| 发表| 回复)?",
)
_FORUM = re.compile("|".join(_FORUM_LINES), re.IGNORECASE)
# Lines that belong to the frame beside one of those only.
_FORUM_COMPANION = re.compile(
    r"(?:标[ 　]*题|標[ 　]*題|信区|信區|讨论区|來源|来源)[ 　]*[:：].{0,80}|-{2,}|—{1,2}|--"
)

# Where a picture was. In round brackets only as a line, because people write such asides.
_PICTURE_WORDS = (
    "插图|插圖|图片|圖片|此处(?:有|为)?(?:插)?图片?|图|圖|封面|封面图片?|配图|"
    "image|img|photo|picture"
)
_PICTURE = rf"(?:{_PICTURE_WORDS})[ 　]?[\d一二三四五六七八九十]{{0,3}}(?:[:：][^\]】\n]{{0,30}})?"
_PICTURE_LINE = re.compile(
    rf"[(（\[【〔<《]{_PICTURE}[)）\]】〕>》]|!\[[^\]\n]{{0,60}}\]\([^)\n]{{0,200}}\)"
    r"|\[img[^\]\n]{0,40}\][^\[\n]{0,200}\[/img\]",
    re.IGNORECASE,
)
# A tag with its address comes first: [img] alone is the mark of a picture too.
_PICTURE_INSERT = re.compile(
    r"\[img[^\]\n]{0,40}\][^\[\n]{0,200}\[/img\]"
    r"|[\[【〔](?:(?:插图|插圖|图片|圖片|此处有图片?|image|img)[ 　]?\d{0,3}"
    r"|[图圖][ 　]?\d{1,3})(?:[:：][^\]】〕\n]{0,30})?[\]】〕](?!.{0,2}字)",
    re.IGNORECASE,
)

# The end of the book or of a part of it.
_END = re.compile(
    r"[ 　(（【\[〔〖《「『<*＊—\-=~～·…☆★]{0,8}"
    r"(?:[全本上中下][书書文卷部章篇集]|[剧劇]|(?:小说|小說)?正文"
    r"|第[\d一二三四五六七八九十百]{1,5}[卷部章回集])?"
    r"[ 　]?(?:已)?(?:完[结結]?|终|終|完本|the end|end|fin)[了啦]?"
    r"[ 　)）】\]〕〗》」』>*＊—\-=~～·…。!！☆★]{0,8}",
    re.IGNORECASE,
)
# A mark of the end needs something besides 完 or 终: brackets, dashes, or what it is that ends.
_BARE_END = re.compile("[完终終了啦结結。!！…]{1,3}|end|fin", re.IGNORECASE)

# The number of a page, in a form that no section has; and in one that a section may have.
_PAGE = re.compile(
    r"第 ?\d{1,4} ?[页頁](?:[ 　/，,]*共 ?\d{1,4} ?[页頁])?|page ?\d{1,4}(?: ?(?:of|/) ?\d{1,4})?"
    r"|[\[【（(]?\d{1,4} ?/ ?\d{1,4}[\]】）)]?|p\.? ?\d{1,4}",
    re.IGNORECASE,
)
_DASHED = re.compile(r"[-—–－·•~～]{1,3} ?\d{1,4} ?[-—–－·•~～]{1,3}")
BARE_NUMBER = re.compile(r"\d{1,4}")
_DIGITS = re.compile(r"\d+")

# How an author speaks to the readers, behind or before a chapter.
_NOTE_OPENING = re.compile(
    r"[ 　(（【\[〔*＊—\-=]{0,4}(?:作者(?:有[话話](?:要)?[说說]|的[话話]|闲话|[说說]|留言)|作者君|"
    r"题外话|題外話)[ 　]*(?:[:：】\])）]|$)"
)
_POSTSCRIPT = re.compile(r"[(（【\[]?p\.? ?s\.?[\d一二三]?(?:[:：.，,、 】]|$)", re.IGNORECASE)
_THANKS = re.compile(
    r"[(（【\[〔*＊]{0,2}(?:再次|最后|先|也|特别|衷心)?(?:感谢|谢谢|多谢|鸣谢|拜谢|感謝|謝謝|多謝)"
)
_GIFTS = re.compile(
    "月票|推荐票|推薦票|红票|打赏|打賞|营养液|營養液|地雷|手榴弹|火箭炮|霸王票|盟主|舵主|堂主|"
    "起点币|纵横币|书币|\\d币|收藏|订阅|訂閱|鲜花|捧场|书友|書友|投票|投的|投出|支持"
)
_AUTHOR_TALK = re.compile(
    "[更章票]|收藏|订阅|訂閱|打赏|打賞|书评|書評|大家|各位|诸位|读者|讀者|书友|書友|亲们|晚安|码字|"
    "存稿|卡文|感冒|加班|新书|新書|这本书|本书|本書|作者|地雷|营养液|霸王票|编辑|上架|推荐|推薦"
    "|先写|"
    "写到|写完|发文|评论|留言|断网|请假|鞠躬"
)
_STORY_PERSON = re.compile("[他她它]")


def is_book_line(line: str) -> bool:
    """Whether the line has the form of a book's data, as 书名：… has."""
    return _BOOK_LINE.fullmatch(line) is not None


def names_book(line: str) -> bool:
    """Whether it is a line of data that tells the title or the author."""
    found = _BOOK_LINE.fullmatch(line)
    return found is not None and found["key"].replace(" ", "").replace("　", "") in (
        "书名",
        "小说名",
        "作者",
        "著者",
    )


def is_chapter_data(line: str) -> bool:
    """Whether the line is data that stands at the head of a chapter too."""
    found = _BOOK_LINE.fullmatch(line)
    return found is not None and _CHAPTER_KEYS.fullmatch(found["key"]) is not None


def is_certain_data(line: str) -> bool:
    """Whether a line of data has a value that only data has: a date, a size, a state."""
    found = _BOOK_LINE.fullmatch(line)
    return found is not None and _DATA_VALUE.fullmatch(_value(found).lower()) is not None


def opens_summary(line: str) -> bool:
    """Whether the line announces what a book is about, which follows on lines of its own."""
    found = _BOOK_LINE.fullmatch(line)
    return found is not None and _SUMMARY_KEY.search(found["key"]) is not None and not _value(found)


def _value(line: re.Match[str]) -> str:
    """The value in a line of data, without the brackets that close around all of it."""
    return line["value"].strip(" 　』」】]〗》*＊")


def is_forum_line(line: str) -> bool:
    """Whether the line is of the frame of a bulletin board's post."""
    return _FORUM.fullmatch(line) is not None


def is_forum_companion(line: str) -> bool:
    """Whether it belongs to such a frame when it stands beside a line of it."""
    return _FORUM_COMPANION.fullmatch(line) is not None


def is_picture(line: str) -> bool:
    """Whether the line marks where a picture was."""
    return _PICTURE_LINE.fullmatch(line) is not None


def without_pictures(line: str) -> str:
    """`line` without the marks of pictures in it."""
    if "[" in line or "【" in line or "〔" in line:
        return _PICTURE_INSERT.sub("", line)
    return line


def is_end_mark(line: str) -> bool:
    """Whether the line says that the book, or a part of it, ends."""
    return _END.fullmatch(line) is not None and _BARE_END.fullmatch(line) is None


def is_page_mark(line: str) -> bool:
    """Whether the line is a page's number in a form that no section's number has."""
    return _PAGE.fullmatch(line) is not None


def page_number(line: str) -> int | None:
    """The number of a line that is a page's number, a dashed one (- 12 -) or a bare one."""
    if BARE_NUMBER.fullmatch(line) or _DASHED.fullmatch(line) or is_page_mark(line):
        digits = _DIGITS.search(line)
        if digits:
            return int(digits[0])
    return None


def is_dashed_number(line: str) -> bool:
    """Whether the line is a number between dashes, as pages and sections have them."""
    return _DASHED.fullmatch(line) is not None


def opens_note(line: str) -> bool:
    """Whether the line opens the author's words to the readers: 作者有话要说."""
    return _NOTE_OPENING.match(line) is not None


def is_postscript(line: str) -> bool:
    """Whether the line begins with PS."""
    return _POSTSCRIPT.match(line) is not None


def is_thanks(line: str) -> bool:
    """Whether the line thanks for what readers give a book."""
    return (
        _THANKS.match(line) is not None
        and _GIFTS.search(line) is not None
        and _STORY_PERSON.search(line) is None
    )


def speaks_to_readers(line: str) -> bool:
    """Whether the line has words of an author about the own writing."""
    return _AUTHOR_TALK.search(line) is not None and _STORY_PERSON.search(line) is None
