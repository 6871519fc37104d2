from types import SimpleNamespace

import pytest

from novelgen.web.generation_service import write
from novelgen.web.writing_tab import show, status

PROMPT = "宝玉笑道：“我来了。”"


@pytest.fixture
def written(toy):
    def last(**options):
        shelf = SimpleNamespace(generator=lambda name: toy.generator(), weights=lambda name: 1)
        *_, whole = write(
            shelf, "run", PROMPT, {"decoder": "sample", "seed": 11, "max_length": 12, **options}
        )
        return whole

    return last


def test_the_status_line_tells_speed_device_length_and_seed(written):
    whole = written()
    line = status(whole)
    speed = f"{whole.speed:,.0f} 字/秒"
    assert all(part in line for part in (f"{whole.characters} 字", speed, "cpu", "seed 11<"))
    assert "seed 11–13<" in status(written(num_samples=3))


def test_no_seed_is_told_where_no_dice_are_rolled(written):
    assert "seed" not in status(written(decoder="beam"))
    assert "seed" not in status(written(decoder="greedy"))


def test_notes_are_text(written):
    whole = written()
    whole.generations[0].notes.append("<img src=x onerror=alert(1)>")
    assert "<img" not in status(whole)
    assert "&lt;img" in status(whole)


def test_as_many_drafts_stand_as_there_are_candidates(written):
    whole = written(num_samples=3)
    state, _, *rest = show(whole)
    drafts, columns = rest[:4], rest[4:]
    assert state is whole
    assert drafts == [*(each.text for each in whole.generations), ""]
    assert [column["visible"] for column in columns] == [True, True, True, False]
