import pytest
from matplotlib.axes import Axes

from novelgen.evaluation.comparison import Result
from novelgen.evaluation.groups import LengthClass
from novelgen.report.comparison_figures import draw_by_length


def result(model, *bpcs):
    classes = [LengthClass(1, 10, 1234, 70, bpcs[0]), LengthClass(401, None, 2, 20, bpcs[1])]
    return Result(f"{model}-char-1", model, "char", 1, by_length=classes)


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn: the labels of the classes, and the values of the lines."""
    seen = {"labels": [], "lines": []}
    set_xticks, plot = Axes.set_xticks, Axes.plot

    def spying_ticks(axes, ticks, labels=None, **options):
        if labels is not None:
            seen["labels"].append(list(labels))
        return set_xticks(axes, ticks, labels, **options)

    def spying_plot(axes, x, y, **options):
        seen["lines"].append((list(x), [round(float(value), 6) for value in y]))
        return plot(axes, x, y, **options)

    monkeypatch.setattr(Axes, "set_xticks", spying_ticks)
    monkeypatch.setattr(Axes, "plot", spying_plot)
    return seen


def test_runs_of_the_same_texts_are_compared_with_their_mean(drawn, tmp_path):
    results = [result("lm", 6.0, 7.0), result("cho", 7.0, 9.0)]
    draw_by_length(results, tmp_path / "a.png", same_texts=True)
    assert (tmp_path / "a.png").stat().st_size > 0
    assert drawn["labels"] == [["1–10\n(1,234)", "≥ 401\n(2)"]] * 2
    assert drawn["lines"] == [
        ([0, 1], [6.0, 7.0]),
        ([0, 1], [-0.5, -1.0]),
        ([0, 1], [7.0, 9.0]),
        ([0, 1], [0.5, 1.0]),
    ]


def test_runs_of_different_texts_have_neither_mean_nor_numbers_of_pairs(drawn, tmp_path):
    draw_by_length([result("lm", 6.0, 7.0)], tmp_path / "a.png", same_texts=False)
    assert drawn["labels"] == [["1–10", "≥ 401"]]
    assert drawn["lines"] == [([0, 1], [6.0, 7.0])]
