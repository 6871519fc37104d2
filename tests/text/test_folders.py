from pathlib import PurePosixPath

import pytest

from novelgen.errors import CorpusError
from novelgen.text.folders import find_files, reason_to_skip, survey


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
