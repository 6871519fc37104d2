"""Headings that only a file as a whole shows: what is one, and what is a sentence like one."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.config import TextConfig
from novelgen.text.chapters import Headings, find_heading
from novelgen.text.importing import CorpusImport
from novelgen.text.styleevidence import detect_style

TITLES = ["雪夜", "旧桥", "摆渡人", "失火的粮仓", "归来"]
NUMERALS = "一二三四五"
SENTENCES = (
    "他把灯放在桌上，坐了很久，一句话也没有说，只听见窗外的风。",
    "院子里的雪已经积得很厚，连那口井也看不见了。",
    "“你走罢。”她说，随后就把门关上了，没有再看他一眼。",
    "桥那边有人提着灯笼过来，走得很慢，像是在等什么人。",
)
LAYOUTS = ("indented", "gaps", "double_spaced", "flat")


def book(headings, layout, sentence="", place=2):
    """A file of one chapter for each heading; `sentence` stands in the second chapter."""
    lines = []
    for chapter, heading in enumerate(headings):
        # Every paragraph is another one, so that none is a duplicate.
        body = [text.replace("他", f"第{chapter}家的人") for text in SENTENCES]
        body = [f"{chapter}号院里，{text}" for text in body]
        if sentence and chapter == 1:
            body.insert(place, sentence)
        if layout == "indented":
            body = [f"　　{text}" for text in body]
        own = [*heading.split("\n"), *body]
        if layout == "double_spaced":
            own = [line for text in own for line in (text, "")]
        if layout == "gaps":
            own.insert(0, "")
        lines.extend(own)
    return "\n".join(lines) + "\n"


def load(path, text):
    path = path / "a.txt"
    path.write_text(text, encoding="utf-8")
    corpus = CorpusImport([path], TextConfig(), 1)
    paragraphs = ["".join(paragraph.segments) for paragraph in corpus]
    return corpus.report, paragraphs


def letters(text):
    return re.sub(r"[\W_]+", "", text)


FORMS = {
    "number and space": [f"{n:03} {t}" for n, t in enumerate(TITLES, 1)],
    "padded number": [f"{n:03}{t}" for n, t in enumerate(TITLES, 1)],
    "number and dot": [f"{n}.{t}" for n, t in enumerate(TITLES, 1)],
    "number and comma": [f"{n}、{t}" for n, t in enumerate(TITLES, 1)],
    "plain number and space": [f"{n} {t}" for n, t in enumerate(TITLES, 1)],
    "bracketed number": [f"【{n:02}】{t}" for n, t in enumerate(TITLES, 1)],
    "Chinese number": [f"{n}、{t}" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "Chinese number alone": list(NUMERALS),
    "number alone": [str(n) for n in range(1, 6)],
    "number and dot alone": [f"{n}." for n in range(1, 6)],
    "without the ordinal": [f"三十{n}章 {t}" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "ordinal forgotten": ["第一章 雪夜", "二章 旧桥", "第三章 摆渡人", "第四章 粮仓", "五章 归来"],
    "English": [f"Chapter {n} {t}" for n, t in enumerate(TITLES, 1)],
    "English, glued": [f"Chapter{n}{t}" for n, t in enumerate(TITLES, 1)],
    "English with a dot": [f"chapter.{n}" for n in range(1, 6)],
    "name of the book": [f"渡口记 第{n}章 {t}" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "name, glued": [f"渡口记第{n}章 {t}" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "volume": [f"正文卷 第{n}章 {t}" for n, t in enumerate(TITLES, 1)],
    "volume, glued": [f"卷三第{n}章 {t}" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "dashes": [f"——第{n}章 {t}——" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "rules": [f"=====第{n}章 {t}=====" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "signs": [f"◇第{n}章 {t}◇" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "brackets": [f"【第{n}章】{t}" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "book brackets": [f"《第{n}章 {t}》" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "dot": [f"第{n}章.{t}" for n, t in enumerate(TITLES, 1)],
    "glued words": ["第一章来客", "第二章中毒", "第三章的士", "第四章里应外合", "第五章和风"],
    "glued sentences": [
        "第一章来，去",
        "第二章雪",
        "第三章一把刀，两个人",
        "第四章谁？",
        "第五章归",
    ],
    "glued and long": [
        f"第{n}回{t}"
        for n, t in zip(
            NUMERALS, ["渡船人夜访荒山古寺教书先生晨汲深井寒泉二人同行"] * 5, strict=True
        )
    ],
    "title below": [f"第{n}章\n{t}" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "title below a gap": [f"第{n}章\n\n{t}" for n, t in zip(NUMERALS, TITLES, strict=True)],
    "spread names": ["楔 子", "第一章 雪夜", "幕间 河", "番外：旧桥", "尾　声"],
    "named": ["序章", "第1章 雪", "间章 旧桥", "番外（一）归来", "后记"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_headings_in_every_layout(tmp_path, form, layout):
    headings = FORMS[form]
    report, _ = load(tmp_path, book(headings, layout))
    titles = [letters(start.title) for start in report.chapter_starts]
    assert titles == [letters(heading) for heading in headings]


def test_places_are_lines_of_the_file(tmp_path):
    text = book(FORMS["number and dot"], "gaps")
    report, _ = load(tmp_path, text)
    lines = text.split("\n")
    assert [lines[start.line - 1] for start in report.chapter_starts] == FORMS["number and dot"]


SAID = [
    "第二部手机响了",
    "第三节车厢的门卡住了——",
    "第二部分人马已经过了河",
    "第六回他学乖了",
    "第四部电影散场了",
    "40多岁的人了",
    "3比2",
    "12点差五分",
    "10:30 开船",
    "5.6亿年",
    "2、3两个",
    "2008 年夏天",
    "两章书稿",
    "一、二、三，起！",
    "他读到第三章",
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "form", ["English", "number and space", "number and dot", "number alone", "volume"]
)
@pytest.mark.parametrize("sentence", SAID)
def test_sentences_stay_text(tmp_path, form, layout, sentence):
    report, paragraphs = load(tmp_path, book(FORMS[form], layout, sentence))
    assert report.chapters == 5
    assert letters(sentence) in map(letters, paragraphs)


def test_an_indented_line_is_no_heading_where_headings_are_not_indented(tmp_path):
    glued = ["第一回雪夜", "第二回旧桥", "第三回摆渡人"]
    report, paragraphs = load(tmp_path, book(glued, "indented", "第三回他才说出那个名字"))
    assert report.chapters == 3
    assert "第三回他才说出那个名字" in paragraphs


def test_numbered_sections_of_chapters_stay_text(tmp_path):
    text = ""
    for place, number in enumerate(NUMERALS):
        chapter = book([f"第{number}章 {TITLES[place]}\n1", "2", "3", "4"], "flat")
        text += chapter.replace("院", f"院{place}")
    assert load(tmp_path, text)[0].chapters == 5


def test_a_list_in_the_story_is_no_chapters(tmp_path):
    rules = "\n".join(f"{n}.{t}" for n, t in enumerate(TITLES, 1))
    report, paragraphs = load(tmp_path, book(["那天", "后来"], "flat") + rules)
    assert report.chapters == 0
    assert set(rules.split("\n")) <= set(paragraphs)


def test_short_items_of_a_list_are_no_chapters(tmp_path):
    rules = "".join(f"{n}.{t}\n好。\n他{t}。\n" for n, t in enumerate(TITLES, 1))
    assert load(tmp_path, rules + book(["那天", "后来"], "flat"))[0].chapters == 0


def test_different_words_before_a_number_are_no_name_of_the_book(tmp_path):
    text = book(["他翻到 第一章", "她读完 第二章", "学生背 第三章"], "flat")
    assert load(tmp_path, text)[0].chapters == 0


def test_numbers_that_begin_late_are_sections(tmp_path):
    text = "\n".join(f"第{n}天，{SENTENCES[0]}" for n in range(40)) + "\n"
    assert load(tmp_path, text + book(FORMS["number alone"], "flat"))[0].chapters == 0


def test_the_number_of_a_page_is_no_chapter(tmp_path):
    text = book(FORMS["number alone"], "flat")
    # The text before each number goes on behind it.
    text = re.sub(r"什么人。\n(\d\n)", r"什么\n\1", text)
    assert load(tmp_path, text)[0].chapters == 0


def test_pages_of_a_chapter_are_one_chapter(tmp_path):
    pages = ["第一章 雪夜(1/2)", "第一章 雪夜(2/2)", "第二章 旧桥（1）", "第二章 旧桥（2）"]
    report, _ = load(tmp_path, book([*pages, "第三章 归来 第1页", "第三章 归来 第2页"], "indented"))
    assert report.chapters == 3
    assert report.chapter_starts[0].title == "第一章 雪夜"


def test_volumes_begin_again_at_one(tmp_path):
    first = book(["第一卷 少年", *FORMS["number and dot"]], "flat")
    second = book(["第二卷 归来", *FORMS["number and dot"]], "flat").replace("院", "店")
    assert load(tmp_path, first + second)[0].chapters == 12


def test_there_is_no_style_without_evidence():
    assert detect_style("\n".join(SENTENCES)) is None
    assert detect_style("") is None


# What the rules look for, in pieces.
_PIECES = (
    "第|一|1|001|章|回|卷| |　|.|、|：|——|===|【|】|《|》|(1/2)|（|）|#|# |Chapter|雪夜|他走了。|"
    "，|“|\n|\n\n|\n　　|第一章 雪\n|二\n|番外|目录\n|……9|\t|☆|00000000000000000000000000"
)
MARKS = st.sampled_from(_PIECES.split("|"))


@settings(max_examples=150)
@given(st.lists(MARKS, max_size=60).map("".join))
def test_no_mixture_of_marks_breaks_the_search_for_headings(text):
    style = detect_style(text)
    if style:
        lines = "".join(style.mark([f"{text}\n"], "# "))
        # Nothing but blank lines and marks is added or lost.
        assert letters(lines) == letters(text)


LONG = 100_000
LONG_LINES = [
    "第" * LONG,
    "1" + " " * LONG,
    "第一章" + "." * LONG + "x9",
    "第一章" + " " * LONG + "页",
    "第一章 雪" + "（" * LONG + "）",
    "卷一" + "·" * LONG,
    "番外" + "（一" * LONG + "）",
    "。" + "”" * LONG,
    "★" * LONG,
    "《" * LONG,
    "-" * LONG + "x",
    "chapter " + "a-" * LONG,
]


@pytest.mark.parametrize("line", LONG_LINES, ids=lambda line: line[:8])
def test_a_long_line_takes_no_long_time(line):
    style = detect_style(f"第一章 雪\n{line}\n第二章 桥\n他\n")
    assert "".join(style.mark([f"{line}\n"], "# ")).strip() == line.strip()
    started = time.process_time()
    for headings in Headings:
        find_heading(line, headings)
    assert time.process_time() - started < 2
