import numpy as np
import pytest

from novelgen.decoding.results import Generation, Paragraph


def paragraph(text, score):
    return Paragraph(
        text=text,
        source_tokens=["船"],
        tokens=list(text),
        log_probabilities=[-1.0] * len(text),
        attention=np.ones((len(text), 1)),
        score=score,
        finished=True,
        source_ids=[5],
        ids=[5] * len(text),
        first=1,
    )


def test_a_generation_is_its_paragraphs_one_a_line():
    generation = Generation("船", [paragraph("船来", -1.0), paragraph("水落", -3.0)], 7, True, [])
    assert generation.text == "船来\n水落"
    assert generation.score == pytest.approx(-2.0)
