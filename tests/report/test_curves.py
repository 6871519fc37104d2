import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from novelgen.report import curves
from novelgen.report.curves import draw_curves, smooth


@given(
    st.lists(st.tuples(st.floats(-100, 100), st.integers(1, 50)), min_size=1, max_size=30),
    st.integers(1, 9),
)
def test_smoothing_is_the_weighted_mean_of_the_last_values(points, window):
    values, weights = (np.array(each, dtype=float) for each in zip(*points, strict=True))
    found = smooth(values, weights, window)
    for place in range(len(values)):
        last = slice(max(0, place + 1 - window), place + 1)
        assert found[place] == pytest.approx(
            np.average(values[last], weights=weights[last]), abs=1e-6
        )


def records(steps):
    trained = [
        {"step": step, "loss": 1.0, "bpc": 9 * 0.99**step, "characters": 100 * step}
        for step in range(1, steps + 1)
    ]
    return trained + [
        {"step": step, "validation_bpc": 9 * 0.99**step + 0.5} for step in range(50, steps + 1, 50)
    ]


def colours(path):
    pixels = (imread(path)[..., :3] * 255).astype(int).reshape(-1, 3)
    return {
        name: int((abs(pixels - wanted).sum(1) < 12).sum())
        for name, wanted in {
            "training": (0x2F, 0x6D, 0xB3),
            "validation": (0xC8, 0x50, 0x2D),
        }.items()
    }


def test_both_curves_are_drawn(tmp_path):
    draw_curves(records(300), tmp_path / "loss.png")
    assert all(count > 300 for count in colours(tmp_path / "loss.png").values())


@pytest.mark.parametrize("given_records", [records(1), records(300)[-3:], records(40)])
def test_a_run_without_one_of_them_is_drawn_too(tmp_path, given_records):
    draw_curves(given_records, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_a_validation_that_is_no_number_is_left_out(tmp_path):
    bad = [
        {"step": 60, "validation_bpc": float("nan")},
        {"step": 70, "validation_bpc": float("inf")},
    ]
    draw_curves(records(100), tmp_path / "good.png")
    draw_curves([*records(100), *bad], tmp_path / "loss.png")
    assert (imread(tmp_path / "loss.png") == imread(tmp_path / "good.png")).all()


def test_no_step_is_cut_off_but_the_few_that_would_press_all_others_flat(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(curves.Figure, "savefig", lambda figure, _path: drawn.append(figure))
    chance = np.random.default_rng(0)
    noisy = [{**record, "bpc": 5 + chance.normal(0, 0.3)} for record in records(400)[:400]]
    draw_curves(noisy, tmp_path / "loss.png")
    draw_curves([{**noisy[0], "bpc": 50.0}, *noisy[1:]], tmp_path / "loss.png")
    whole, cut = (figure.axes[0].get_ylim() for figure in drawn)
    values = [record["bpc"] for record in noisy]
    assert whole[0] < min(values) < max(values) < whole[1]
    assert cut[1] < 10
    scale = drawn[0].axes[0].child_axes[0]
    drawn[0].canvas.draw()
    assert scale.get_ylim() == pytest.approx(tuple(2**end for end in whole))
