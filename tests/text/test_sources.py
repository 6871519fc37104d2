import zipfile
from pathlib import Path

import pytest

from novelgen.errors import CorpusError
from novelgen.text.sources import Source, file_source


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("b.TXT", "船来了。" * 100)
    return path


def test_a_file_is_its_own_source(tmp_path):
    path = tmp_path / "a.Txt"
    path.write_bytes(b"abc")
    source = file_source(path)
    assert (source.name, source.suffix, source.size) == (path, ".txt", 3)
    assert source.start(2) == b"ab"


def test_a_member_can_be_read_again_and_sought_in(archive):
    source = Source(archive, 1200, "b.TXT")
    assert (source.name, source.suffix) == (archive / "b.TXT", ".txt")
    for _ in range(2):
        with source.open() as file:
            file.seek(1188)
            assert file.read().decode() == "船来了。"


def test_no_more_is_unpacked_than_the_directory_says(archive):
    # An archive may say that a bomb of gigabytes is a small text.
    with Source(archive, 24, "b.TXT").open() as file:
        assert file.read().decode() == "船来了。" * 2


def test_a_member_is_called_by_the_name_that_is_shown(archive):
    source = Source(archive, 1200, "Ò╣.txt", shown="夜.txt")
    assert source.name == archive / "夜.txt"
    with pytest.raises(CorpusError, match=r"夜\.txt"):
        Source(_cut(archive), 1200, "b.TXT", shown="夜.txt").open()


def _cut(archive) -> Path:
    data = bytearray(archive.read_bytes())
    data[36:44] = b"\xff" * 8
    archive.write_bytes(data)
    return archive
