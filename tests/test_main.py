import sys

import pytest

from novelgen.__main__ import command


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["generate", "--help"], "--prompt"),
        (["prepare", "--help"], "--export-pairs"),
        (["--lang", "en", "evaluate", "--help"], "--shuffle-sources"),
    ],
)
def test_a_command_has_its_own_options(monkeypatch, capsys, words, option):
    monkeypatch.setattr(sys, "argv", ["novelgen", *words])
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code in (0, None)
    assert option in capsys.readouterr().out


def test_without_a_command_all_are_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["novelgen"])
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 2
    assert "generate" in capsys.readouterr().err


def test_a_word_that_is_no_command_is_told_with_the_nearest_one(capsys):
    with pytest.raises(SystemExit) as ended:
        command(["raport", "--checkpoint", "run"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("error: command: there is no 'raport'; did you mean report?")
