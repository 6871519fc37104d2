"""All views of a paragraph together."""

import json

import numpy as np
import pytest

from novelgen.attribution.explanation import explain, source_ids
from novelgen.decoding.generator import Generator
from novelgen.models.zoo import VARIANTS, attends
from novelgen.text.tokenizers import EOS

PROMPT = "我来了。你在这里，不要走。\n他说：“是的。”"


@pytest.fixture(scope="module", params=VARIANTS)
def generator(request, make_run, tmp_path_factory):
    return Generator.load(make_run(tmp_path_factory.mktemp("run"), model=request.param), "cpu")


def test_the_views_of_every_variant_fit_its_paragraph_and_each_other(generator):
    paragraph = generator.generate(PROMPT, seed=1, max_length=12).paragraphs[0]
    found = explain(generator, paragraph)
    count, size = len(paragraph.tokens), len(paragraph.source_tokens)
    assert found.surprise == pytest.approx(
        -np.array(paragraph.log_probabilities) / np.log(2), abs=0.1
    )
    has_weights = attends(generator.config.model)
    assert found.attention.shape == (count, size if has_weights else 0)
    assert found.gradient.shape == (count, size)
    # The source has one segment: without its only sentences there is nothing.
    whole = [place for part in found.sentences.positions for place in part]
    assert whole == list(range(size - 1))
    assert "".join(found.characters.texts) == "他说：“是的。”"
    assert all(-1 <= value <= 1 for value in found.agreement.values())
    assert ("attention, gradient" in found.agreement) == has_weights
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(data["left_out"]["characters"]["bits"]) == count
    # Compared with itself a source saves nothing.
    same = explain(generator, paragraph, other=PROMPT)
    assert same.information == pytest.approx(np.zeros(count), abs=1e-4)


def test_no_text_is_an_end_mark_alone(toy):
    assert source_ids(toy.generator(), " \n") == [EOS]
