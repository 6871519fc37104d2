import inspect
import json
import re

import pytest

from novelgen.i18n import use_language
from novelgen.text import adverts, clearing
from novelgen.text.cleaning import RULES
from novelgen.text.report import (
    REASONS,
    RULE_NAMES,
    FileReport,
    ImportReport,
    Removal,
    bare_titles,
    describe_note,
    describe_reason,
    describe_rule,
    long_lines,
    wrapped_lines,
)

# As older versions stored it.
OLD_NOTE = "每行约 30 字处断开，已按段接好 | lines were cut at 60 columns; joined into paragraphs"


def report_of(*notes):
    report = ImportReport([FileReport("a.txt", "utf-8", 12_345, list(notes))])
    report.chapters = 2
    report.paragraphs = 1_234
    report.segments = 1_300
    report.characters = 50_000
    report.count("adverts", 2, 31)
    return report


def test_a_report_says_what_was_found_and_what_was_removed():
    assert report_of(wrapped_lines(60)).to_text().split("\n") == [
        "file: a.txt (utf-8, 12,345 bytes)",
        "  · lines were cut at 60 columns; joined into paragraphs",
        "encoding: utf-8",
        "chapters: 2",
        "paragraphs: 1,234 (cut into 1,300 segments)",
        "characters: 50,000",
        "cleaning (rule: places changed, characters removed)",
        "  adverts: 2, 31",
    ]


def test_only_the_first_files_are_listed():
    report = ImportReport([FileReport(f"{number}.txt", "utf-8", 1) for number in range(25)])
    lines = report.to_text().split("\n")
    assert len([line for line in lines if line.startswith("file: ")]) == 20
    assert "  … 25 files in all" in lines


@pytest.mark.parametrize(
    ("note", "english"),
    [
        (wrapped_lines(80), "lines were cut at 80 columns; joined into paragraphs"),
        (bare_titles(), "chapter titles were recognised by the blank lines before them"),
        (
            long_lines(1),
            "1 line too long for a paragraph (a whole book on one line?), split at sentence ends",
        ),
        (
            long_lines(3),
            "3 lines too long for a paragraph (a whole book on one line?), split at sentence ends",
        ),
    ],
)
def test_a_note_survives_json_and_becomes_a_sentence(note, english):
    assert describe_note(json.loads(json.dumps(note))) == english


@pytest.mark.parametrize(
    ("language", "half"),
    [
        ("en", "lines were cut at 60 columns; joined into paragraphs"),
        ("zh", "每行约 30 字处断开，已按段接好"),
    ],
)
def test_a_note_of_an_older_version_is_shown_in_one_language(language, half):
    with use_language(language):
        assert describe_note(OLD_NOTE) == half


def test_a_note_of_a_newer_version_is_shown_by_its_name():
    assert describe_note({"note": "something_new"}) == "something_new"


def test_every_rule_has_a_name_for_people():
    assert {rule.__name__ for rule in RULES} < RULE_NAMES.keys()
    assert describe_rule("hidden_breaks") == "hidden paragraph breaks"
    assert describe_rule("a_rule_of_a_newer_version") == "a_rule_of_a_newer_version"


def test_every_rule_and_reason_that_clearing_gives_can_be_told():
    source = "".join(inspect.getsource(module) for module in (adverts, clearing))
    for rule, reason in re.findall(r'Verdict\("(\w+)", "(\w+)"', source):
        assert rule in RULE_NAMES
        assert reason in REASONS
    for reason in re.findall(r'return Verdict\("(\w+)"(?:\)|, is_doubtful)', source):
        assert reason in REASONS
    assert describe_reason("address") == "an address, and little else"
    assert describe_reason("a_reason_of_a_newer_version") == "a_reason_of_a_newer_version"


def test_doubtful_lines_are_counted_apart():
    report = report_of()
    report.doubtful["adverts"] = 3
    assert report.to_text().endswith("3 doubtful lines were kept; --show-removed lists them")
    assert report.to_dict()["doubtful"] == {"adverts": 3}
    assert report.to_dict()["removed"] == {"adverts": 2}


def test_a_removal_is_shown_with_what_took_its_place():
    assert str(Removal("adverts", "www.abc.com", "")) == "[adverts] 'www.abc.com'"
    assert str(Removal("tags", "<b>a", "a")) == "[HTML tags] '<b>a' → 'a'"


def test_a_rule_is_counted_for_the_file_that_is_named():
    first, last = (FileReport(name, "utf-8", 1) for name in ("a.txt", "b.txt"))
    report = ImportReport([first, last])
    report.count("adverts", 2, 31, first)
    report.count("tags", 1, 3)
    assert (dict(first.removed), dict(last.removed)) == ({"adverts": 2}, {"tags": 1})
    assert dict(report.removed_characters) == {"adverts": 31, "tags": 3}
