import dataclasses
import json
import math

from novelgen.config import Config
from novelgen.data.novel import Novel
from novelgen.data.prepare import open_or_build
from novelgen.evaluation.comparison import (
    Result,
    ValidationPoint,
    curve,
    difference,
    prompts_of,
    speed,
)
from novelgen.evaluation.groups import LengthClass

RECORDS = [
    {"step": 1, "loss": 1.0, "characters": 100, "seconds": 0.0},
    {"step": 2, "loss": 1.0, "characters": 300, "seconds": 1.0},
    {"step": 2, "validation_bpc": 8.0, "seconds": 2.0},  # looked at for 10 seconds
    {"step": 3, "loss": 1.0, "characters": 400, "seconds": 12.0},
    {"step": 3, "validation_bpc": math.nan, "seconds": 14.0},
]


def test_speed_leaves_validations_out():
    assert speed(RECORDS) == 400 / (1 + 1 + 2)
    alarm = {"step": 1, "alarm": "no_fall", "message": ""}
    assert speed([alarm, RECORDS[0], alarm, *RECORDS[1:], alarm]) == speed(RECORDS)
    assert speed([]) is None
    assert speed(RECORDS[:1]) is None


def test_a_curve_tells_what_was_spent_by_each_validation():
    assert curve(RECORDS) == [ValidationPoint(2 / 60, 300, 8.0)]


def test_a_result_comes_back_from_json():
    result = Result(
        "a",
        "lm",
        "word",
        1,
        test_bpc=1.5,
        by_length=[LengthClass(1, 10, 2, 3, 4.0)],
        curve=[ValidationPoint(1.0, 2, 3.0)],
    )
    assert Result.from_dict(json.loads(json.dumps(dataclasses.asdict(result)))) == result


def test_prompts_are_held_out_and_the_same_for_both_tokenizers(novel, tmp_path):
    config = Config()
    stores = [
        open_or_build(
            [novel], config.text, config.replace(tokenizer=tokenizer).data, tmp_path / "stores"
        )
        for tokenizer in ("char", "word")
    ]
    (prompts, again), (held_out, train) = (
        [prompts_of(Novel(store)) for store in stores],
        [set(stores[0].texts(part)) for part in ("test", "train")],
    )
    assert prompts == again
    assert len(set(prompts)) == 3
    assert set(prompts) <= held_out
    assert not set(prompts) & train
    assert (stores[0].parts == stores[1].parts).all()
    assert (stores[0].chapters == stores[1].chapters).all()


def test_a_difference_is_paired_and_only_of_the_same_held_out_text():
    hard = [100.0, 5.0] * 20  # that some pairs are hard for both must not hide the difference
    characters = [10] * 40
    first = Result("a", "lm", "char", 1, held_out="x", pair_bits=hard, pair_characters=characters)
    worse = dataclasses.replace(first, pair_bits=[bits + 1 + bits % 3 for bits in hard])
    found = difference(worse, first)
    assert found.is_shown
    assert 0.1 <= found.interval.low <= found.bpc <= found.interval.high <= 0.3
    assert not difference(first, first).is_shown
    assert difference(dataclasses.replace(worse, held_out="y"), first) is None
    assert difference(dataclasses.replace(worse, pair_characters=[9] * 40), first) is None
