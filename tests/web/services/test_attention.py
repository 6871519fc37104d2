import base64
import dataclasses
import json
import math

import numpy as np
import pytest

from novelgen.text.tokenizers import EOS, FIRST_BYTE
from novelgen.web.services.attention import Shown, choose, ended, growing, is_end, payload, pieces
from novelgen.web.services.streaming import GenerationResult

PROMPT = "宝玉笑道：“我来了。”"


@pytest.fixture
def generator(toy):
    return toy.generator(
        favour={EOS: 4.0, **dict.fromkeys(range(toy.first, toy.tokenizer.size), 3.0)}
    )


@pytest.fixture
def result(generator):
    """Two candidates of three paragraphs."""
    options = {
        "num_samples": 2,
        "paragraphs": 3,
        "seed": 4,
        "max_length": 30,
        "length_penalty": 0.5,
    }
    return GenerationResult(
        "run", 1, PROMPT, options, tuple(generator.candidates(PROMPT, **options)), 1.0, "cpu", True
    )


@pytest.fixture
def shown(generator, result):
    shown = Shown(result, 1, 1)
    return shown._replace(places=list(generator.inspect(shown.paragraph)))


def spelled(text):
    return [FIRST_BYTE + value for value in text.encode()]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([], []),
        ([*spelled("鑫"), *spelled("a")], [("鑫", 3), ("a", 1)]),
        (spelled("鑫")[:2], [("�", 2)]),
        ([EOS], [("¶", 1)]),
    ],
)
def test_bytes_become_the_character_that_they_spell(toy, ids, expected):
    assert pieces(ids, toy.tokenizer.labels(ids)) == expected


def test_pieces_have_all_tokens_whatever_the_bytes(toy):
    rng = np.random.default_rng(3)
    for _ in range(200):
        ids = rng.choice(
            [*range(FIRST_BYTE + 0x70, FIRST_BYTE + 256), toy.first, EOS], size=12
        ).tolist()
        assert sum(count for _, count in pieces(ids, toy.tokenizer.labels(ids))) == len(ids)


def test_bytes_cut_short_do_not_swallow_what_follows(toy):
    ids = [*spelled("鑫")[:2], toy.first, *spelled("鑫")]
    assert pieces(ids, toy.tokenizer.labels(ids)) == [
        ("�", 2),
        (toy.tokenizer.labels([toy.first])[0], 1),
        ("鑫", 3),
    ]


def test_payload_holds_the_matrix_exactly(shown):
    data = json.loads(json.dumps(payload(shown), allow_nan=False))
    assert (
        data["shape"]
        == [len(data["output"]), len(data["source"])]
        == [len(shown.paragraph.ids), len(shown.paragraph.source_ids)]
    )
    weights = np.frombuffer(base64.b64decode(data["weights"]), "<f4").reshape(data["shape"])
    assert np.array_equal(weights, shown.paragraph.attention)
    assert (data["candidate"], data["paragraph"], data["run"], data["seed"]) == (1, 1, "run", 5)


def test_payload_has_what_the_model_expected(shown):
    data = payload(shown)
    assert len(data["places"]) == len(data["output"])
    for sent, place in zip(data["places"], shown.places, strict=True):
        assert sent["probability"] == pytest.approx(place.probability, abs=1e-6)
        assert len(sent["alternatives"]) == 5
    assert payload(shown._replace(places=None))["places"] is None


def test_alternatives_say_what_a_click_does(shown):
    first, *later = payload(shown)["places"]
    kinds = {
        each["kind"] for place in later for each in place["alternatives"] if each["token"] == "¶"
    }
    assert kinds == {"end"}
    assert {each["kind"] for each in first["alternatives"] if each["token"] == "¶"} <= {"empty"}
    assert {
        each["kind"] for place in later for each in place["alternatives"] if each["token"] != "¶"
    } <= {"write", "byte"}


def test_all_paragraphs_are_offered_by_how_they_begin(result):
    offered = payload(choose(result, {}))["paragraphs"]
    assert [len(texts) for texts in offered] == [3, 3]
    for texts, generation in zip(offered, result.generations, strict=True):
        for text, paragraph in zip(texts, generation.paragraphs, strict=True):
            assert text
            assert len(text) <= 12
            assert paragraph.text.startswith(text.removesuffix("…"))


def test_the_last_paragraph_of_the_first_candidate_is_shown_unless_another_is_asked_for(result):
    assert choose(result, {})[1:3] == (0, 2)
    assert choose(result, {"candidate": 1, "paragraph": 0})[1:3] == (1, 0)
    for nonsense in (
        {"candidate": 2, "paragraph": 0},
        {"candidate": -1, "paragraph": -1},
        {"candidate": "x", "paragraph": [1]},
    ):
        assert choose(result, nonsense)[1:3] == (0, 2)


def test_a_paragraph_that_has_not_begun_is_not_shown(generator, result):
    empty = dataclasses.replace(result.generations[0].paragraphs[0], ids=[], tokens=[], text="")
    started = dataclasses.replace(
        result.generations[0], paragraphs=[result.generations[0].paragraphs[0], empty]
    )
    assert choose(dataclasses.replace(result, generations=(started,)), {})[1:3] == (0, 0)
    nothing = dataclasses.replace(
        result, generations=(dataclasses.replace(started, paragraphs=[empty]),)
    )
    assert choose(nothing, {}) is None
    assert choose(None, {}) is None
    assert payload(None) == {}


def test_payload_of_a_model_without_attention_has_no_weights(shown):
    blind = dataclasses.replace(
        shown.paragraph, attention=np.zeros((len(shown.paragraph.ids), 0), np.float32)
    )
    generation = dataclasses.replace(shown.result.generations[0], paragraphs=[blind])
    data = payload(choose(dataclasses.replace(shown.result, generations=(generation,)), {}))
    assert data["shape"] == [len(data["output"]), 0]
    assert data["weights"] == ""
    assert data["output_pieces"]


def test_growing_text_never_falls_behind_its_opening(result):
    text = result.generations[0].paragraphs[-1].text
    assert growing(result, text[:2], 7) == {"revision": 7, "growing": text, "kept": 2}
    assert growing(result, text + "宝玉", 8) == {
        "revision": 8,
        "growing": text + "宝玉",
        "kept": len(text) + 2,
    }


def test_a_paragraph_can_be_ended_at_any_later_place(shown):
    number, end = next(
        (number, each)
        for number, place in enumerate(shown.places)
        if number
        for each in place.alternatives
        if is_end(each)
    )
    after = ended(shown, number, end)
    (generation,) = after.generations
    kept, short = generation.paragraphs
    assert after.speed == 0 < shown.result.speed
    assert after.finished
    assert kept is shown.result.generations[1].paragraphs[0]
    assert short.text == end.opening == "".join(shown.paragraph.tokens[:number])
    assert short.finished
    assert (
        len(short.ids)
        == len(short.tokens)
        == len(short.log_probabilities)
        == len(short.attention)
        == number + 1
    )
    assert short.ids[-1] == EOS
    assert short.log_probabilities[-1] == pytest.approx(math.log(end.probability))
    assert short.score == pytest.approx(sum(short.log_probabilities) / (number + 1) ** 0.5)


def test_an_ended_paragraph_has_the_models_log_probabilities(generator, shown):
    number, end = next(
        (number, each)
        for number, place in enumerate(shown.places)
        if number
        for each in place.alternatives
        if is_end(each)
    )
    short = ended(shown, number, end).generations[0].paragraphs[-1]
    assert np.allclose(
        [math.log(place.probability) for place in generator.inspect(short)],
        short.log_probabilities,
        atol=1e-5,
    )
