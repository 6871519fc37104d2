import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.text.chapters import find_heading
from novelgen.text.layout import columns, detect_wrapping, join_lines

PARAGRAPHS = [
    f"{start}走到门前，看见一个人站在那里，便问道：“你是谁？”那人并不回答，只是笑了一笑，"
    f"{middle}转身去了，再也没有回来过，谁也不知道他去了哪里。"
    for start, middle in zip(
        "他她我你谁张王李赵钱孙周吴郑",
        ("慢慢地", "", "忽然", "就这样冷冷地", "又", "叹了口气", "低着头") * 2,
        strict=True,
    )
]


def wrapped(paragraph, width, first=""):
    text = first + paragraph
    return [text[start : start + width] for start in range(0, len(text), width)]


def unwrap(text, step=None):
    wrapping = detect_wrapping(text)
    assert wrapping is not None
    step = step or len(text)
    lines = text.splitlines(keepends=True)
    chunks = ["".join(lines[start : start + step]) for start in range(0, len(lines), step)]
    return [line for line in "".join(wrapping.unwrap(chunks)).split("\n") if line]


def indented(paragraphs, width=36):
    return "".join(
        f"{line}\n" for paragraph in paragraphs for line in wrapped(paragraph, width, "　　")
    )


def separated(paragraphs, width=36):
    return "\n".join(
        "".join(f"{line}\n" for line in wrapped(paragraph, width)) for paragraph in paragraphs
    )


@pytest.mark.parametrize("form", [indented, separated])
@pytest.mark.parametrize("width", [22, 36, 40])
def test_lines_become_paragraphs_again(form, width):
    assert unwrap(form(PARAGRAPHS, width)) == PARAGRAPHS


def test_without_any_mark_a_short_line_ends_the_paragraph():
    text = "".join(f"{line}\n" for paragraph in PARAGRAPHS for line in wrapped(paragraph, 31))
    assert unwrap(text) == PARAGRAPHS


def test_a_blank_line_after_every_line_means_nothing():
    assert unwrap(indented(PARAGRAPHS).replace("\n", "\n\n")) == PARAGRAPHS


@settings(max_examples=15)
@given(st.integers(1, 40))
def test_chunks_do_not_matter(step):
    assert unwrap(indented(PARAGRAPHS), step) == PARAGRAPHS


def test_headings_stand_apart_though_nothing_marks_them():
    text = indented(PARAGRAPHS[:7]) + "第二章 归来\n" + indented(PARAGRAPHS[7:])
    assert unwrap(text) == [*PARAGRAPHS[:7], "第二章 归来", *PARAGRAPHS[7:]]


def test_a_mention_of_a_chapter_at_a_line_start_is_no_heading():
    paragraph = "一" * 34 + "二" * 36 + "第三回 怎么办？"
    text = indented([*PARAGRAPHS, paragraph], 36)
    assert text.endswith("\n第三回 怎么办？\n")
    assert find_heading("第三回 怎么办？")
    assert unwrap(text)[-1] == paragraph


def test_words_are_joined_with_a_space_and_characters_without():
    assert join_lines(["他说", "Hello", "world", "，好"]) == "他说Hello world，好"


def test_english_wrapped_at_words():
    words = [
        "it",
        "was",
        "the",
        "best",
        "of",
        "times",
        "the",
        "wisdom",
        "and",
        "foolishness",
        "of",
        "seasons",
    ]
    paragraphs = [" ".join(words[start:] + words) * 3 + "." for start in range(8)]
    lines = []
    for paragraph in paragraphs:
        line = ""
        for word in paragraph.split(" "):
            if len(line) + len(word) > 70:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}".strip()
        lines += [line, ""]
    assert unwrap("\n".join(lines) + "\n") == paragraphs


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(PARAGRAPHS),
        "\n\n".join(PARAGRAPHS),
        "\n".join(
            paragraph[:length]
            for paragraph, length in zip(PARAGRAPHS * 2, range(10, 60, 2), strict=False)
        ),
        "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n" * 20,
        "“是。”\n" * 40,
        "\n".join("一" * (length % 31) + "二" for length in range(0, 700, 7)),
        "他来了。",
        "",
    ],
)
def test_a_file_with_a_paragraph_a_line_is_left_alone(text):
    assert detect_wrapping(text) is None


def test_columns():
    assert columns("他说“a b”") == 2 * 4 + 3
