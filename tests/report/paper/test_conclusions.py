"""Conclusions of a report: each rule with figures that it is about, and with others."""

import dataclasses

import pytest

from novelgen.config import Config
from novelgen.evaluation.comparison import Result
from novelgen.evaluation.sweep import SweepRow
from novelgen.evaluation.writing import Measures
from novelgen.report.paper.conclusions import conclusions
from novelgen.report.paper.study import Report, RunStudy

MEASURES = Measures(-2.0, 0.3, 0.6, 0.01, 40.0, 1.0, copied_8grams=0.001, bleu=1.0, chrf=5.0)


def records(validations, training):
    """A step of training before each validation, a hundred steps apart."""
    found = []
    for number, (valid, train) in enumerate(zip(validations, training, strict=True), 1):
        step = 100 * number
        found.append({"step": step, "loss": 1.0, "bpc": train, "characters": step, "seconds": 1.0})
        found.append({"step": step, "validation_bpc": valid, "seconds": 1.0})
    return found


def row(measures=MEASURES, **options):
    neutral = {"decoder": "sample", "temperature": 1.0, "top_k": 0, "top_p": 1.0, "beam_size": 5}
    return SweepRow("", {**neutral, **options}, measures, [])


def result(bits, name="run"):
    """A run that needs so many bits for each of its paragraphs of ten characters."""
    return Result(
        name,
        "bahdanau",
        "char",
        1,
        held_out="same",
        prediction={"bits_per_character": sum(bits) / (10 * len(bits))},
        pair_bits=list(bits),
        pair_characters=[10] * len(bits),
    )


def study(**changes):
    run = RunStudy(
        name="run",
        info={
            "config": Config(),
            "baselines": {
                "unigram": {"test": 8.0},
                "bigram": {"test": 6.5},
                "trigram": {"test": 6.0},
            },
            "training_characters": 100,
        },
        records=records([6.0, 5.5, 5.4], [6.0, 5.5, 5.4]),
        samples=[],
        bpc={"shuffled": 5.5, "train": 5.0},
        result=result([54.0] * 8),
        measures=MEASURES,
    )
    return dataclasses.replace(run, **changes)


def said(*others, **changes):
    report = Report([study(**changes), *others], None, {}, [], {})
    return " ".join(conclusions(report))


@pytest.mark.parametrize(
    ("bits", "wanted"),
    [
        ([54.0], "better than a trigram model: 5.400 against 6.000"),
        ([62.0], "better than a bigram model: 6.200 against 6.500"),
        ([62.0], "not better than a trigram model"),
        ([90.0], "not better than a trigram model"),
    ],
)
def test_bpc_is_set_beside_the_ngram_models(bits, wanted):
    assert wanted in said(result=result(bits))


def test_model_behind_all_ngram_models_is_called_better_than_none():
    assert "better than a bigram" not in said(result=result([90.0]))
    assert "better than a unigram" not in said(result=result([90.0]))


def test_end_of_training_is_one_of_three():
    falling = "still falling when the budget of 3.0 passes ended"
    assert falling in said()
    heart = said(records=records([6.0, 5.5, 5.7], [6.0, 5.5, 4.0]))
    assert "stopped falling at step 200 and rose by 0.200" in heart
    assert "while training fell by 0.5" in heart
    right = said(records=records([6.0, 5.5, 5.51], [6.0, 5.5, 5.4]))
    assert "the budget was about right" in right
    assert falling not in heart + right


def test_source_is_used_or_hardly():
    assert "the model uses what stands before" in said()
    assert "(+0.010 BPC): the model hardly uses" in said(bpc={"shuffled": 5.41, "train": 5.0})
    assert "(-0.010 BPC): the model hardly uses" in said(bpc={"shuffled": 5.39, "train": 5.0})


def test_settings_that_loop_or_copy_are_named():
    looping = dataclasses.replace(MEASURES, repeated_4grams=0.3)
    copying = dataclasses.replace(MEASURES, copied_8grams=0.2)
    text = said(sweep=[row(looping, decoder="greedy"), row(copying, top_k=5), row()])
    assert "turn in circles (over 10% repeated 4-grams): greedy." in text
    assert "with these settings: top-k 5." in text
    assert "With no setting more than 2%" in said(sweep=[row()])


def test_temperatures_are_compared_from_the_lowest_to_the_highest():
    varied = dataclasses.replace(MEASURES, distinct_2=0.9)
    text = said(sweep=[row(varied, temperature=2.0), row(), row(temperature=0.5, top_k=5)])
    assert "From temperature 1 to 2 distinct-2 goes from 0.600 to 0.900" in text


def test_another_run_is_better_only_where_that_is_certain():
    better = dataclasses.replace(study(result=result([50.0] * 8)), name="other")
    assert "other predicts better than run: -0.400 BPC" in said(better)
    unclear = dataclasses.replace(study(result=result([40.0, 68.0] * 4)), name="other")
    assert "other cannot be told apart" in said(unclear)
    elsewhere = dataclasses.replace(result([50.0] * 8), held_out="other")
    assert "do not compare" in said(dataclasses.replace(study(result=elsewhere), name="other"))


def test_runs_that_did_not_begin_alike_are_told_apart():
    trained = dataclasses.replace(result([50.0] * 8), name="other", began_trained=True)
    other = dataclasses.replace(study(result=trained), name="other")
    assert "with trained weights other, with random ones run" in said(other)
    assert "did not begin alike" not in said(dataclasses.replace(study(), name="other"))
    alike = dataclasses.replace(trained, name="run")
    assert "did not begin alike" not in said(other, result=alike)


def test_every_conclusion_is_a_whole_sentence():
    other = dataclasses.replace(study(result=result([50.0] * 8)), name="other")
    report = Report([study(sweep=[row()]), other], None, {}, [], {})
    assert all(sentence.endswith(".") for sentence in conclusions(report))


def test_attention_of_one_place_explains_nothing():
    assert "looks at one place" in said(heaviest_share=0.9)
    assert "looks at one place" not in said(heaviest_share=0.1)
