import zipfile

import pytest

from novelgen.config import TextConfig
from novelgen.errors import CorpusError
from novelgen.text import epub
from novelgen.text.epub import epub_text
from novelgen.text.importing import CorpusImport

CONTAINER = (
    '<container><rootfiles><rootfile full-path="OEBPS/content.opf"/></rootfiles></container>'
)
PAGE = (
    "<html><head><title>书名</title><style>p {{}}</style></head>"
    "<body><h2>{title}</h2>{body}<script>alert('x')</script></body></html>"
)


def package(items, spine):
    manifest = "".join(
        f'<item id="{key}" href="{href}" media-type="{kind}" {extra}/>'
        for key, href, kind, extra in items
    )
    references = "".join(f"<itemref idref={key!r}/>" for key in spine)
    return f"<package><manifest>{manifest}</manifest><spine>{references}</spine></package>"


HTML = "application/xhtml+xml"
ITEMS = [
    ("b", "text/two.xhtml", HTML, ""),
    ("a", "text/%E4%B8%80.xhtml", HTML, ""),
    ("nav", "nav.xhtml", HTML, 'properties="nav"'),
    ("css", "x.css", "text/css", ""),
]


def book(path, **changes):
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/content.opf": package(ITEMS, ["nav", "a", "b", "css"]),
        "OEBPS/nav.xhtml": PAGE.format(title="导航", body="<p>目录在此</p>"),
        "OEBPS/text/一.xhtml": PAGE.format(
            title="风波",
            body="<nav><a>上一页</a></nav><p>他来了，\n又<b>走</b>了&mda"
            "sh;&#26159;的。</p><p>“好&nbsp;。”<br/>她说。</p>",
        ),
        "OEBPS/text/two.xhtml": PAGE.format(
            title="故乡", body="<div>天黑了，灯也亮了。<p>Hello\nworld</p></div>"
        ),
        "OEBPS/x.css": "p {}",
    }
    files.update(changes)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            if text is not None:
                archive.writestr(name, text)
    return path


def test_the_spine_is_read_in_order_without_scripts_styles_and_navigation(tmp_path):
    assert "".join(epub_text(book(tmp_path / "a.epub"))).split("\n") == [
        "# 风波",
        "他来了，又走了—是的。",
        "“好\xa0。”",
        "她说。",
        "# 故乡",
        "天黑了，灯也亮了。",
        "Hello world",
        "",
    ]


def test_headings_become_chapters(tmp_path):
    corpus = CorpusImport([book(tmp_path / "a.epub")], TextConfig(), 1)
    assert [(paragraph.chapter, "".join(paragraph.segments)) for paragraph in corpus] == [
        (1, "他来了，又走了—是的。"),
        (1, "“好 。”"),
        (1, "她说。"),
        (2, "天黑了，灯也亮了。"),
        (2, "Hello world"),
    ]
    assert corpus.report.encoding == "epub"


def test_unclosed_tags_do_not_matter(tmp_path):
    path = book(
        tmp_path / "a.epub", **{"OEBPS/text/two.xhtml": "<h1>故乡<p>天黑了。<p>灯亮了。<img src=x>"}
    )
    assert "天黑了。\n" in "".join(epub_text(path))
    assert "灯亮了。\n" in "".join(epub_text(path))


@pytest.mark.parametrize(
    "changes",
    [
        {"META-INF/container.xml": None},
        {"META-INF/container.xml": "nonsense"},
        {"OEBPS/content.opf": None},
        {"OEBPS/content.opf": "<package/>"},
        {"OEBPS/text/two.xhtml": None},
    ],
)
def test_a_damaged_book_is_reported_in_one_line(tmp_path, changes):
    with pytest.raises(CorpusError, match=r"a\.epub.*damaged") as caught:
        list(epub_text(book(tmp_path / "a.epub", **changes)))
    assert "\n" not in str(caught.value)


def test_flipped_bytes_are_reported_in_one_line(tmp_path):
    path = book(tmp_path / "a.epub")
    data = bytearray(path.read_bytes())
    place = data.index(b"OEBPS/text/two.xhtml") + 40
    data[place : place + 30] = b"\xff" * 30
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="damaged"):
        list(epub_text(path))


def test_what_is_no_zip_is_reported_in_one_line(tmp_path):
    path = tmp_path / "a.epub"
    path.write_bytes(b"PK nonsense")
    with pytest.raises(CorpusError, match="not an EPUB"):
        list(epub_text(path))


def test_an_encrypted_book_is_refused_but_scrambled_fonts_are_not(tmp_path):
    def encryption(method):
        element = f'<enc:EncryptionMethod Algorithm="{method}"/>'
        return f"<encryption><enc:Data>{element}</enc:Data></encryption>"

    locked = book(
        tmp_path / "a.epub",
        **{"META-INF/encryption.xml": encryption("http://www.w3.org/2001/04/xmlenc#aes256-cbc")},
    )
    with pytest.raises(CorpusError, match="DRM"):
        list(epub_text(locked))
    open_book = book(
        tmp_path / "b.epub",
        **{"META-INF/encryption.xml": encryption("http://www.idpf.org/2008/embedding")},
    )
    assert "他来了" in "".join(epub_text(open_book))


@pytest.mark.parametrize("limit", ["LARGEST_DOCUMENT", "LARGEST_BOOK"])
def test_a_zip_bomb_is_refused(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(epub, limit, 5_000)
    path = book(tmp_path / "a.epub", **{"OEBPS/text/two.xhtml": "<p>" + "一" * 100_000})
    assert path.stat().st_size < 5_000
    with pytest.raises(CorpusError, match="damaged"):
        list(epub_text(path))
