"""The settings of the page: presets, and what a browser has kept."""

import pytest

from novelgen.i18n import use_language
from novelgen.web import limits
from novelgen.web.services.decoding import (
    DEFAULTS,
    PRESETS,
    SETTINGS,
    described,
    kept,
    preset_of,
)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_known_by_its_settings(name):
    values = {**DEFAULTS, **PRESETS[name]}
    assert preset_of(values) == name
    # What a preset does not set may be anything; what it sets may not.
    assert preset_of({**values, "max_length": 77}) == name
    assert preset_of({**values, "temperature": 1.23}) is None


def test_a_preset_says_what_it_sets():
    with use_language("en"):
        for name, values in PRESETS.items():
            assert f"Temperature {values['temperature']:g}" in described(name)
        assert described(None) == "your own settings"


def test_what_was_kept_comes_back_where_it_can_be_shown():
    values = {**DEFAULTS, "seed": "12", "temperature": 1.5, "decoder": "beam"}
    values = {name: value for name, value in values.items() if value is not None}
    assert kept(values) == values


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [1, 2],
        {"epsilon": 1},
        {"temperature": 9.0},
        {"temperature": "1"},
        {"top_k": True},
        {"decoder": "dice"},
        {"decoder": []},
        {"seed": 3},
        {"seed": "1" * (limits.OPENING + 1)},
    ],
)
def test_what_was_kept_and_cannot_be_shown_is_forgotten(stored):
    assert kept(stored) == {}


def test_no_bound_of_a_slider_exceeds_what_a_visitor_may_ask_for():
    for name, largest in limits.LARGEST.items():
        if name in SETTINGS:
            assert SETTINGS[name].maximum <= largest
