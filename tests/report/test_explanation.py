"""The picture of why a paragraph was written."""

import matplotlib.image
import numpy as np
import pytest

from novelgen.attribution.explanation import Explanation, Parts
from novelgen.report.explanation import MOST_TOKENS, draw_explanation, explanation_figure
from novelgen.report.fonts import find_font

needs_font = pytest.mark.skipif(find_font() is None, reason="no Chinese font")


def explanation(count, attends=True):
    rng = np.random.default_rng(0)
    source = [*"宝玉笑道：", "<EOS>"]
    size = len(source)

    def parts(positions):
        texts = ["".join(source[place] for place in part) for part in positions]
        return Parts(texts, positions, rng.normal(size=(count, len(positions))))

    return Explanation(
        source_tokens=source,
        tokens=[*("我来了" * count)[: count - 1], "<EOS>"],
        surprise=rng.random(count) * 8,
        information=rng.normal(size=count),
        attention=rng.dirichlet(np.ones(size), count) if attends else np.zeros((count, 0)),
        gradient=rng.normal(size=(count, size)),
        characters=parts([[place] for place in range(size - 1)]),
        words=parts([[0, 1], [2], [3]]),
        sentences=parts([[*range(size - 1)]]),
    )


@needs_font
@pytest.mark.parametrize(("attends", "panels"), [(True, 4), (False, 3)])
def test_every_view_is_a_panel_and_has_the_words_at_its_rows(attends, panels):
    figure = explanation_figure(explanation(7, attends))
    matrices = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert len(matrices) == panels - 1
    for axes in matrices:
        assert [tick.get_text() for tick in axes.get_yticklabels()] == ["宝玉", "笑", "道"]
        assert [tick.get_text() for tick in axes.get_xticklabels()] == [*"我来了我来了"[:6], "¶"]


@needs_font
def test_a_long_paragraph_says_what_is_left_out(tmp_path):
    figure = explanation_figure(explanation(MOST_TOKENS + 30))
    assert "120" in figure.texts[0].get_text()
    assert "150" in figure.texts[0].get_text()
    draw_explanation(explanation(9), tmp_path / "why.png")
    pixels = matplotlib.image.imread(tmp_path / "why.png")
    assert pixels.shape[0] > 300
    assert pixels.std() > 0.02
    draw_explanation(explanation(9), tmp_path / "why.svg")
    assert "<svg" in (tmp_path / "why.svg").read_text(encoding="utf-8")
