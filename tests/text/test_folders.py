import re
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from novelgen.config import TextConfig
from novelgen.errors import CorpusError
from novelgen.text.folders import (
    Skipped,
    describe_skipped,
    find_files,
    natural_key,
    reason_to_skip,
    survey,
)
from novelgen.text.importing import CorpusImport


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        ("渡口.txt", 10, None),
        ("渡口.TXT", 10, None),
        ("渡口", 10, None),
        ("第1.5章 渡口", 10, None),
        ("渡口.epub", 10, None),
        ("渡口.zip", 10, None),
        ("渡口.MOBI", 10, "foreign_format"),
        ("渡口.txt.bak", 10, "other"),
        ("封面.jpg", 10, "other"),
        ("inf.txt", 10, "about"),
        ("README.md", 10, "about"),
        ("下载说明.txt", 10, "about"),
        ("读者必读.txt", 10, "about"),
        ("使用说明", 10, "about"),
        ("说明.txt", 1 << 20, None),
        ("information.txt", 10, None),
        ("渡口.txt", 0, "empty"),
        ("._渡口.txt", 10, "system"),
        ("__MACOSX/渡口.txt", 10, "system"),
        ("Thumbs.db", 10, "system"),
    ],
)
def test_what_is_no_novel_is_known_by_its_name_and_size(name, size, reason):
    assert reason_to_skip(PurePosixPath(name), size) == reason


def test_a_file_is_taken_as_it_is_given(tmp_path):
    path = tmp_path / "readme.txt"
    path.write_text("船来了。", encoding="utf-8")
    assert find_files([path, path]) == [path]


def test_a_folder_without_a_novel_says_what_could_be_converted(tmp_path):
    (tmp_path / "封面.jpg").write_bytes(b"x")
    with pytest.raises(CorpusError, match="no text file"):
        survey([tmp_path])
    (tmp_path / "渡口.mobi").write_bytes(b"x")
    with pytest.raises(CorpusError, match=r"渡口\.mobi.*ebook-convert") as caught:
        survey([tmp_path])
    assert "\n" not in str(caught.value)


def import_folder(folder, **options):
    corpus = CorpusImport([folder], TextConfig(**options), 1)
    return [paragraph.segments for paragraph in corpus], corpus.report


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("no_zip.epub", b"this is no archive"),
        ("no_zip.docx", b"this is no archive"),
        ("cut.epub", b"PK\x03\x04 cut off"),
        ("cut.zip", b"PK\x03\x04 cut off"),
        ("damaged.txt", "船来了。\n".encode() * 300 + b"\xff\xfe\xfa"),
    ],
)
def test_a_damaged_file_is_left_out_and_named_or_refused(tmp_path, name, contents):
    (tmp_path / "novel.txt").write_text("船来了。\n水落了。\n", encoding="utf-8")
    (tmp_path / name).write_bytes(contents)
    found, report = import_folder(tmp_path)
    assert found == [("船来了。",), ("水落了。",)]
    assert [(Path(each.path).name, each.reason) for each in report.skipped] == [(name, "failed")]
    with pytest.raises(CorpusError, match=name):
        import_folder(tmp_path, strict=True)


def test_an_epub_with_one_damaged_document_is_left_out_of_a_folder(tmp_path):
    (tmp_path / "novel.txt").write_text("船来了。\n水落了。\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "book.epub", "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
    _found, report = import_folder(tmp_path)
    assert [Path(each.path).name for each in report.skipped] == ["book.epub"]


def test_a_file_without_text_is_named(tmp_path):
    (tmp_path / "novel.txt").write_text("船来了。\n水落了。\n", encoding="utf-8")
    (tmp_path / "mark.txt").write_bytes(b"\xef\xbb\xbf")
    _found, report = import_folder(tmp_path)
    assert [(Path(each.path).name, each.reason) for each in report.skipped] == [
        ("mark.txt", "empty")
    ]


def test_a_novel_that_begins_with_the_letters_of_an_archive_is_text(tmp_path):
    (tmp_path / "novel.txt").write_text("PK大赛开始了。\n船来了。\n", encoding="utf-8")
    found, _report = import_folder(tmp_path)
    assert found == [("PK大赛开始了。",), ("船来了。",)]


def test_names_with_thousands_of_digits_are_sorted():
    long = "9" * 5000
    assert natural_key(PurePosixPath("2.txt")) < natural_key(PurePosixPath("10.txt"))
    assert natural_key(PurePosixPath("2.txt")) < natural_key(PurePosixPath(f"{long}.txt"))


@pytest.mark.parametrize(
    ("skipped", "why"),
    [
        (Skipped("a.mobi", "foreign_format"), "ebook-convert"),
        (Skipped("Thumbs.db", "system"), "operating system"),
        (Skipped("readme.txt", "about"), "about other files"),
        (Skipped("a.txt", "empty"), r"a\.txt \(empty\)"),
        (Skipped("a.zip", "failed", "a.zip: damaged"), "not read: a.zip: damaged"),
        (Skipped("a.jpg", "other"), "no text"),
    ],
)
def test_every_reason_is_said(skipped, why):
    assert re.search(why, describe_skipped(skipped))
