import errno

import pytest

from novelgen.errors import CheckpointError
from novelgen.training.atomic_write import write_whole


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EIO, "cannot be written")]
)
@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch, number, words, failing):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def fail(*_):
        raise OSError(number, "failed")

    monkeypatch.setattr("os.fsync" if failing == "fsync" else "pathlib.Path.replace", fail)
    with pytest.raises(CheckpointError, match=words):
        write_whole(path, b"new and longer")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
