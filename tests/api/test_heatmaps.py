"""Which paragraphs a report draws."""

from types import SimpleNamespace

import pytest

from novelgen.api.heatmaps import written_to_draw
from novelgen.config import Config


def drawn(sources, count, texts=None, **options):
    """The sources after which something was written, and what is drawn of it, in order."""
    asked = []

    def generate(source, seed):
        asked.append(source)
        text = (texts or {}).get(source, "字" * 20)
        return SimpleNamespace(paragraphs=[SimpleNamespace(text=text, source=source)])

    generator = SimpleNamespace(config=Config().replace(**options), generate=generate)
    return asked, [each.source for each in written_to_draw(generator, sources, count)]


@pytest.mark.parametrize(
    ("options", "read"),
    [({}, "乙" * 10), ({"tasks": "previous"}, "甲" * 10), ({"pairs": "x.tsv"}, None)],
)
def test_of_a_novel_the_nearest_paragraph_is_read_alone(options, read):
    source = "甲" * 10 + "\n" + "乙" * 10
    assert drawn([source], 1, **options)[1] == [read or source]


def test_what_fits_comes_first_and_ends_the_search():
    short, long, fitting, too_long = "短短", "长" * 50, "好" * 20, "过" * 61
    asked, found = drawn([too_long, short, long, fitting, fitting, "末" * 20], 2)
    assert found == [fitting, fitting]
    assert asked == [short, long, fitting, fitting]


def test_the_others_are_drawn_where_too_few_fit():
    empty, wordy, fitting = "空" * 20, "多" * 20, "好" * 20
    texts = {empty: "", wordy: "字" * 90}
    assert drawn([empty, wordy, fitting], 3, texts)[1] == [fitting, wordy]
