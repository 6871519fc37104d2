import dataclasses
import os
import re
import runpy
import time
from itertools import pairwise
from types import SimpleNamespace

import gradio as gr
import pytest

from novelgen.errors import CheckpointError
from novelgen.text.tokenizers import EOS, SPECIALS
from novelgen.web import attention_tab, generation_service
from novelgen.web.attention_tab import chosen, gone_on, looked_into, rewritten
from novelgen.web.attention_view import choose, is_end
from novelgen.web.attention_words import words
from novelgen.web.manuscript import CancellationToken
from novelgen.web.model_registry import ModelRegistry

PROMPT = "宝玉笑道：“我来了。”"


@pytest.fixture
def shelf(toy):
    """A shelf with one model, which writes characters rather than bytes."""
    generator = toy.generator(
        favour={EOS: 4.0, **dict.fromkeys(range(toy.first, toy.tokenizer.size), 8.0)}
    )
    return SimpleNamespace(generator=lambda name: generator, weights=lambda name: 1)


@pytest.fixture
def shown(shelf):
    *_, written = generation_service.write(
        shelf, "run", PROMPT, {"seed": 3, "paragraphs": 2, "max_length": 20}
    )
    return understood(shelf, choose(written, {}))


def understood(shelf, shown):
    *_, last = looked_into(shelf, shown)
    return last


def a_continuable(shown):
    """The place and the number of an alternative behind the beginning of the paragraph from which the model can go on."""
    return next(
        (place, number)
        for place, each in enumerate(shown.places)
        if place >= 3
        for number, alternative in enumerate(each.alternatives)
        if alternative.opening and not is_end(alternative)
    )


def test_a_click_goes_on_from_the_alternative(shelf, shown):
    place, number = a_continuable(shown)
    alternative = chosen(shown, {"place": place, "alternative": number})[1]
    snapshots = list(rewritten(shelf, shown, place, alternative))
    for written in snapshots:
        assert written.generations[0].paragraphs[0] is shown.written.generations[0].paragraphs[0]
    assert snapshots[-1].finished
    assert snapshots[-1].generations[0].paragraphs[1].text.startswith(alternative.opening)


def test_the_end_needs_no_model(shown):
    place = next(number for number, each in enumerate(shown.places) if number and each.alternatives)
    end = shown.places[place].alternatives[0]._replace(token=SPECIALS[EOS], opening="宝玉")
    (written,) = rewritten(None, shown, place, end)
    assert written.generations[0].paragraphs[-1].text == "宝玉"


def going_on(shelf, shown, pen):
    place, number = a_continuable(shown)
    return place, gone_on(shelf, shown, pen, place, shown.places[place].alternatives[number])


def test_the_view_grows_and_shows_the_whole_at_last(shelf, shown):
    place, stream = going_on(shelf, shown, CancellationToken())
    *before, (value, after, written) = stream
    assert before
    assert all("growing" in each[0] and each[1] is None and each[2] is not None for each in before)
    assert value["selected"] == place
    assert value["turn"] == after.turn > before[-1][0]["turn"]
    assert written is None
    assert after.written is before[-1][2]
    assert after.places is None


def test_who_takes_the_pen_ends_a_continuation(shelf, shown):
    pen = CancellationToken()
    _, stream = going_on(shelf, shown, pen)
    next(stream)
    pen.take()
    assert list(stream) == []


def test_a_continuation_takes_the_pen(shelf, shown):
    pen = CancellationToken()
    writer = pen.take()
    next(going_on(shelf, shown, pen)[1])
    assert pen.holder != writer


@pytest.mark.parametrize("failing_at", [0, 9])
def test_when_the_model_fails_the_view_gets_back_what_was_there(
    monkeypatch, shelf, shown, failing_at
):
    monkeypatch.setattr("novelgen.web.limits.UPDATES_A_SECOND", 1e9)
    model = shelf.generator("run").model
    step, count = model.step, iter(range(1000))

    def failing(*values):
        if next(count) == failing_at:
            raise RuntimeError("out of memory")
        return step(*values)

    monkeypatch.setattr(model, "step", failing)
    place, stream = going_on(shelf, shown, CancellationToken())
    seen = []
    with pytest.raises(RuntimeError, match="memory"):
        seen.extend(iter(lambda: next(stream), None))
    *before, (value, after, written) = seen
    assert bool(before) == bool(failing_at)
    assert value["output"] == shown.paragraph.tokens
    assert value["places"]
    assert value["selected"] == place
    assert written is None
    assert after._replace(turn=0) == shown._replace(turn=0)
    assert all(after.turn > each[0]["turn"] for each in before)


def test_turns_go_on_rising_after_a_restart():
    before = max(next(attention_tab._turns) for _ in range(100))
    assert before < next(runpy.run_path(attention_tab.__file__)["_turns"]) < 2**53


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"place": 0},
        {"place": -1, "alternative": 0},
        {"place": 10**6, "alternative": 0},
        {"place": 0, "alternative": 5},
        {"place": "0", "alternative": 0},
        {"place": 0, "alternative": None},
    ],
)
def test_a_click_that_nobody_could_make_does_nothing(shown, asked):
    assert chosen(shown, asked)[1] is None


def test_nothing_can_be_chosen_before_the_model_was_asked(shown):
    place, number = a_continuable(shown)
    asked = {"place": place, "alternative": number}
    assert chosen(shown, asked)[1] is not None
    assert chosen(shown._replace(places=None), asked)[1] is None
    assert chosen(None, asked)[1] is None


def test_bytes_and_empty_paragraphs_are_no_choice(shown):
    place = shown.places[0]
    for opening in (None, ""):
        changed = place._replace(alternatives=[place.alternatives[0]._replace(opening=opening)])
        assert chosen(shown._replace(places=[changed]), {"place": 0, "alternative": 0})[1] is None


def test_another_model_of_the_same_name_is_not_asked_about_the_text(folder_shelf):
    shelf, folder, make_run = folder_shelf
    *_, written = generation_service.write(shelf, "run", PROMPT, {"seed": 3, "max_length": 20})
    shown = understood(shelf, choose(written, {}))
    make_run(folder / "run", seed=2)  # the same tokenizer, other weights
    os.utime(folder / "run" / "model.safetensors", (1, 1))
    with pytest.raises(CheckpointError, match="changed"):
        understood(shelf, shown)
    with pytest.raises(CheckpointError, match="changed"):
        next(rewritten(shelf, shown, *some_alternative(shown)))
    *_, written = generation_service.write(shelf, "run", PROMPT, {"seed": 3, "max_length": 20})
    assert understood(shelf, choose(written, {})).places


@pytest.fixture
def folder_shelf(make_run, tmp_path):
    """A shelf with "run" in a folder, the folder, and what makes runs."""
    make_run(tmp_path / "run", seed=1)
    return ModelRegistry(tmp_path), tmp_path, make_run


def some_alternative(shown):
    """A place and an alternative there from which the model can go on."""
    return next(
        (place, each)
        for place, at in enumerate(shown.places)
        for each in at.alternatives
        if each.opening and not is_end(each)
    )


def test_what_is_shown_already_is_not_sent_anew_unless_its_answer_has_failed(shown):
    assert attention_tab.shown_for({}, shown.written, shown) == (gr.skip(), gr.skip())
    assert attention_tab.shown_for({"candidate": 0, "paragraph": 1}, shown.written, shown) == (
        gr.skip(),
        gr.skip(),
    )
    assert (
        attention_tab.shown_for({"candidate": 0, "paragraph": 0}, shown.written, shown)[1].number
        == 0
    )
    first = choose(shown.written, {"candidate": 0, "paragraph": 0})
    value, again = attention_tab.shown_for({"again": True}, shown.written, first)
    assert again.number == 0
    assert value["turn"] == again.turn > first.turn
    new = dataclasses.replace(shown.written)
    assert attention_tab.shown_for({"again": True}, new, shown)[1].written is new


def slowly(monkeypatch, shelf, seconds):
    """Lets the shelf's model take `seconds` for every token; the times of its steps."""
    model, times = shelf.generator("run").model, []
    step = model.step

    def step_slowly(*values):
        time.sleep(seconds)
        times.append(time.monotonic())
        return step(*values)

    monkeypatch.setattr(model, "step", step_slowly)
    return times


def test_looking_into_a_long_paragraph_is_never_silent(monkeypatch, shelf, shown):
    slowly(monkeypatch, shelf, 0.1)
    told = [time.monotonic(), *(time.monotonic() for _ in looked_into(shelf, shown))]
    assert len(told) > 3
    assert max(after - before for before, after in pairwise(told)) < 0.5
    *before, last = looked_into(shelf, shown)
    assert set(before) == {None}
    assert last == shown


def test_who_leaves_frees_the_model_that_looks(monkeypatch, shelf, shown):
    steps = slowly(monkeypatch, shelf, 0.1)
    stream = looked_into(shelf, shown)
    next(stream)
    stream.close()
    before = len(steps)
    time.sleep(0.3)
    assert before == len(steps) < len(shown.paragraph.ids)


@pytest.mark.parametrize("name", words())
def test_a_word_has_both_languages_with_the_same_gaps(name):
    chinese, english = words()[name]
    assert chinese
    assert english
    assert set(re.findall(r"\{\w+\}", chinese)) == set(re.findall(r"\{\w+\}", english))
