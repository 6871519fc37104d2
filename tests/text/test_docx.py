import zipfile

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from novelgen.errors import CorpusError
from novelgen.text import docx as reader
from novelgen.text.reading import open_text


def save(path, *extra):
    document = docx.Document()
    document.add_heading("渡口", level=0)
    document.add_heading("第一章 雨", level=1)
    document.add_paragraph("船来了。\n人散了。")
    table = document.add_table(rows=1, cols=1)
    table.cell(0, 0).text = "灯灭了。"
    for runs in extra:
        element = f"<w:p {nsdecls('w')}>{runs}</w:p>"
        document.element.body.insert(-1, parse_xml(element))
    document.save(path)
    return path


def text(path):
    return [line for line in "".join(open_text(path).chunks()).split("\n") if line]


def run(words):
    return f"<w:r><w:t>{words}</w:t></w:r>"


def test_headings_paragraphs_and_tables_in_their_order(tmp_path):
    path = save(tmp_path / "a.docx")
    assert text(path) == ["# 渡口", "# 第一章 雨", "船来了。", "人散了。", "灯灭了。"]
    assert open_text(path).marks_headings


def test_words_in_smart_tags_and_corrections_are_read_and_deleted_ones_are_not(tmp_path):
    smart = f"<w:smartTag>{run('三月')}</w:smartTag>"
    inserted = f"<w:ins>{run('初三')}</w:ins>"
    deleted = "<w:del><w:r><w:delText>初四</w:delText></w:r></w:del>"
    ruby = (
        f"<w:r><w:ruby><w:rt>{run('qi')}</w:rt><w:rubyBase>{run('岂')}</w:rubyBase></w:ruby></w:r>"
    )
    path = save(tmp_path / "a.docx", f"{run('那是')}{smart}{inserted}{deleted}{ruby}{run('。')}")
    assert text(path)[-1] == "那是三月初三岂。"


def test_a_document_without_its_parts_is_refused_in_one_line(tmp_path):
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<w:document>")
    with pytest.raises(CorpusError, match="not a readable Word document") as caught:
        text(path)
    assert "\n" not in str(caught.value)


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "LARGEST_DOCUMENT", 1000)
    with pytest.raises(CorpusError, match="unpacks to"):
        text(save(tmp_path / "a.docx"))


def test_a_box_that_stands_there_for_old_programs_too_is_read_once(tmp_path):
    space = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = f"<w:txbxContent><w:p>{run('匾额')}</w:p></w:txbxContent>"
    both = f"<mc:Choice Requires='wps'>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
    alternatives = f"<w:r><mc:AlternateContent {space}>{both}</mc:AlternateContent></w:r>"
    path = save(tmp_path / "a.docx", f"{run('门上有匾。')}{alternatives}")
    assert text(path)[-2:] == ["门上有匾。", "匾额"]
