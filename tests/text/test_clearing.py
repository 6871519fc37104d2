"""What does not belong to the story is taken out by its form and its place; doubtful lines stay."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.text.chapters import Headings
from novelgen.text.clearing import clear
from novelgen.text.evidence import FileEvidence, Numbers, find_evidence

STORY = "掌灯的人沿着石阶走下去，雪落满了渡口。"
OTHER = "守塔的人听了一夜的风，天亮才睡着。"


def cleared(text, evidence=None, before=(), after=()):
    evidence = find_evidence(text) if evidence is None else evidence
    return clear(text.split("\n"), before, after, evidence, Headings.FORM)


def kept(text, **options):
    return [line for line in cleared(text, **options).lines if line]


def removals(text, rule):
    return [removal for _, removal in cleared(text).removals if removal.rule == rule]


def chapters(*lines):
    """Two chapters, the lines at the end of the first one."""
    return "\n".join(["第一章 灯", STORY, *lines, "第二章 雪", OTHER])


def inside(*lines):
    """A chapter, the lines in its middle."""
    return "\n".join(["第一章 灯", STORY, *lines, OTHER])


@pytest.mark.parametrize(
    "line",
    [
        "作者有话要说：今天只有一更，大家别等了。",
        "ps：头疼，先写这么多，晚安。",
        "PS：晚上还有一章。",
        "谢谢各位的月票和收藏，鞠躬！",
        "感谢书友“青石巷”打赏的500币！",
        "题外话：终于写到这里了",
    ],
)
def test_an_authors_note_at_the_end_of_a_chapter_goes(line):
    assert kept(chapters(line)) == chapters().split("\n")
    assert [removal.before for removal in removals(chapters(line), "author_notes")] == [line]


def test_a_note_with_an_opening_goes_to_the_end_of_its_chapter():
    assert kept(chapters("作者有话要说：", "写完了。", "明天见。")) == chapters().split("\n")
    # But not what is longer than the story before it, nor the whole of a long chapter.
    text = inside("作者有话要说：", *[STORY] * 10)
    assert len(kept(text)) == len(text.split("\n"))
    long = [f"{STORY}{number}" for number in range(30)]
    text = inside("作者有话要说：", *long)
    assert len(kept(text)) == len(text.split("\n"))
    assert removals(text, "author_notes")[0].is_doubtful


@pytest.mark.parametrize(
    "line", ["PS：钥匙放在门垫下面了。", "谢谢你的灯。", "感谢这场大雪，路总算断了。"]
)
def test_a_postscript_or_thanks_of_the_story_stay(line):
    assert line in kept(chapters(line))


def test_thanks_in_the_middle_of_a_chapter_are_doubtful():
    line = "感谢各位的支持，台上的老人鞠了一躬。"
    assert line in kept(inside(line))
    (removal,) = removals(inside(line), "author_notes")
    assert removal.is_doubtful
    assert removal.after == line


HEADER = "书名：渡口\n作者：佚名\n分类：现代\n状态：已完结\n更新时间：2020-01-02\n内容简介："


def test_a_books_data_at_the_head_of_its_file_goes_with_the_title_above():
    text = chapters()
    assert kept(f"{HEADER}\n{text}") == text.split("\n")
    assert kept(f"渡口\n作者：佚名\n{text}") == text.split("\n")
    # A sentence above it is no title.
    assert kept(f"{STORY}\n作者：佚名\n{text}") == [STORY, *text.split("\n")]


SITE_HEADERS = [
    """本书由青灯网提供下载 http://www.example.com 更多精彩好书尽在青灯网
☆声明：本书由青灯网(www.example.com)自网络收集整理制作，仅供交流学习使用，版权归原作者所有。
《渡口》
作者：佚名""",
    """欢迎光临 青灯电子书 http://www.example.net
最好的武侠小说下载站
书名：渡口
内容简介：
灯下的江湖。
少年走出了山。""",
    """渡口　佚名
（青灯网 www.example.com 整理收藏，转载请注明）""",
    """『状态：已完结』
『书名：渡口』
『作者：佚名』
『声明：本站所有小说均由网友上传，版权归作者所有』""",
]


@pytest.mark.parametrize("header", SITE_HEADERS)
def test_what_a_site_puts_above_the_first_chapter_goes(header):
    assert kept(f"{header}\n\n{chapters()}") == chapters().split("\n")


def test_a_prologue_is_no_summary():
    prologue = [STORY] * 40
    text = "\n".join(["书名：渡口", "作者：佚名", "内容简介：", *prologue, chapters()])
    assert kept(text) == [*prologue, *chapters().split("\n")]
    # Without a heading nobody knows where a summary ends.
    text = "\n".join(["书名：渡口", "作者：佚名", "内容简介：", STORY, OTHER])
    assert kept(text) == [STORY, OTHER]


def test_data_below_a_heading_goes_and_in_the_story_it_stays():
    text = f"第一章 灯\n作者：佚名\n字数：3021\n{STORY}\n来源：县志\n{OTHER}"
    assert kept(text) == ["第一章 灯", STORY, "来源：县志", OTHER]


def test_the_frame_of_a_forums_post_goes():
    frame = [
        "发信人: lamp (灯), 信区: Novel",
        "标 题: 渡口（一）",
        "发信站: 青灯站 (Sat Jan 1 10:00:00 2000)",
    ]
    foot = ["--", "※ 来源:．青灯站 bbs.abc.edu．[FROM: 10.0.0.1]"]
    text = chapters()
    assert kept("\n".join([*frame, text, *foot])) == text.split("\n")
    # A title alone may be the story's.
    assert "标题：渡口" in kept(inside("标题：渡口"))


@pytest.mark.parametrize(
    "line", ["[插图]", "（图片）", "【图3】", "![灯](a.jpg)", "[img]a.png[/img]"]
)
def test_a_line_that_marks_a_picture_goes(line):
    assert kept(inside(line)) == inside().split("\n")


def test_a_mark_of_a_picture_within_a_sentence_goes():
    assert kept(inside("老人抬起头[插图]，看见了灯。"))[2] == "老人抬起头，看见了灯。"
    for line in ("老人（图片里的那个）抬起头。", "屏幕上闪着[图片]两个字。"):
        assert kept(inside(line))[2] == line


@pytest.mark.parametrize(
    "line", ["（全书完)", "【全文完】", "〖本卷终〗", "—完—", "THE END", "（完）"]
)
def test_a_mark_of_the_end_goes_at_the_end_and_is_doubtful_before(line):
    assert kept(f"{chapters()}\n{line}\n请收藏本站") == chapters().split("\n")
    assert kept(chapters(line)) == chapters().split("\n")
    assert line in kept(inside(line))
    assert removals(inside(line), "end_marks")[0].is_doubtful


@pytest.mark.parametrize("line", ["完。", "终于完了", "全书的人都完了。", "end"])
def test_what_only_sounds_like_an_end_stays(line):
    assert line in kept(chapters(line))


def test_a_heading_is_never_taken_out():
    text = f"第一章 求月票！\n{STORY}\n第二章 灯（未完待续）\n{OTHER}\n第三章 请收藏本站\n{STORY}"
    assert kept(text) == text.split("\n")
    assert cleared(text).removals == []


@pytest.mark.parametrize("page", ["本章未完，请点击下一页继续阅读", "第 7 页", "page 7"])
def test_a_sentence_that_a_page_cuts_is_joined(page):
    text = inside("老人把那把旧伞慢慢", page, "收了起来，放在门边。")
    assert kept(text)[2] == "老人把那把旧伞慢慢收了起来，放在门边。"
    # Two sentences stay two.
    assert kept(inside(page)) == inside().split("\n")


def test_latin_words_that_a_page_parts_get_a_space():
    text = inside("The lamp went out and nobody", "page 7", "came back again.")
    assert kept(text)[2] == "The lamp went out and nobody came back again."


def test_a_lone_number_that_cuts_a_sentence_is_a_pages():
    text = inside("老人把那把旧伞慢慢地", "41", "收了起来，放在门边。")
    assert kept(text)[2] == "老人把那把旧伞慢慢地收了起来，放在门边。"
    assert "41" in kept(inside("41"))
    assert "1" in kept(inside("老人把那把旧伞慢慢地", "1", "收了起来，放在门边。"))


def test_numbers_that_run_on_are_pages_and_those_that_begin_again_sections():
    pages = "\n".join(
        ["第一章 灯", STORY, "12", STORY, "- 13 -", "第二章 雪", STORY, "第 14 页", OTHER, "15"]
    )
    assert [line for line in kept(pages) if line not in (STORY, OTHER)] == [
        "第一章 灯",
        "第二章 雪",
    ]
    sections = "\n".join(
        f"{head}\n{STORY}" for head in ("第一章 灯", "1", "2", "3", "第二章 雪", "1", "2", "3")
    )
    assert kept(sections) == sections.split("\n")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (f"{STORY}\n12\n{STORY}\n- 13 -\n{STORY}\n第14页", Numbers.PAGES),
        (f"第一章\n1\n{STORY}\n第二章\n2\n{STORY}\n第三章\n3\n{STORY}", Numbers.SECTIONS),
        (f"1\n{STORY}\n2\n{STORY}\n3\n{STORY}", Numbers.SECTIONS),
        (f"第一章 灯\n{STORY}\n- 1 -\n{OTHER}\n- 2 -\n第二章 雪\n{STORY}\n- 3 -", Numbers.PAGES),
        # Below headings they are sections, even where other evidence speaks for pages.
        (f"第一章\n- 1 -\n{STORY}\n第二章\n- 2 -\n{STORY}\n第三章\n- 3 -", Numbers.SECTIONS),
        (f"{STORY}\n12\n{STORY}", Numbers.UNKNOWN),
        ("", Numbers.UNKNOWN),
    ],
)
def test_what_the_numbers_of_a_file_are(text, numbers):
    assert find_evidence(text).numbers is numbers


def test_a_quoted_line_is_doubtful_and_one_behind_an_advert_is_not():
    quoted = inside("纸条上只写着一行字：", "www.abc.com")
    assert "www.abc.com" in kept(quoted)
    assert removals(quoted, "adverts")[0].reason == "introduced"
    assert kept(inside("请收藏本站，下载地址：", "www.abc.com")) == inside().split("\n")


def test_what_recurs_in_a_file_goes_with_less_evidence():
    line = "青灯照夜寒·渡口 www.abc.com 老地方见，风雪夜归人"
    once = kept(inside(line))
    assert line in once
    text = "\n".join(f"第{number}章 灯\n{STORY}{number}\n{line}\n{OTHER}" for number in "一二三")
    assert [row for row in kept(text) if "abc" in row] == []


def test_the_lines_around_a_block_are_evidence_and_are_not_returned():
    evidence = FileEvidence()
    note = "PS：晚上还有一章。"
    end = clear([STORY, note], ["第一章"], ["第二章 雪"], evidence, Headings.FORM)
    assert end.lines == [STORY, ""]
    middle = clear([STORY, note], ["第一章"], [OTHER], evidence, Headings.FORM)
    assert middle.lines == [STORY, note]


def test_a_long_run_of_page_marks_is_no_deep_recursion():
    text = chapters("感谢收藏", *(f"第 {number} 页" for number in range(5_000)))
    assert kept(text) == chapters().split("\n")


PIECES = (
    "请收藏本站|www.abc.com|求月票|下一页|本章未完|第一章|第 3 页|12|- 13 -|（|）|【|】|[插图]|"
    "书名：|作者：|PS：|感谢|打赏|作者有话要说：|全书完|※ 来源:|[FROM: |——|“|”|，|。| |　|"
    "\n|\n|\n|灯|雪|#|1/3|ｗｗｗ．"
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES.split("|")), max_size=40).map("".join))
def test_any_mixture_of_marks_is_cleared(text):
    before = text.split("\n")
    done = cleared(text)
    assert len(done.lines) == len(before)
    # Nothing is invented: what stays consists of what was there, in its order.
    rest = iter(text)
    assert all(mark == " " or mark in rest for mark in "".join(done.lines))
    for place, removal in done.removals:
        assert removal.is_doubtful is (removal.before == removal.after)
        assert 0 <= place < len(before)


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "12",
        "（",
        "求月票",
        "PS：大家",
        "感谢收藏",
        "全书完",
        "作者：",
        "第 3 页",
        "本章未完，下一页",
    ],
)
def test_time_is_linear_in_the_number_of_lines(line):
    text = "\n".join([line] * 20_000)
    start = time.process_time()
    cleared(text)
    assert time.process_time() - start < 10
