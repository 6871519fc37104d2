import zipfile

import pytest

from novelgen.config import TextConfig
from novelgen.errors import CorpusError
from novelgen.text import epub
from novelgen.text.epub import epub_text as epub_chunks
from novelgen.text.importing import CorpusImport
from novelgen.text.sources import file_source

CONTAINER = (
    '<container><rootfiles><rootfile full-path="OEBPS/content.opf"/></rootfiles></container>'
)
PAGE = (
    "<html><head><title>书名</title><style>p {{}}</style></head>"
    "<body><h2>{title}</h2>{body}<script>alert('x')</script></body></html>"
)


def epub_text(path, left_out=None):
    names = [] if left_out is None else left_out
    return epub_chunks(file_source(path), names.append)


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
        {"META-INF/container.xml": None, "other.opf": "<package/>"},
        {"META-INF/container.xml": "nonsense", "other.opf": "<package/>"},
        {"OEBPS/content.opf": None},
        {"OEBPS/content.opf": "<package/>"},
        {"OEBPS/text/two.xhtml": None, "OEBPS/text/一.xhtml": None},
    ],
)
def test_a_damaged_book_is_reported_in_one_line(tmp_path, changes):
    with pytest.raises(CorpusError, match=r"a\.epub.*damaged") as caught:
        list(epub_text(book(tmp_path / "a.epub", **changes)))
    assert "\n" not in str(caught.value)


def test_a_document_that_is_missing_is_named_and_the_others_are_read(tmp_path):
    left_out = []
    path = book(tmp_path / "a.epub", **{"OEBPS/text/two.xhtml": None})
    assert "他来了" in "".join(epub_text(path, left_out))
    assert left_out == ["x.css", "text/two.xhtml"] or left_out == ["text/two.xhtml", "x.css"]


def test_a_container_that_is_missing_does_not_matter(tmp_path):
    path = book(tmp_path / "a.epub", **{"META-INF/container.xml": None})
    assert "他来了" in "".join(epub_text(path))


def flip(path, name):
    data = bytearray(path.read_bytes())
    place = data.index(name) + 40
    data[place : place + 30] = b"\xff" * 30
    path.write_bytes(data)


def test_a_document_with_flipped_bytes_is_named_and_the_others_are_read(tmp_path):
    path = book(tmp_path / "a.epub")
    flip(path, b"OEBPS/text/two.xhtml")
    left_out = []
    assert "他来了" in "".join(epub_text(path, left_out))
    assert "OEBPS/text/two.xhtml" in left_out


def test_a_book_of_one_damaged_document_is_refused(tmp_path):
    spine = {"OEBPS/content.opf": package(ITEMS, ["b"])}
    path = book(tmp_path / "a.epub", **spine)
    flip(path, b"OEBPS/text/two.xhtml")
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


def test_pictures_alone_may_be_encrypted(tmp_path):
    def encryption(uri):
        return (
            '<encryption><EncryptedData><EncryptionMethod Algorithm="http://www.w3.org/2001/04/'
            f'xmlenc#aes128-cbc"/><CipherData><CipherReference URI="{uri}"/></CipherData>'
            "</EncryptedData></encryption>"
        )

    files = {"OEBPS/cover.jpg": "x", "META-INF/encryption.xml": encryption("OEBPS/cover.jpg")}
    assert "他来了" in "".join(epub_text(book(tmp_path / "a.epub", **files)))
    files["META-INF/encryption.xml"] = encryption("OEBPS/text/two.xhtml")
    with pytest.raises(CorpusError, match="DRM"):
        list(epub_text(book(tmp_path / "b.epub", **files)))


@pytest.mark.parametrize(
    "meta",
    [
        '<meta property="rendition:layout">pre-paginated</meta>',
        '<meta name="fixed-layout" content="true"/>',
    ],
)
def test_a_book_of_fixed_pages_is_refused_in_one_line(tmp_path, meta):
    contents = package(ITEMS, ["a", "b"]).replace("<manifest>", f"{meta}<manifest>")
    with pytest.raises(CorpusError, match="fixed pages") as caught:
        list(epub_text(book(tmp_path / "a.epub", **{"OEBPS/content.opf": contents})))
    assert "\n" not in str(caught.value)


def test_a_reflowable_book_says_so_and_is_read(tmp_path):
    meta = '<meta property="rendition:layout">reflowable</meta>'
    contents = package(ITEMS, ["a", "b"]).replace("<manifest>", f"{meta}<manifest>")
    assert "天黑了" in "".join(
        epub_text(book(tmp_path / "a.epub", **{"OEBPS/content.opf": contents}))
    )


@pytest.mark.parametrize(
    "kind",
    ["text/xml", "application/xml", "", "APPLICATION/XHTML+XML", "text/html; charset=utf-8", "x/y"],
)
def test_a_document_is_known_by_its_media_type_or_its_ending(tmp_path, kind):
    items = [("b", "text/two.xhtml", kind, "")]
    path = book(tmp_path / "a.epub", **{"OEBPS/content.opf": package(items, ["b"])})
    assert "天黑了" in "".join(epub_text(path))


def test_pictures_in_the_spine_are_named(tmp_path):
    items = [*ITEMS, ("svg", "map.svg", "image/svg+xml", "")]
    left_out = []
    files = {"OEBPS/content.opf": package(items, ["a", "svg", "gone"]), "OEBPS/map.svg": "<svg/>"}
    list(epub_text(book(tmp_path / "a.epub", **files), left_out))
    assert left_out == ["map.svg", "gone"]


@pytest.mark.parametrize(
    ("href", "member"),
    [
        ("Text/One.XHTML", "OEBPS/text/one.xhtml"),
        ("%E5%A4%9C.xhtml", "OEBPS/夜.xhtml"),
        ("夜.xhtml", "OEBPS/%E5%A4%9C.xhtml"),
        ("one%20two.xhtml", "OEBPS/one%20two.xhtml"),
        ("one.xhtml?page=2#top", "OEBPS/one.xhtml"),
        ("what?.xhtml", "OEBPS/what?.xhtml"),
        ("/OEBPS/one.xhtml", "OEBPS/one.xhtml"),
        ("../OEBPS/./one.xhtml", "OEBPS/one.xhtml"),
        ("one.xhtml", "OEBPS\\one.xhtml"),
        ("one.xhtml", "elsewhere/one.xhtml"),
        ("夜.xhtml", "OEBPS/夜.xhtml".encode("gbk").decode("cp437")),
    ],
)
def test_members_are_found_by_names_that_are_not_quite_theirs(tmp_path, href, member):
    items = [("x", href, HTML, "")]
    path = tmp_path / "a.epub"
    raw = member.isascii() or "夜" in member
    stored = member if raw else "?" * len(member)
    book(path, **{"OEBPS/content.opf": package(items, ["x"]), stored: "<p>夜深了。</p>"})
    if not raw:
        data = path.read_bytes().replace(stored.encode(), member.encode("cp437"))
        path.write_bytes(data)
    assert "".join(epub_text(path)) == "夜深了。\n"


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("big5", '<?xml version="1.0" encoding="Big5"?>'),
        ("cp950", '<meta http-equiv="Content-Type" content="text/html; charset=big5"/>'),
        ("gbk", '<meta charset="gb2312">'),
        ("gb18030", ""),
        ("utf-16", '<?xml version="1.0" encoding="UTF-16"?>'),
        ("utf-16-le", '<?xml version="1.0" encoding="UTF-16"?>'),
        ("utf-8", '<?xml version="1.0" encoding="gb2312"?>'),
        ("gbk", '<?xml version="1.0" encoding="utf-8"?>'),
        ("cp950", '<?xml version="1.0" encoding="gb2312"?>'),
    ],
)
def test_documents_are_decoded_by_what_they_declare_or_what_they_are(tmp_path, encoding, head):
    line = "他走到門前，看見一個人站在那裡，便問道：「你是誰？」那人笑了一笑。"
    page = f"{head}<body><p>{line}</p></body>".encode(encoding)
    path = book(tmp_path / "a.epub", **{"OEBPS/text/two.xhtml": page})
    assert line in "".join(epub_text(path))


def contents_book(path, pages, links, kind="ncx", **changes):
    """A book whose table of contents has `links`: (title, href)."""
    items = [(f"c{index}", f"c{index}.xhtml", HTML, "") for index in range(len(pages))]
    if kind == "ncx":
        items.append(("toc", "toc.ncx", "application/x-dtbncx+xml", ""))
        points = "".join(
            f'<navPoint><navLabel><text>{title}</text></navLabel><content src="{href}"/></navPoint>'
            for title, href in links
        )
        table = {"OEBPS/toc.ncx": f"<ncx><navMap>{points}</navMap></ncx>"}
    else:
        items.append(("toc", "nav.xhtml", HTML, 'properties="nav"'))
        rows = "".join(f'<li><a href="{href}">{title}</a></li>' for title, href in links)
        table = {
            "OEBPS/nav.xhtml": '<nav epub:type="landmarks"><a href="c0.xhtml">书的封面</a></nav>'
            f'<nav epub:type="toc"><ol>{rows}</ol></nav>'
        }
    spine = [f"c{index}" for index in range(len(pages))]
    files = {f"OEBPS/c{index}.xhtml": page for index, page in enumerate(pages)}
    files["OEBPS/content.opf"] = package(items, spine)
    return book(path, **{**files, **table, **changes})


@pytest.mark.parametrize("kind", ["ncx", "nav"])
def test_the_table_of_contents_names_the_chapters(tmp_path, kind):
    pages = ["<p class='t'>渡口</p><p>船来了。</p>", "<p>没有人上岸。</p>", "<p>灯灭了。</p>"]
    links = [("渡口", "c0.xhtml"), ("空船", "c1.xhtml"), ("第三章 灯", "c2.xhtml")]
    path = contents_book(tmp_path / "a.epub", pages, links, kind)
    assert "".join(epub_text(path)).splitlines() == [
        "# 渡口",
        "船来了。",
        "# 空船",
        "没有人上岸。",
        "# 第三章 灯",
        "灯灭了。",
    ]


def test_several_chapters_of_one_document_are_found_by_their_anchors(tmp_path):
    pages = [
        "<p id='a'>第一章</p><p>渡口</p><p>船来了。</p><p>人散了。</p><p><a id='b'/>天亮了。</p>",
        "<h2>第三章 灯</h2><p>灯灭了。</p>",
    ]
    links = [("第一章 渡口", "c0.xhtml#a"), ("空船", "c0.xhtml#b"), ("灯", "c1.xhtml")]
    assert "".join(epub_text(contents_book(tmp_path / "a.epub", pages, links))).splitlines() == [
        "# 第一章 渡口",
        "船来了。",
        "人散了。",
        "# 空船",
        "天亮了。",
        "# 第三章 灯",
        "灯灭了。",
    ]


def test_a_table_of_contents_of_one_title_names_nothing(tmp_path):
    path = contents_book(tmp_path / "a.epub", ["<p>船来了。</p>"], [("开始", "c0.xhtml")])
    assert "".join(epub_text(path)) == "船来了。\n"


def test_a_page_of_links_is_no_text(tmp_path):
    links = "".join(f"<p><a href='c{index}.xhtml'>旧事其{index}</a></p>" for index in range(1, 4))
    pages = [links, "<p>船来了。</p>", "<p>天亮了。</p>", "<p>灯灭了。</p>"]
    left_out = []
    path = contents_book(tmp_path / "a.epub", pages, [])
    assert "".join(epub_text(path, left_out)) == "船来了。\n天亮了。\n灯灭了。\n"
    assert left_out == ["OEBPS/c0.xhtml"]


def test_a_book_whose_archive_is_encrypted_is_refused(tmp_path):
    path = book(tmp_path / "a.epub")
    with zipfile.ZipFile(path, "a") as archive:
        for info in archive.filelist:
            info.flag_bits |= 1
        archive.writestr("new.txt", "")  # so that the directory is written again
    with pytest.raises(CorpusError, match="DRM"):
        list(epub_text(path))
