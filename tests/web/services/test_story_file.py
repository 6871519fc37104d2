import base64
import io
import json

import docx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from novelgen.errors import ConfigError
from novelgen.web import limits
from novelgen.web.services.story_file import (
    Story,
    chapters,
    file_name,
    from_json,
    from_text,
    markdown,
    story_file,
)

TEXT = "第三回 渡口\n小满上了*船*。\n\n1. 她说。\n# 石阶\n第四回里说过，他不来。"


def content_of(file):
    return base64.b64decode(file.content)


def test_headings_are_listed_with_their_places():
    found = chapters(TEXT)
    assert [chapter.title for chapter in found] == ["第三回 渡口", "石阶"]
    assert [TEXT[chapter.offset] for chapter in found] == ["第", "#"]


def test_a_heading_with_a_paragraph_behind_it_is_a_paragraph():
    assert chapters("第五回 船来 小满坐在船头，数着河边的石阶，天就黑了下来。") == []


def test_markdown_has_the_title_headings_and_paragraphs():
    assert markdown("船", TEXT).split("\n\n") == [
        "# 船",
        "## 第三回 渡口",
        r"小满上了\*船\*。",
        r"1\. 她说。",
        "## 石阶",
        "第四回里说过，他不来。\n",
    ]


def saved(kind, title, manuscript):
    """Name and text of the file that the page saves."""
    if kind == "md":
        return f"{file_name(title)}.md", markdown(title, manuscript)
    return f"{file_name(title)}.txt", f"{title}\n\n{manuscript}\n"  # as desk.js writes it


LINES = st.lists(
    st.one_of(
        st.text("船来了。*_1.)#+- \\[`<", min_size=1),
        st.sampled_from(["第三回 渡口", "# 石阶", "1. 她说。", "\\*", "#", "12) 天"]),
    ).map(str.strip),
    min_size=1,
).map(lambda lines: [line for line in lines if line.strip("# ")])


@given(st.text("渡口*1.#: ", min_size=1).map(str.strip).filter(bool), LINES.filter(bool))
@example("渡口", ["\\*", "# # 石阶", "1. 她说。"])
def test_a_saved_text_is_opened_with_its_title(title, lines):
    manuscript = "\n".join(lines)
    assert from_text(*saved("txt", title, manuscript))[:2] == (title, manuscript)
    opened = from_text(*saved("md", title, manuscript))
    assert (opened.title, markdown(*opened[:2])) == (title, markdown(title, manuscript))
    # But for the signs of headings, all is as it was.
    assert [line.strip("# ") for line in opened.manuscript.split("\n")] == [
        line.strip("# ") for line in lines
    ]


def test_the_title_of_another_text_is_its_file_name():
    assert from_text("旧稿.txt", "船来了。\r\n\r\n天黑了。")[:2] == ("旧稿", "船来了。\n\n天黑了。")
    assert from_text("渡口 (1).txt", "渡口\n\n船来了。")[:2] == ("渡口", "船来了。")
    assert from_text("旧稿.md", "## 第三回\n\n船来了。")[:2] == ("旧稿", "第三回\n船来了。")
    assert from_text("旧稿", "")[:2] == ("旧稿", "")


def test_a_word_file_has_the_same_with_real_headings():
    file = story_file("docx", Story("船", TEXT))
    assert file.name == "船.docx"
    paragraphs = docx.Document(io.BytesIO(content_of(file))).paragraphs
    assert [(each.style.name, each.text) for each in paragraphs[:3]] == [
        ("Title", "船"),
        ("Heading 1", "第三回 渡口"),
        ("Normal", "小满上了*船*。"),
    ]


def test_a_story_is_read_from_its_file():
    story = Story("船", TEXT, "他", ("稿。", "", "", ""), "j", "s", "run", {"temperature": 0.5})
    file = story_file("json", story)
    assert file.name == "船.json"
    assert from_json(json.loads(content_of(file))) == story
    assert from_json({"manuscript": "一。"}) == Story(manuscript="一。")


@pytest.mark.parametrize(
    "record",
    [
        {"manuscript": 5},
        {"drafts": "x"},
        {"drafts": [5]},
        {"settings": [5]},
        {"manuscript": "一" * (limits.MANUSCRIPT + 1)},
    ],
)
def test_what_is_no_story_is_refused(record):
    with pytest.raises(ConfigError):
        from_json(record)


@pytest.mark.parametrize(
    ("title", "name"),
    [("石阶", "石阶"), ('../a:"b"|<c>', "_a__b___c_"), ("", "novel"), (" .. ", "novel")],
)
def test_a_title_becomes_a_name_that_every_file_system_takes(title, name):
    assert file_name(title) == name
