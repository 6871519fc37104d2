import pytest

from novelgen.text.chapters import Headings, find_heading
from novelgen.text.numerals import parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("１２", 12),
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("一百零三", 103),
        ("一百二十", 120),
        ("两千三百", 2300),
        ("廿一", 21),
        ("卅", 30),
        ("叁", 3),
        ("壹佰贰拾", 120),
        ("一二〇", 120),
        ("八十—", 81),
        ("一万二千", 12_000),
        ("第", None),
        ("", None),
        ("甲", None),
    ],
)
def test_numbers(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("line", "unit", "number"),
    [
        ("第一章", "章", 1),
        ("第一章 风起", "章", 1),
        ("第一章：风起", "章", 1),
        ("第十二回　甄士隐梦幻识通灵　贾雨村风尘怀闺秀", "回", 12),
        ("第12回 大闹", "回", 12),
        ("第 12 章 大闹", "章", 12),
        ("第１２章", "章", 12),
        ("第01幕", "幕", 1),
        ("第八十—回 占旺相四美钓游鱼", "回", 81),
        ("第叁回 托内兄", "回", 3),
        ("第廿一节", "节", 21),
        ("第三卷 江湖", "卷", 3),
        ("第二折", "折", 2),
        ("第五集", "集", 5),
        ("第一部 少年", "部", 1),
        ("第七篇 归来", "篇", 7),
        ("卷之三", "卷", 3),
        ("卷二 归来", "卷", 2),
        ("正文 第一章 风起", "章", 1),
        ("正文第十章 风起", "章", 10),
        ("【第三章】", "章", 3),
        ("《风》第三章", "章", 3),
        ("楔子", "楔子", None),
        ("序", "序", None),
        ("序章 少年", "序章", None),
        ("尾声", "尾声", None),
        ("番外 旧事", "番外", None),
        ("番外三", "番外", 3),
        ("后记", "后记", None),
        ("Chapter 1", "chapter", 1),
        ("CHAPTER XII. The Storm", "chapter", 12),
        ("Chapter Twenty-One", "chapter", 21),
        ("Prologue", "prologue", None),
        ("第一卷 少年行 第三章 下山", "章", 3),
        ("第一章风起云涌", "章", 1),
        ("第三回 怎么办？", "回", 3),
        ("第3章.雨落", "章", 3),
        ("第三章。雨落", "章", 3),
        ("卷二第三章 雨落", "章", 3),
        ("第二卷·第三章 雨落", "章", 3),
        ("VIP卷 第3章 雨落", "章", 3),
        ("Vol.2 Chapter 3 雨落", "chapter", 3),
        ("——第三章 雨落——", "章", 3),
        ("=====第三章 雨落=====", "章", 3),
        ("※ 第三章 雨落 ※", "章", 3),
        ("【第三章】雨落", "章", 3),
        ("《第三章 雨落》", "章", 3),
        ("Chapter 3 雨落", "chapter", 3),
        ("Chapter3雨落", "chapter", 3),
        ("chapter.3", "chapter", 3),
        ("EP03 雨落", "ep", 3),
        ("第三章 雨落(1/3)", "章", 3),
        ("间章 雨落", "间章", None),
        ("幕间·雨落", "幕间", None),
        ("番外：雨落", "番外", None),
        ("番外之雨落", "番外", None),
        ("番外（一）雨落", "番外", None),
        ("楔 子", "楔 子", None),
    ],
)
def test_headings(line, unit, number):
    heading = find_heading(line)
    assert heading is not None
    assert (heading.unit, heading.number, heading.body, heading.is_entry) == (
        unit,
        number,
        "",
        False,
    )


@pytest.mark.parametrize(
    "line",
    [
        "第四回中既将薛家母子在荣府内寄居等事略已表明，此回则暂不能写矣。",
        "第三回里说过的话，这里不再提了。",
        "第一章的故事讲完了。",
        "第二章讲的是他。",
        "第三回合，他输了。",
        "第一集团军开到了城下。",
        "第一部队长来了",
        "第二节课",
        "序幕拉开了。",
        "他读到第三章，便睡了。",
        "卷起袖子。",
        "番外的人都走了，只剩他。",
        "第一回见到他，是在春天，那时我还小。",
        "“第三回”",
        "第一次见到他。",
        "尾声渐渐低下去，人都散了。",
        "引人注目",
        "Chapter and verse, he said.",
        "Part of the house fell.",
        "第五章程",
        "中午",
        "上海",
        "# 标题",
        "——第三章他没有写完",
        "——第三章里他说过的。",
        "第二卷第三章里说过的话",
        "Chapter 3 was long, and he slept.",
        "Part of 雨落",
        "幕间的灯灭了，人都散了。",
    ],
)
def test_sentences_are_no_headings(line):
    assert find_heading(line) is None


@pytest.mark.parametrize(
    ("line", "title", "body"),
    [
        (
            "第一回　风雪夜归人　话说那日大雪，宋江独自下山，走到半路，忽见一人。",
            "第一回风雪夜归人",
            "话说那日大雪，宋江独自下山，走到半路，忽见一人。",
        ),
        (
            "第二章 下山 他走出门去，天已经黑了。街上没有一个人，只有风。",
            "第二章下山",
            "他走出门去，天已经黑了。街上没有一个人，只有风。",
        ),
    ],
)
def test_a_heading_glued_to_its_first_line(line, title, body):
    heading = find_heading(line)
    assert (heading.key, heading.body) == (title, body)


@pytest.mark.parametrize(
    "line", ["第一章 风起……………12", "第一章 风起 第二章 云涌 第三章 雨落", "第三章 雨落........ 45"]
)
def test_lines_of_a_contents_list(line):
    assert find_heading(line).is_entry


def test_the_word_contents():
    assert find_heading("目　录").unit == "目录"
    assert find_heading("Contents").unit == "目录"


def test_key_ignores_spaces_and_decoration():
    assert find_heading("【第三章　雨落】").key == find_heading("第三章 雨落").key


def test_markdown_headings_count_where_they_are_meant():
    assert find_heading("## 风波", Headings.MARKDOWN).key == "风波"
    assert find_heading("# 第三章 雨落", Headings.MARKDOWN).number == 3
    assert find_heading("第三章 雨落", Headings.MARKDOWN).number == 3
    assert find_heading("## 风波") is None


def test_in_a_file_with_marked_titles_nothing_else_is_a_heading():
    assert find_heading("# 风波", Headings.MARKED).key == "风波"
    assert find_heading("第一章 优胜记略", Headings.MARKED) is None


def test_titles_as_a_reader_sees_them():
    titles = {
        "☆★第三章 雨落★☆": "第三章 雨落",
        "——第三章 雨落——": "第三章 雨落",
        "第三章 雨落(2/3)": "第三章 雨落",
        "第3章。雨落": "第3章 雨落",
        "第三章 下山 他走出门去，天已经黑了。街上没有一个人，只有风。": "第三章 下山",
    }
    assert {line: find_heading(line).title for line in titles} == titles


def test_the_number_of_a_page_is_no_part_of_the_key():
    keys = {
        find_heading(line).key
        for line in (
            "第三章 雨落(1/3)",
            "第三章 雨落（第2/3页）",
            "第三章 雨落 第3页",
            "第三章 雨落",
        )
    }
    assert keys == {"第三章雨落"}
    assert find_heading("第一○回 雨").key != find_heading("第一回 雨").key


def test_where_the_file_marks_its_headings_a_glued_title_is_text():
    assert find_heading("第二部手机响了", Headings.CLEAR) is None
    assert find_heading("第二部 雨落", Headings.CLEAR).number == 2
    assert find_heading("【第二章雨落】", Headings.CLEAR).number == 2
    assert find_heading("# 第四回来客", Headings.CLEAR).number == 4
    assert find_heading("# 001 雨落", Headings.CLEAR).number == 1
    assert find_heading("# 渡口记 第三章 雨落", Headings.CLEAR).unit == "章"


def test_a_line_of_many_commas_is_no_title():
    title = "他来了，她走了，雨停了，灯灭了"
    assert find_heading(f"第三章 {title}").body == ""
    assert find_heading(f"第三章 {title}，人散了").body == f"{title}，人散了"
