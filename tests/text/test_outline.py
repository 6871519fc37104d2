from novelgen.text.chapterlist import ChapterStart
from novelgen.text.chapters import Headings, find_heading
from novelgen.text.outline import Outline
from novelgen.text.places import HeadingLines
from novelgen.text.report import ImportReport


def outlined(*lines):
    """(chapter of every line that is no heading, the report); None starts a new file."""
    report = ImportReport()
    outline = Outline(report)
    chapters = []
    for line in lines:
        heading = line and find_heading(line)
        if line is None:
            outline.start_file()
        elif heading:
            outline.heading(heading)
        else:
            chapters.append(outline.paragraph())
    outline.finish()
    return chapters, report


def test_chapters_are_numbered_from_one_and_what_stands_before_is_zero():
    chapters, report = outlined(
        None, "序言之前的话。", "第一章", "他来了。", "她走了。", "第二章", "天黑了。"
    )
    assert chapters == [0, 1, 1, 2]
    assert report.chapters == 2


def test_a_volume_heading_and_its_first_chapter_are_one():
    chapters, _ = outlined(
        None,
        "第一卷 少年",
        "第一章 下山",
        "他来了。",
        "第二章 进城",
        "她走了。",
        "第二卷 归来",
        "第一章 回家",
        "天黑了。",
    )
    assert chapters == [1, 2, 3]


def test_a_contents_list_before_the_text_is_no_chapters():
    chapters, report = outlined(
        None,
        "目录",
        "第一章 甲",
        "第二章 乙",
        "第三章 丙",
        "第一章 甲",
        "他来了。",
        "第二章 乙",
        "她走了。",
        "第三章 丙",
        "天黑了。",
    )
    assert chapters == [1, 2, 3]
    assert report.removed["contents"] == 4


def test_a_contents_list_before_a_preface_without_a_title():
    chapters, _ = outlined(
        None,
        "第一章 甲",
        "第二章 乙",
        "第三章 丙",
        "作者的话。",
        "第一章 甲",
        "他来了。",
        "第二章 乙",
        "她走了。",
        "第三章 丙",
        "天黑了。",
    )
    assert chapters == [0, 1, 2, 3]


def test_a_page_heading_repeated_in_its_chapter_starts_nothing():
    chapters, report = outlined(
        None, "第一章 甲", "他来了。", "第一章 甲", "她走了。", "第二章 乙", "天黑了。"
    )
    assert chapters == [1, 1, 2]
    assert report.removed["repeated_headings"] == 1


def test_a_new_file_starts_a_new_chapter():
    assert outlined(None, "他来了。", None, "她走了。", None, "第一章", "天黑了。")[0] == [0, 1, 2]


def test_a_heading_without_text_is_no_chapter():
    chapters, report = outlined(
        None, "第一章", "他来了。", "第二章", "第三章", "她走了。", "第四章"
    )
    assert chapters == [1, 2]
    assert report.chapters == 2


def test_pages_of_one_chapter_start_nothing():
    chapters, report = outlined(
        None,
        "第一章 甲（1）",
        "他来了。",
        "第一章 甲（2）",
        "她走了。",
        "第二章 甲（2）",
        "天黑了。",
    )
    assert chapters == [1, 1, 2]
    assert report.removed["repeated_headings"] == 1


def test_how_chapters_begin():
    lines = HeadingLines()
    text = "第一卷 甲\n第一章 乙\n他来了。\n楔子\n她走了。\n"
    assert list(lines.watch([text])) == [text]
    report = ImportReport()
    outline = Outline(report)
    outline.start_file(lines)
    for line in text.splitlines():
        heading = find_heading(line)
        if heading:
            outline.heading(heading)
        else:
            outline.paragraph()
    assert report.chapter_starts == [
        ChapterStart("第一章 乙", 0, 2, "章", 1),
        ChapterStart("楔子", 0, 4, "楔子"),
    ]


def test_a_file_without_headings_is_a_chapter_without_a_title():
    _, report = outlined(None, "他来了。", None, "她走了。")
    assert report.chapter_starts == [ChapterStart("", 1)]


def test_a_bare_title_below_its_number_is_told_with_it():
    report = ImportReport()
    outline = Outline(report)
    outline.start_file()
    outline.heading(find_heading("第一章"))
    outline.heading(find_heading("# 雨落", Headings.MARKED))
    outline.paragraph()
    assert report.chapter_starts == [ChapterStart("第一章 雨落", 0, None, "章", 1)]
