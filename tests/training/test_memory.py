import pytest

from novelgen.presets import preset
from novelgen.training.alarms import Memory
from novelgen.training.memory import estimate_peak, memory_note

GIB = 2**30
# The peaks that were measured, of whole trainings with one thread on an EPYC.
MEASURED = [
    ("small", {"batch_tokens": 3200}, 5_890_000, 0.92),
    ("tiny", {"batch_tokens": 3200}, 410_000, 0.62),
    ("small", {"batch_tokens": 3200, "model": "bahdanau-gru"}, 4_710_000, 1.35),
    ("base", {"batch_tokens": 3200}, 21_470_000, 1.37),
]


@pytest.mark.parametrize(("name", "options", "parameters", "gib"), MEASURED)
def test_the_estimate_is_near_what_was_measured(name, options, parameters, gib):
    found = estimate_peak(preset(name).replace(**options), parameters, 60_000)
    assert found / GIB == pytest.approx(gib, rel=0.25)


def test_parts_of_a_batch_take_less_and_counting_a_large_text_more():
    def peak(tokens=60_000, **options):
        return estimate_peak(preset("small").replace(**options), 5_890_000, tokens)

    assert peak(accumulation_steps=4) < peak() == peak(batch_tokens=3200)
    assert peak(9_000_000) > peak(1_000_000)
    assert peak(10**12) == peak(10**11)


def test_a_person_learns_whether_it_will_do():
    assert memory_note(GIB, None) == "memory: about 1.0 GiB"
    assert memory_note(GIB, Memory(2 * GIB, 8 * GIB)) == "memory: about 1.0 GiB, 2.0 GiB are free"
    assert "--accumulation-steps" in memory_note(3 * GIB, Memory(2 * GIB, 8 * GIB))
