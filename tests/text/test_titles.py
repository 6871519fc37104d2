import pytest

from novelgen.text.titles import detect_titles

BODY = "\n".join(["他走到门前，看见一个人站在那里，便问他是谁，那人没有回答。"] * 12)


def marked(text):
    titles = detect_titles(text)
    assert titles is not None
    return [
        line for line in "".join(titles.mark([text + "\n"])).split("\n") if line.startswith("# ")
    ]


def test_a_blank_line_before_each_title_and_none_elsewhere():
    text = f"呐喊自序\n{BODY}\n\n狂人日记\n一\n{BODY}\n二\n{BODY}\n\n阿Ｑ正传\n第一章　序\n{BODY}"
    assert marked(text) == ["# 呐喊自序", "# 狂人日记", "# 阿Ｑ正传"]


def test_blank_lines_around_each_title():
    text = "\n\n".join(f"{title}\n\n{BODY}" for title in ("风波", "故乡", "社戏"))
    assert marked(text) == ["# 风波", "# 故乡", "# 社戏"]


def test_more_blank_lines_before_a_title_than_before_a_paragraph():
    body = "门外\n\n" + BODY.replace("\n", "\n\n")
    assert marked("\n\n\n".join(f"{title}\n\n{body}" for title in ("风波", "故乡", "社戏"))) == [
        "# 风波",
        "# 故乡",
        "# 社戏",
    ]


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        BODY.replace("\n", "\n\n"),
        "\n\n".join(f"第{number}章 风波\n{BODY}" for number in "一二三四五"),
        f"{BODY}\n\n他走了。\n{BODY}\n\n过了三天，雨停了。\n{BODY}",
        f"{BODY}\n\n＊＊＊\n\n{BODY}\n\n＊＊＊\n\n{BODY}",
        f"{BODY}\n\n“好”\n{BODY}\n\n“不好”\n{BODY}",
        "\n\n".join([f"故乡\n{BODY}", f"社戏\n{BODY}", *[BODY] * 5]),
        f"上\n{BODY}\n\n下\n" + "\n".join(f"第{number}章 风波\n{BODY}" for number in "一二三四五"),
        "风波\n\n故乡\n\n社戏\n",
    ],
)
def test_other_blank_lines_give_nothing_away(text):
    assert detect_titles(text) is None
