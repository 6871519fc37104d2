import pytest

from novelgen.text.chapters import Headings
from novelgen.text.filetext import FileText
from novelgen.text.reading import open_text
from novelgen.text.report import FileReport

PARAGRAPH = "他走到门前，看见一个人站在那里，便停下来问他是谁。\n"


def file_text(tmp_path, text):
    path = tmp_path / "novel.txt"
    path.write_text(text, encoding="utf-8")
    file = open_text(path)
    report = FileReport(str(path), file.encoding, file.size)
    return FileText(file, report, lambda rule, piece: None), report


@pytest.mark.parametrize(("signs", "headings"), [(2, Headings.MARKDOWN), (1, Headings.FORM)])
def test_one_sign_of_markdown_is_no_markdown(tmp_path, signs, headings):
    text = "".join(f"# 风起{number}\n{PARAGRAPH * 3}" for number in range(signs))
    assert file_text(tmp_path, text)[0].headings is headings


def test_lines_that_were_cut_are_joined_and_the_report_says_so(tmp_path):
    whole = PARAGRAPH.strip() * 6
    columns = 30
    cut = [whole[start : start + columns] for start in range(0, len(whole), columns)]
    text, report = file_text(tmp_path, "\n\n".join(["　　" + "\n".join(cut)] * 30) + "\n")
    assert "wrapped_lines" in [note["note"] for note in report.notes]
    assert whole in "".join(text.lines())
