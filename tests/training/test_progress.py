import pytest

from novelgen.training.progress import ProgressLine, format_duration, validation_note


class Clock:
    """Stands still until it is set."""

    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def now():
    """The clock of a progress line."""
    return Clock()


def update(line, **changes):
    state = {"step": 1, "epoch": 0.5, "loss": 2.0, "best": None, "characters": 0, "used": 0.0}
    line.update(**{**state, **changes})


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (61.9, "1:01"), (3599, "59:59"), (3661, "1:01:01")]
)
def test_seconds_are_shown_as_on_a_clock(seconds, shown):
    assert format_duration(seconds) == shown


def test_speed_and_time_left_are_those_of_the_pace_so_far(now, capsys):
    line = ProgressLine(interval=0.0, clock=now)
    update(line, used=0.25)
    assert capsys.readouterr().out == ""  # one state has no pace
    now.seconds += 10
    update(line, step=2, characters=5_000, used=0.5, best=4.5)
    # A quarter in ten seconds: what is left, a half, takes twenty.
    shown = capsys.readouterr().out
    assert "step 2 · epoch 0.50 · loss 2.000 · best 4.500 BPC" in shown
    assert "500 characters/s · 0:20 left" in shown


def test_a_line_comes_once_in_an_interval(now, capsys):
    line = ProgressLine(interval=15.0, clock=now)
    for step in range(1, 41):
        update(line, step=step, characters=100 * step, used=step / 100)
        now.seconds += 1
    lines = capsys.readouterr().out.splitlines()
    assert [text.split(" · ")[0] for text in lines] == ["step 2", "step 17", "step 32"]


def test_a_pause_is_not_part_of_the_pace(now, capsys):
    line = ProgressLine(interval=0.0, clock=now)
    update(line)
    line.pause()
    now.seconds += 1000  # of validation
    update(line, used=0.5)
    now.seconds += 10
    update(line, step=3, characters=50, used=0.75)
    assert "5 characters/s · 0:10 left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("best", "is_best", "shown"),
    [
        (4.5, True, "validation · step 9 · 1:15 · BPC 4.500 ★"),
        (4.25, False, "validation · step 9 · 1:15 · BPC 4.500 (best 4.250)"),
        (None, False, "validation · step 9 · 1:15 · BPC 4.500"),
    ],
)
def test_a_validation_says_whether_it_was_the_best(best, is_best, shown):
    assert validation_note(9, 75, 4.5, best, is_best) == shown
