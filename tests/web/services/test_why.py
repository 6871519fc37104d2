"""Why, for the browser: what is sent, what other sources change, attention that a visitor gives."""

import base64
import json

import numpy as np
import pytest

from novelgen.evaluation.origins import Copy, Source
from novelgen.web.services import streaming
from novelgen.web.services.attention import choose
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.why import (
    changed_bits,
    compare_sources,
    copies_in,
    explain_shown,
    pinned_rows,
    why_payload,
)

PROMPT = "宝玉笑道：“我来了。”黛玉不说话。"


@pytest.fixture(scope="module")
def registry(make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "run")
    return ModelRegistry(folder)


@pytest.fixture(scope="module")
def shown(registry):
    options = {"seed": 3, "max_length": 20}
    *_, result = streaming.write(registry, "run", PROMPT, options)
    return choose(result, {})


def test_every_view_has_a_row_for_each_written_token(registry, shown):
    *steps, explanation = explain_shown(registry, shown)
    assert steps
    assert set(steps) == {None}
    copies = [Copy(2, 11, "一二三四五六七八九", Source("n.txt", "第一章", 4))]
    sent = json.loads(json.dumps(why_payload(explanation, copies), allow_nan=False))
    shape = (len(shown.paragraph.tokens), len(shown.paragraph.source_tokens))
    assert set(sent["views"]) == {"gradient", "characters", "words", "sentences"}
    views = {
        name: np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)
        for name, text in sent["views"].items()
    }
    # What a word gives stands at each of its positions, and the end mark gives nothing.
    positions = explanation.words.positions[0]
    assert views["words"][:, positions] == pytest.approx(
        np.repeat(explanation.words.effects[:, :1], len(positions), axis=1)
    )
    assert not views["characters"][:, -1].any()
    assert len(sent["saved"]) == shape[0]
    assert [text for text, _bits in sent["sentences"]] == ["宝玉笑道：“我来了。”", "黛玉不说话。"]
    assert sent["copies"] == [[2, 11, "n.txt", "第一章", 4]]


def test_where_the_training_text_is_not_here_nothing_is_said_of_copies(registry, shown):
    assert copies_in(registry, shown) is None


def test_the_same_source_changes_nothing_and_another_one_does(registry, shown):
    assert changed_bits(registry, shown, PROMPT) == pytest.approx(
        [0] * len(shown.paragraph.ids), abs=1e-4
    )
    *steps, compared = compare_sources(registry, shown, PROMPT)
    assert steps
    # With the same source and seed the model writes the same again.
    assert compared["text"] == shown.paragraph.text
    *_, other = compare_sources(registry, shown, "你在那里。")
    assert max(map(abs, other["bits"])) > 1e-4
    assert other["source"] == "你在那里。"


def test_rows_of_attention_are_those_of_the_written_text(registry, shown):
    size = len(shown.paragraph.source_tokens)
    one = [0.0] * size
    one[1] = 2.0
    place, alternative, pins = pinned_rows(registry, shown, {"place": 2, "rows": {"2": one}})
    assert (place, pins) == (2, {2: one})
    *_, result = streaming.write_from(registry, shown.result, 0, 0, alternative.opening, pins=pins)
    paragraph = result.generations[0].paragraphs[0]
    # Bytes that begin a character are no opening: the row is then one of the opening's.
    weights = paragraph.attention[2]
    assert weights[1] == pytest.approx(1)
    assert paragraph.text.startswith(alternative.opening)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"place": 0},
        {"place": "0", "rows": {"0": [1]}},
        {"place": -1, "rows": {"0": [1]}},
        {"place": 10**6, "rows": {"0": [1]}},
        {"place": 0, "rows": {}},
        {"place": 0, "rows": {"x": [1]}},
        {"place": 0, "rows": {"0": "1"}},
        {"place": 0, "rows": {"0": ["1"]}},
        {"place": 0, "rows": [1]},
    ],
)
def test_anything_else_from_a_browser_writes_nothing(registry, shown, asked):
    assert pinned_rows(registry, shown, asked)[1] is None
    assert pinned_rows(registry, None, asked)[1] is None
