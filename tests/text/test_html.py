import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.text.html import Prose, decode_markup


def text(page):
    parser = Prose()
    parser.feed(page)
    parser.close()
    return parser.lines


@pytest.mark.parametrize(
    "mark",
    [
        '<sup><a href="notes.xhtml#n1">1</a></sup>',
        '<a href="#n2"><sup>[2]</sup></a>',
        '<a epub:type="noteref" href="n.xhtml">③</a>',
        '<a role="doc-noteref" href="n.xhtml">a</a>',
        '<a class="duokan-footnote" href="#df-1"><img alt="" src="note.png"/></a>',
        "<sup>12</sup>",
        "<sup>〔注三〕</sup>".replace("三", "3"),
        '<a href="#n">*</a>',
        '<a href="#n">[注1]</a>',
    ],
)
def test_the_marks_of_notes_are_no_text(mark):
    assert text(f"<p>船家{mark}点了灯。</p>") == ["船家点了灯。"]


@pytest.mark.parametrize(
    ("inside", "wanted"),
    [
        ("10<sup>2</sup>里", "102里"),
        ('<a href="map.xhtml">地图</a>', "地图"),
        ('<a href="#later">后来</a>', "后来"),
        ("<sup>上</sup>", "上"),
        ("<a id='x'/>12", "12"),
    ],
)
def test_other_links_and_raised_text_stay(inside, wanted):
    assert text(f"<p>他看了{inside}。</p>") == [f"他看了{wanted}。"]


def test_a_heading_that_is_a_number_and_leads_back_stays():
    assert text('<h2><a href="toc.xhtml#c1">1</a></h2><p>船来了。</p>') == ["# 1", "船来了。"]


@pytest.mark.parametrize(
    "note",
    [
        '<aside epub:type="footnote" id="n1"><p>一种灯。</p></aside>',
        '<ol class="duokan-footnote-content"><li>一种灯。</li></ol>',
        '<aside epub:type="footnote"><aside>灯：</aside><p>一种灯。</p></aside>',
        '<section role="doc-endnotes"><p>一种灯。</p></section>',
    ],
)
def test_notes_are_no_text(note):
    assert text(f"<p>船家点了灯。</p>{note}<p>天亮了。</p>") == ["船家点了灯。", "天亮了。"]


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        ("<h1>第一章<br/>渡口</h1><p>船来了。</p>", ["# 第一章 渡口", "船来了。"]),
        ("<head><title/><script src='a.js'/></head><body><p>船来了。</p>", ["船来了。"]),
        ("<head><title>书名</title><body><p>船来了。</p>", ["船来了。"]),
        ("<p>他叫<img class='gaiji' alt='龘' src='x.png'/>。</p>", ["他叫龘。"]),
        ("<p>他画了<img alt='一张地图' src='x.png'/>。</p>", ["他画了。"]),
        ("<p>阿<ruby>澪<rp>(</rp><rt>líng</rt><rp>)</rp></ruby>来了。</p>", ["阿澪来了。"]),
        ("<p>甲</sup></a>乙</p>", ["甲乙"]),
    ],
)
def test_what_a_page_says(page, lines):
    assert text(page) == lines


def test_a_page_that_is_no_chinese_is_read_as_it_declares():
    page = '<meta charset="windows-1252"><p>café</p>'
    assert "café" in decode_markup(page.encode("cp1252"))


def test_an_unknown_declaration_is_passed_over():
    page = '<meta charset="x-user-defined"><p>他走到门前，看见一个人站在那里。</p>'
    assert "看见一个人" in decode_markup(page.encode("gbk"))


TAGS = "<a href='#x'>|</a>|<sup>|</sup>|<h1>|</h1>|<br/>|<p>|</p>|<nav>|</nav>|<head>|<body>"
SIGNS = ["[1]", "①", "&", "&#", "<!--", "-->", "<", ">", "灯", "\n"]
PIECES = st.sampled_from([*TAGS.split("|"), *SIGNS])


@given(st.lists(PIECES | st.text(max_size=3), max_size=60).map("".join))
def test_no_page_is_an_error(page):
    assert all("\n" not in line for line in text(page))


@pytest.mark.parametrize("section", ["<![foo[ abc ]]>", "<![%x", "<![[", "<![\0[x"])
def test_a_marked_section_of_an_unknown_kind_stops_nothing(section):
    assert text(f"<p>灯亮了。</p>{section}")[0] == "灯亮了。"


@given(st.binary(max_size=200))
def test_any_bytes_become_text_that_can_be_stored(data):
    decoded = decode_markup(data)
    assert decoded.encode("utf-8").decode("utf-8") == decoded


@pytest.mark.parametrize("piece", ["[", "<a href='#'>", "<sup>1", "(注", " ", "第"])
def test_a_long_page_takes_linear_time(piece):
    started = time.process_time()
    text("<p><sup>" + piece * (100_000 // len(piece)) + "</sup></p>")
    assert time.process_time() - started < 5
