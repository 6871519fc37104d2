"""The chapter on the method: every variant can be told, with equations that can be drawn."""

import re

import pytest

from novelgen.config import Config
from novelgen.evaluation.comparison import Result
from novelgen.evaluation.writing import Measures
from novelgen.models.zoo import VARIANTS
from novelgen.report.document.elements import Document, Equation, Paragraph
from novelgen.report.paper.method import write_method
from novelgen.report.paper.study import Report, RunStudy
from novelgen.report.paper.writer import ReportWriter

MEASURES = Measures(None, 0.0, 0.0, 0.0, 0.0, 1.0)
FILLED = {"learning_rate": 0.003, "batch_tokens": 400, "warmup_steps": 50, "dropout": 0.1}


def written(first_weights=None, start_share=0.0, **options):
    """The chapter about a run with these options."""
    config = Config().replace(**FILLED, **options)
    info = {"config": config, "parameters": 1000, "vocabulary_size": 6000}
    info["first_weights"] = first_weights
    info["best"] = {"start_share": start_share}
    run = RunStudy("run", info, [], [], {}, Result("run", "", "char", 1), MEASURES)
    document = Document("", "en")
    write_method(ReportWriter(document), Report([run], None, {}, [], {}))
    return document.elements


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_can_be_told(variant):
    elements = written(model=variant)
    equations = [each.latex for each in elements if isinstance(each, Equation)]
    texts = " ".join(each.text for each in elements if isinstance(each, Paragraph))
    assert "{" not in texts
    attends = "attention" in VARIANTS[variant].parts.get("context", "")
    assert any("alpha_{ij} =" in latex for latex in equations) == attends
    assert any("\\mathrm{softmax}(E" in latex for latex in equations)


def test_parts_that_are_chosen_change_the_equations():
    def latex(**options):
        return [each.latex for each in written(**options) if isinstance(each, Equation)]

    usual = latex()
    assert not any("g_i" in each for each in usual)
    assert any("g_i" in each for each in latex(copy=True))
    gru = latex(cell="gru")
    assert any(re.search(r"mathrm\{GRU\}", each) for each in gru)
    assert len(gru) == len(usual) - 1
    assert any(each == r"q_i = s_{i-1}" for each in latex(token_in_query=False, guide=0))


def test_rules_against_repetition_are_those_of_novels():
    def says(**options):
        texts = (each.text for each in written(**options) if isinstance(each, Paragraph))
        return any("no 4-gram is written twice" in text for text in texts)

    assert says()
    assert not says(pairs="pairs.tsv")


def test_training_that_is_not_usual_is_said():
    texts = " ".join(
        each.text
        for each in written(teacher_forcing=0.7, first_weights="runs/other", start_share=0.15)
        if isinstance(each, Paragraph)
    )
    assert "from 1 to 0.7" in texts
    assert "(runs/other)" in texts
    assert "which are 15% of the mean" in texts


def test_first_weights_that_are_random_are_not_told():
    texts = [each.text for each in written() if isinstance(each, Paragraph)]
    assert not any("trained before" in text or "of the mean" in text for text in texts)
