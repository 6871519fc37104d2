"""Formulas as Word's equations: all of the report's, and what each construct becomes."""

import re
from html import unescape

import pytest
from docx.oxml.ns import qn
from latex2mathml.converter import convert_to_element

from novelgen.config import ModelConfig
from novelgen.models.zoo import VARIANTS, resolve
from novelgen.report.document.omml import word_equation
from novelgen.report.paper import equations

MATH = qn("m:oMath").removesuffix("oMath")


def formulas(value):
    """All formulas that a module, a table or a tuple of them holds."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [formula for part in parts for formula in formulas(part)]


MODELS = [resolve(ModelConfig(model=name)) for name in VARIANTS]
ALL = formulas([value for name, value in vars(equations).items() if name.isupper()])
ALL += [
    formula(model)
    for formula in (equations.query, equations.decoder_step, equations.readout)
    for model in MODELS
]


def symbols(element):
    """Every letter and sign that is shown, also those that are kept in attributes."""
    kept = [element.get(qn("m:val")) for element in element.iter(qn("m:chr"))]
    for brackets in element.iter(qn("m:dPr")):
        kept += [mark.get(qn("m:val")) for mark in brackets]
    # Accents stand above a letter in OMML, beside it in MathML.
    text = "".join([*element.itertext(), *kept]).translate({0x0302: "^", 0x0303: "~"})
    return sorted(re.sub(r"\s", "", text))


@pytest.mark.parametrize("latex", dict.fromkeys(ALL))
def test_every_equation_of_the_report_keeps_its_symbols(latex):
    equation = word_equation(latex)
    shown = unescape("".join(convert_to_element(latex).itertext()))
    assert symbols(equation) == sorted(re.sub(r"\s", "", shown))
    assert all(element.tag.startswith(MATH) for element in equation.iter())


def tags(element):
    return [child.tag.removeprefix(MATH) for child in element.iter()][1:]


def test_a_sum_holds_its_limits_and_what_it_is_taken_over():
    total, *after = word_equation(r"\sum_{j=1}^{S} a_j (b + c) + d")
    parts = {part.tag.removeprefix(MATH): "".join(part.itertext()) for part in total}
    assert parts == {"naryPr": "", "sub": "j=1", "sup": "S", "e": "ajb+c"}
    assert "".join(run[-1].text for run in after) == "+d"


def test_a_root_is_whole_and_brackets_hold_what_they_enclose():
    root = word_equation(r"\sqrt{a b}")[0]
    assert "".join(root.find(qn("m:e")).itertext()) == "ab"
    outer = word_equation("(a + [b])")[0]
    assert outer.tag == qn("m:d")
    assert tags(outer.find(qn("m:e"))).count("d") == 1


@pytest.mark.parametrize("latex", [r"\nosuch{x}", "(a + b", r"\begin{matrix} a \end{matrix}"])
def test_what_has_no_counterpart_is_an_error(latex):
    with pytest.raises(ValueError, match=r"formula|Word"):
        word_equation(latex)
