import json
import os

import pytest

from novelgen.web.services.metrics import History, Metrics, Step, ValidationPoint, curves


def step(number, bpc=5.0):
    return {
        "step": number,
        "loss": 3.0,
        "bpc": bpc,
        "characters": 100 * number,
        "seconds": number / 2,
    }


def validation(number, bpc=6.0):
    return {"step": number, "validation_bpc": bpc, "is_best": True}


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_a_journal_is_read_on_as_it_grows(path):
    metrics = Metrics()
    assert metrics.history(path) == History()
    assert metrics.stamp(path) == (0, 0)
    path.write_text(lines(step(1), step(2)) + '{"step": 3, "bp', encoding="utf-8")
    first = metrics.history(path)
    assert first == History([Step(1, 5.0, 100, 0.5), Step(2, 5.0, 200, 1.0)])
    path.write_text(lines(step(1), step(2), step(3), validation(3)), encoding="utf-8")
    assert [each.step for each in metrics.history(path).steps] == [1, 2, 3]
    assert metrics.history(path).validations == [ValidationPoint(3, 6.0)]
    assert len(first.steps) == 2


def test_only_what_is_new_is_read(path, monkeypatch):
    metrics, parsed = Metrics(), []
    monkeypatch.setattr(
        json, "loads", lambda line, loads=json.loads: parsed.append(line) or loads(line)
    )
    path.write_text(lines(*map(step, range(1, 11))), encoding="utf-8")
    metrics.history(path)
    with path.open("a", encoding="utf-8") as file:
        file.write(lines(step(11)))
    assert len(metrics.history(path).steps) == 11
    assert len(parsed) == 11


def test_a_journal_that_was_replaced_is_read_from_the_beginning(path, tmp_path):
    metrics = Metrics()
    path.write_text(lines(step(1), step(2)), encoding="utf-8")
    metrics.history(path)
    (tmp_path / "new").write_text(lines(step(1, 7.0), step(2), step(3)), encoding="utf-8")
    (tmp_path / "new").replace(path)
    assert [each.bpc for each in metrics.history(path).steps] == [7.0, 5.0, 5.0]
    path.write_text(lines(step(1, 8.0)), encoding="utf-8")
    assert [each.bpc for each in metrics.history(path).steps] == [8.0]


def test_a_new_journal_with_the_same_inode_is_read_from_the_beginning(path):
    """As when a run is deleted and trained again: the next file may get a freed number."""
    metrics = Metrics()
    path.write_text(lines(*(step(number, 9.0) for number in range(1, 4))), encoding="utf-8")
    metrics.history(path)
    before = metrics.stamp(path)
    for count in (3, 7):  # as long as the old one, and longer
        path.write_text(
            lines(*(step(number, count) for number in range(1, count + 1))), encoding="utf-8"
        )
        os.utime(path, ns=(count, count))
        assert [each.bpc for each in metrics.history(path).steps] == [count] * count
        assert metrics.stamp(path) != before


def test_lines_that_are_no_record_of_ours_are_left_out(path):
    strange = [
        "[]",
        "7",
        '"text"',
        "{",
        '{"step": "x", "bpc": 1}',
        '{"step": 1e999, "bpc": 1, "characters": 1, "seconds": 1}',
        '{"step": 1, "validation_bpc": NaN}',
        "\x00",
        "[" * 100_000,
        '{"a":' * 100_000,
        *(
            f'{{"step": {step}, "bpc": {bpc}, "characters": {characters}, "seconds": {seconds}}}'
            for step, bpc, characters, seconds in (
                ("1" + "0" * 400, 1, 1, 1),
                ("1" + "0" * 30, 1, 1, 1),
                (1, "1e300", 1, 1),
                (1, 1, "1" + "0" * 20, 1),
                (1, 1, 1, "1" + "0" * 5000),
                (1, 1, 1, "-1e30"),
            )
        ),
        f'{{"step": 1, "validation_bpc": 1{"0" * 400}}}',
    ]
    path.write_text("\n".join([*strange, ""]) + lines(step(1)), encoding="utf-8")
    assert Metrics().history(path) == History([Step(1, 5.0, 100, 0.5)])


def test_curves_are_thinned_and_keep_their_ends():
    history = History(
        [Step(number, 9 * 0.999**number, 100 * number, number) for number in range(1, 5001)],
        [ValidationPoint(number, 6.0) for number in range(50, 5001, 50)],
    )
    found = curves(history, points=40)
    assert len(found.training) == len(found.validation) == 40
    assert [line[place][0] for line in (found.training, found.validation) for place in (0, -1)] == [
        1,
        5000,
        50,
        5000,
    ]
    assert found.training[-1][1] == pytest.approx(9 * 0.999**4950, rel=0.02)


def test_the_first_steps_do_not_press_the_rest_flat():
    history = History(
        [
            Step(number, 12.0 if number < 5 else 5.0, 100 * number, number)
            for number in range(1, 201)
        ],
        [ValidationPoint(100, 5.5)],
    )
    found = curves(history)
    assert found.low < 5.0 < 5.5 < found.high < 8


@pytest.mark.parametrize(
    "history", [History([Step(1, 5.0, 0, 0.0)]), History([], [ValidationPoint(50, 6.0)])]
)
def test_a_single_point_is_a_curve(history):
    found = curves(history)
    assert len(found.training) + len(found.validation) == 1
    assert found.low < found.high


def test_without_records_there_are_no_curves():
    assert curves(History()) is None
