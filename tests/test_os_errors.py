"""Reasons of the operating system in both languages."""

import errno
import os

import pytest

from novelgen.i18n import use_language
from novelgen.os_errors import reason_of, reason_of_number


@pytest.mark.parametrize(
    ("language", "expected"), [("en", "no such file or directory"), ("zh", "没有这个文件或文件夹")]
)
def test_a_missing_file_is_named_in_the_language_shown(tmp_path, language, expected):
    with use_language(language), pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "missing").read_bytes()
    with use_language(language):
        assert reason_of(caught.value) == expected


def test_rare_errors_keep_the_words_of_the_system():
    assert reason_of_number(errno.EPIPE) == os.strerror(errno.EPIPE)
    assert reason_of(OSError("without a number")) == "without a number"
