"""Figures of a report: what they show is what their captions and legends say."""

from novelgen.evaluation.sweep import SweepRow
from novelgen.evaluation.writing import Measures
from novelgen.report.paper.figures import chapters_figure, shown_families, sweep_figure

MEASURES = Measures(-2.0, 0.3, 0.6, 0.01, 40.0, 1.0)


def row(**options):
    neutral = {"decoder": "sample", "temperature": 1.0, "top_k": 0, "top_p": 1.0, "beam_size": 5}
    return SweepRow("", {**neutral, **options}, MEASURES, [])


def test_a_family_is_shown_where_its_option_varies():
    rows = [row(), row(temperature=0.5), row(top_k=5), row(decoder="beam")]
    assert [family.option for family in shown_families(rows)] == ["temperature"]
    assert len(sweep_figure(rows).axes) == 4
    rows.append(row(top_k=20))
    assert [family.option for family in shown_families(rows)] == ["temperature", "top_k"]
    assert shown_families([row(), row(decoder="greedy")]) == []


def test_chapters_have_a_legend_while_every_novel_has_a_colour_of_its_own():
    def legends(count):
        names = [str(number) for number in range(count)]
        figure = chapters_figure([[100, 200]] * count, names)
        return [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]

    assert legends(1) == []
    assert legends(3) == [["0", "1", "2"]]
    assert legends(11) == []
