"""A document in every format: what stands in it, and that its files are what they say."""

import io
import re
import zipfile
from xml.etree import ElementTree

import docx
import pypdf
import pytest
from matplotlib.figure import Figure

from novelgen.report.document.elements import Document, Equation, Heading, Table
from novelgen.report.document.html import write_html
from novelgen.report.document.layout import column_shares
from novelgen.report.document.markdown import write_markdown
from novelgen.report.document.pdf import write_pdf
from novelgen.report.document.pictures import formula_picture, picture_of
from novelgen.report.document.word import write_word

# What each format would take for markup.
RISKY = "他说<b>&amp;|*星*_线_ $x$"
SOURCE = "小满坐在船头，数着河边的石阶。"


@pytest.fixture(scope="module")
def document():
    document = Document("小说续写", "zh", [("作者", "张三")])
    document.heading(1, "摘要", numbered=False)
    document.paragraph(RISKY)
    document.heading(1, "引言")
    document.heading(2, "任务")
    figure = Figure((3, 2))
    figure.add_subplot().plot([1, 3, 2])
    document.figure("曲线", "curve", picture_of(figure))
    document.equation(r"\alpha = \dfrac{1}{2}", formula_picture(r"\alpha = \dfrac{1}{2}"))
    document.table("样例", ["源文", "续写"], [[SOURCE, RISKY], ["甲", "乙"]])
    document.heading(2, "方法")
    document.heading(1, "结论")
    document.bullets(["第一条", "第二条"])
    document.bullets(["Bahdanau"], ["[1]"])
    document.quotation("一\n二")
    document.code("python train.py\npython app.py")
    return document


def test_headings_are_numbered_level_by_level(document):
    headings = [each.full_text for each in document.elements if hasattr(each, "level")]
    assert headings == ["摘要", "1 引言", "1.1 任务", "1.2 方法", "2 结论"]


def test_every_kind_counts_for_itself(document):
    assert document.next_number(Table) == 2
    assert document.next_number(Equation) == 2


def test_markdown_has_its_figures_beside_it_and_no_foreign_markup(document, tmp_path):
    write_markdown(document, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    named = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert named == ["figures/curve.png"]
    assert (tmp_path / named[0]).read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(tmp_path / "figures" / "curve.svg").getroot().tag.endswith("svg")
    assert "\\<b\\>" in text
    assert "\\*星\\*" in text
    assert "\\tag{1}" in text


def test_word_file_has_real_headings_fields_and_both_fonts(document, tmp_path):
    path = tmp_path / "report.docx"
    write_word(document, path)
    found = docx.Document(str(path))
    styles = [(each.style.name, each.text) for each in found.paragraphs]
    assert ("Heading 1", "1 引言") in styles
    assert ("Heading 2", "1.1 任务") in styles
    assert any(each.text == RISKY for each in found.paragraphs)
    # The first table holds an equation and its number.
    assert [cell.text for cell in found.tables[1].rows[1].cells] == [SOURCE, RISKY]
    xml = zipfile.ZipFile(path).read("word/document.xml").decode()
    assert "TOC " in xml
    assert "SEQ Table" in xml
    assert "SEQ Figure" in xml
    assert 'w:eastAsia="SimSun"' in zipfile.ZipFile(path).read("word/styles.xml").decode()
    assert "<m:oMathPara>" in xml
    # The contents show every heading at once, linked to its place, whose page is looked for.
    headings = [each.full_text for each in document.elements if isinstance(each, Heading)]
    shown = [each for each in found.paragraphs if each.style.name.startswith("toc ")]
    assert [each.text.strip() for each in shown] == headings
    places = re.findall(r'w:bookmarkStart [^>]*w:name="(\w+)"', xml)
    assert re.findall(r"PAGEREF (\w+)", xml) == places
    assert [each.hyperlinks[0].fragment for each in shown] == places


def test_html_needs_no_other_file(document, tmp_path):
    path = tmp_path / "report.html"
    write_html(document, path)
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert "<b>" not in text
    links = re.findall(r'href="#(\w+)"', text)
    assert links == re.findall(r'<h\d id="(\w+)"', text)
    assert len(links) == 5


def test_pdf_text_can_be_taken_out_again(document, tmp_path):
    path = tmp_path / "report.pdf"
    write_pdf(document, path)
    pages = pypdf.PdfReader(io.BytesIO(path.read_bytes())).pages
    text = "".join(page.extract_text() for page in pages)
    for wanted in (SOURCE, RISKY, "1.1 任务", "[1]", "张三", "python train.py"):
        assert wanted.replace(" ", "") in re.sub(r"\s", "", text)


def test_pdf_has_an_outline_of_all_headings(document, tmp_path):
    path = tmp_path / "report.pdf"
    write_pdf(document, path)
    assert path.read_bytes().count(b"/Title") >= 5


def test_columns_fill_the_page_by_what_stands_in_them():
    table = Table(1, "", ["短", "长"], [["一", "很长很长很长很长的一段文字"]])
    shares = column_shares(table)
    assert sum(shares) == pytest.approx(1)
    assert shares[1] > 2 * shares[0]
    assert column_shares(Table(1, "", ["a", "b"], [], widths=[1, 3])) == [0.25, 0.75]


def test_a_column_has_room_for_its_words_and_half_of_its_heading():
    heading = ["训练", "与训练文本相同的八元组", "distinct-2"]
    shares = column_shares(Table(1, "", heading, [["seq2seq", "0.1%", "0.9"]]))
    assert [share * 28 for share in shares] == pytest.approx([7, 11, 10])


def test_a_formula_that_cannot_be_drawn_is_an_error():
    with pytest.raises(ValueError, match="nosuch"):
        formula_picture(r"\nosuch{x}")
