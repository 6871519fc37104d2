import math
from itertools import groupby

import pytest

from novelgen.data.passages import PassageIndex
from novelgen.errors import ConfigError
from novelgen.evaluation.grid import cells, fill
from novelgen.evaluation.text import copied, distinct, repeated

PROMPT = "宝玉笑道：“我来了。”"
RUNS = ("first", "second")
GREEDY = cells(RUNS[:1], ["greedy"], [])


@pytest.fixture
def generators(toy):
    return {name: toy.generator(seed=number) for number, name in enumerate(RUNS)}


def finished(generators, grid, training=None, seed=5):
    return [
        row
        for row in fill(grid, PROMPT, seed, generators.get, lambda run: training)
        if row.finished
    ]


def test_only_sampling_has_temperatures():
    cool = {"decoder": "sample", "temperature": 0.5}
    warm = {"decoder": "sample", "temperature": 1.0}
    assert [
        (run, setting.options) for run, setting in cells(RUNS, ["sample", "beam"], [0.5, 1.0])
    ] == [(run, options) for run in RUNS for options in (cool, warm, {"decoder": "beam"})]
    assert cells(["a"], ["sample"], []) == cells(["a"], [], [0.5]) == []


def test_every_cell_is_what_its_generator_writes_alone(generators):
    grid = cells(RUNS, ["sample", "beam", "greedy"], [0.5, 1.0])
    rows = finished(generators, grid)
    assert [row.run for row in rows] == [cell.run for cell in grid]
    for row, cell in zip(rows, grid, strict=True):
        alone = generators[row.run].generate(PROMPT, seed=5, **cell.setting.options)
        assert (row.prompt, row.text) == (PROMPT, alone.text)
        is_sample = row.config.decoder == "sample"
        assert row.temperature == (cell.setting.options["temperature"] if is_sample else None)
        assert row.seed == (5 if is_sample else None)
    assert len({row.text for row in rows}) > 4


def test_the_text_of_a_cell_grows_and_its_measures_come_at_the_end(generators):
    rows = fill(
        cells(RUNS[:1], ["sample", "greedy"], [1.0]), PROMPT, 5, generators.get, lambda run: None
    )
    for _, growing in groupby(rows, key=lambda row: row.config.decoder):
        *before, last = growing
        assert len(before) > 3
        assert last.finished
        assert not any(row.finished for row in before)
        assert all(
            late.text.startswith(early.text)
            for early, late in zip(before, [*before[1:], last], strict=True)
        )
        assert all(row.measures is None for row in before)


def test_the_measures_are_those_of_the_text(generators):
    row = finished(generators, GREEDY, training=PassageIndex.build(["宝玉笑道"]))[0]
    paragraph = generators["first"].generate(PROMPT, decoder="greedy").paragraphs[0]
    found = row.measures
    assert found.log_probability == pytest.approx(
        math.fsum(paragraph.log_probabilities) / len(row.text)
    )
    assert found.distinct_2 == distinct([row.text], 2)
    assert found.repeated_4grams == repeated([row.text])
    assert found.copied_8grams == 0


def test_copying_is_found_and_unknown_without_the_training_text(generators):
    grid = cells(RUNS[:1], ["sample"], [0.8])
    row = finished(generators, grid)[0]
    assert row.measures.copied_8grams is None
    training = PassageIndex.build(["没有关系的一行", "前" + row.text[:12] + "后"])
    again = finished(generators, grid, training)[0]
    assert again.measures.copied_8grams == copied([row.text], training) > 0


def test_a_prompt_without_text_is_refused(generators):
    with pytest.raises(ConfigError):
        list(fill(GREEDY, " \n", 5, generators.get, lambda run: None))
