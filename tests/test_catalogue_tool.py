"""The tool of the catalogue finds what is wrong with it."""

import pytest

Catalog = pytest.importorskip("babel.messages.catalog").Catalog

from novelgen.locale import update  # noqa: E402 (needs babel)


def catalogue(**translations):
    made = Catalog(locale="zh_CN")
    for english, chinese in translations.items():
        made.add(english.replace("_", " "), chinese)
    return made


@pytest.fixture
def problems(monkeypatch, tmp_path):
    """Finds the problems of a catalogue for code with some messages."""

    def find(present, wanted, *, is_stale=False):
        compiled = tmp_path / "novelgen.mo"
        compiled.write_bytes(b"" if is_stale else update.compiled(present))
        monkeypatch.setattr(update, "MO", compiled)
        monkeypatch.setattr(update, "read", lambda: present)
        monkeypatch.setattr(update, "extract", lambda: wanted)
        return update.problems()

    return find


def test_a_catalogue_that_has_every_message_has_no_problem(problems):
    assert problems(catalogue(stop="停止"), catalogue(stop="")) == []


def test_every_problem_is_named(problems):
    assert problems(catalogue(stop="停止", old="旧"), catalogue(stop="", new="")) == [
        "no longer used: (('old',), None)",
        "not in the catalogue: (('new',), None)",
    ]
    assert problems(catalogue(stop=""), catalogue(stop="")) == ["not translated: 'stop'"]
    (stale,) = problems(catalogue(stop="停止"), catalogue(stop=""), is_stale=True)
    assert stale.startswith("stale: novelgen.mo")


@pytest.mark.parametrize("chinese", ["读了{number}个文件", "读了文件", "读了{count}个{path}"])
def test_a_translation_has_the_placeholders_of_its_message(problems, chinese):
    message = "read_{count}_files"
    assert problems(catalogue(**{message: chinese}), catalogue(**{message: ""})) == [
        "other placeholders: 'read {count} files'"
    ]
    right = catalogue(**{message: "读了{count}个文件"})
    assert problems(right, catalogue(**{message: ""})) == []
