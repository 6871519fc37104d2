"""The line that a person sees while training."""

from novelgen.training.progress import ProgressLine


def shown_after(capsys, seconds, **options):
    """What is printed by updates at the given times; a step has 30 characters and 1 % of budget."""
    times = iter(seconds)
    line = ProgressLine(now=lambda: next(times), **options)
    for step in range(1, len(seconds) + 1):
        line.update(
            step=step, epoch=0.5, loss=2.0, best=None, characters=30 * step, used=step / 100
        )
    return capsys.readouterr().out.splitlines()


def test_speed_and_remaining_time_are_those_of_the_pace_so_far(capsys):
    # 30 characters and a hundredth of the budget in 4 seconds: 98 times 4 seconds are left.
    assert shown_after(capsys, [0, 4, 6], interval=5) == [
        "step 2 · epoch 0.50 · loss 2.000 · 8 characters/s · 6:32 left"
    ]


def test_a_line_comes_once_in_an_interval(capsys):
    lines = shown_after(capsys, range(100, 140), interval=15)
    assert [line.split(" · ")[0] for line in lines] == ["step 2", "step 17", "step 32"]


def test_a_pause_is_not_part_of_the_pace(capsys):
    times = iter([0, 1, 1000, 1001])
    line = ProgressLine(interval=0, now=lambda: next(times))
    for step in range(1, 5):
        line.update(step=step, epoch=0.5, loss=2.0, best=1.5, characters=30 * step, used=step / 100)
        if step == 2:
            line.pause()
    assert [text.split(" · ")[4] for text in capsys.readouterr().out.splitlines()] == [
        "30 characters/s",
        "30 characters/s",
    ]
