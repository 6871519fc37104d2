import zipfile

import pytest

from novelgen.errors import CorpusError
from novelgen.text.formats import DOCX, EPUB, HTML, TEXT, ZIP, detect_format
from novelgen.text.sources import file_source


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return file_source(path)


def written(path, data):
    path.write_bytes(data)
    return file_source(path)


@pytest.mark.parametrize(
    ("member", "form"),
    [
        ("word/document.xml", DOCX),
        ("META-INF/container.xml", EPUB),
        ("mimetype", EPUB),
        ("a.txt", ZIP),
    ],
)
def test_an_archive_is_known_by_its_members_whatever_its_name(tmp_path, member, form):
    assert detect_format(zipped(tmp_path / "novel.txt", member)) == form


def test_a_damaged_archive_is_known_by_its_name(tmp_path):
    assert detect_format(written(tmp_path / "a.docx", b"PK\x03\x04 cut off")) == DOCX
    assert detect_format(written(tmp_path / "a.bin", b"PK\x03\x04 cut off")) == ZIP
    assert detect_format(written(tmp_path / "a.epub", b"no archive")) == EPUB


def test_pages_are_known_by_their_name_or_their_beginning(tmp_path):
    assert detect_format(written(tmp_path / "a.htm", b"x")) == HTML
    assert detect_format(written(tmp_path / "a.txt", b"<!DOCTYPE html><html>")) == HTML
    assert detect_format(written(tmp_path / "b.txt", "船来了。".encode())) == TEXT


def test_a_file_of_another_kind_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(CorpusError, match=r"a\.txt: .*Mobipocket.*ebook-convert"):
        detect_format(written(tmp_path / "a.txt", b"\0" * 60 + b"BOOKMOBI"))


@pytest.mark.parametrize(
    ("name", "kind"), [("a.rar", "RAR"), ("a.7z", "7z"), ("a.tar", "tar, gzip")]
)
def test_an_archive_is_called_by_its_kind(tmp_path, name, kind):
    with pytest.raises(CorpusError, match=f"a file of the kind {kind}, "):
        detect_format(written(tmp_path / name, b"x"))
