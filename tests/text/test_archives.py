import zipfile

import pytest

from novelgen.errors import CorpusError
from novelgen.text import archives
from novelgen.text.archives import expand, member_name
from novelgen.text.epub_package import is_text
from novelgen.text.sources import file_source


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("夜.txt", "gbk"), ("第一章 渡口.txt", "gbk"), ("渡口.txt", "utf-8"), ("夜.txt", "utf-8")],
)
def test_names_in_the_encoding_of_an_old_archiver(name, encoding):
    info = zipfile.ZipInfo()
    info.filename = name.encode(encoding).decode("cp437")
    assert member_name(info) == name


def archive(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return file_source(path)


def test_an_archive_without_a_novel_and_a_zip_bomb_are_refused(tmp_path, monkeypatch):
    with pytest.raises(CorpusError, match="no novel in this archive"):
        expand(archive(tmp_path / "a.zip", **{"封面.jpg": "x"}))
    monkeypatch.setattr(archives, "LARGEST_ARCHIVE", 100)
    with pytest.raises(CorpusError, match="unpacks to 101 bytes"):
        expand(archive(tmp_path / "b.zip", **{"渡口.txt": "a" * 101}))


def test_a_member_that_is_damaged_is_named(tmp_path):
    source = archive(tmp_path / "a.zip", **{"a.txt": "abc" * 99})
    (member,), _ = expand(source)
    data = bytearray(source.path.read_bytes())
    data[36:40] = b"\xff\xff\xff\xff"
    source.path.write_bytes(data)
    with pytest.raises(CorpusError, match=r"a\.txt: damaged"):
        member.open()


@pytest.mark.parametrize(
    ("kind", "name", "wanted"),
    [
        ("", "chapter", True),
        ("application/xml", "chapter", True),
        ("x/y", "chapter", False),
        ("x/y", "chapter.HTM", True),
        ("image/svg+xml", "map.xml", False),
    ],
)
def test_what_is_a_document(kind, name, wanted):
    assert is_text({"media-type": kind}, name) is wanted


@pytest.mark.parametrize(
    ("written", "meant"), [("卷一\\夜.txt", "卷一/夜.txt"), ("vol\\a.txt", "vol/a.txt")]
)
def test_folders_of_an_archiver_that_writes_backslashes(written, meant):
    info = zipfile.ZipInfo()
    info.filename = written.encode("gbk").decode("cp437")
    assert member_name(info) == meant
