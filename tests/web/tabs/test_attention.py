import asyncio
import dataclasses
import math
import re
import runpy
from itertools import pairwise
from types import SimpleNamespace

import pytest

from novelgen.errors import CheckpointError
from novelgen.text.tokenizers import EOS, SPECIALS
from novelgen.web import page
from novelgen.web.services import streaming
from novelgen.web.services.attention import choose, is_end
from novelgen.web.services.attention_words import words
from novelgen.web.services.inspection import chosen_alternative, inspect_paragraph, rewritten
from novelgen.web.services.manuscript import CancellationToken
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs import attention_handlers
from novelgen.web.tabs.attention_handlers import Handlers, Parts, continue_from, wanted_update

PROMPT = "宝玉笑道：“我来了。”"


@pytest.fixture
def registry(toy, registry_of):
    """A registry with one model, which writes characters rather than bytes."""
    generator = toy.generator(
        favour={EOS: 4.0, **dict.fromkeys(range(toy.first, toy.tokenizer.size), 8.0)}
    )
    return registry_of(generator)


@pytest.fixture
def shown(registry):
    *_, result = streaming.write(
        registry, "run", PROMPT, {"seed": 3, "paragraphs": 2, "max_length": 20}
    )
    return inspected(registry, choose(result, {}))


def inspected(registry, shown):
    *_, last = inspect_paragraph(registry, shown)
    return last


def a_continuable(shown):
    """A place after the beginning, and an alternative there from which the model can go on."""
    return next(
        (place, number)
        for place, each in enumerate(shown.places)
        if place >= 3
        for number, alternative in enumerate(each.alternatives)
        if alternative.opening and not is_end(alternative)
    )


def test_a_click_continues_from_the_alternative(registry, shown):
    place, number = a_continuable(shown)
    alternative = chosen_alternative(shown, {"place": place, "alternative": number})[1]
    snapshots = list(rewritten(registry, shown, place, alternative))
    for result in snapshots:
        assert result.generations[0].paragraphs[0] is shown.result.generations[0].paragraphs[0]
    assert snapshots[-1].finished
    assert snapshots[-1].generations[0].paragraphs[1].text.startswith(alternative.opening)


def test_the_end_needs_no_model(shown):
    place = next(number for number, each in enumerate(shown.places) if number and each.alternatives)
    end = shown.places[place].alternatives[0]._replace(token=SPECIALS[EOS], opening="宝玉")
    (result,) = rewritten(None, shown, place, end)
    assert result.generations[0].paragraphs[-1].text == "宝玉"


def going_on(registry, shown, cancellation):
    place, number = a_continuable(shown)
    return place, continue_from(
        registry, shown, cancellation, place, shown.places[place].alternatives[number]
    )


def test_the_view_grows_and_shows_the_whole_at_the_end(registry, shown):
    place, stream = going_on(registry, shown, CancellationToken())
    *before, (value, after, result) = stream
    assert before
    assert all("growing" in each[0] and each[1] is None and each[2] is not None for each in before)
    assert value["selected"] == place
    assert value["revision"] == after.revision > before[-1][0]["revision"]
    assert result is None
    assert after.result is before[-1][2]
    assert after.places is None


def test_another_request_ends_a_continuation(registry, shown):
    cancellation = CancellationToken()
    _, stream = going_on(registry, shown, cancellation)
    next(stream)
    cancellation.start()
    assert list(stream) == []


def test_a_continuation_cancels_earlier_requests(registry, shown):
    cancellation = CancellationToken()
    earlier = cancellation.start()
    next(going_on(registry, shown, cancellation)[1])
    assert cancellation.is_cancelled(earlier)


@pytest.mark.parametrize("failing_at", [0, 9])
def test_when_the_model_fails_the_view_shows_the_text_before(
    monkeypatch, registry, shown, failing_at
):
    monkeypatch.setattr("novelgen.web.limits.UPDATES_A_SECOND", 1e9)
    model = registry.generator("run").model
    step, count = model.step, iter(range(1000))

    def failing(*values):
        if next(count) == failing_at:
            raise RuntimeError("out of memory")
        return step(*values)

    monkeypatch.setattr(model, "step", failing)
    place, stream = going_on(registry, shown, CancellationToken())
    seen = []
    with pytest.raises(RuntimeError, match="memory"):
        seen.extend(iter(lambda: next(stream), None))
    *before, (value, after, result) = seen
    assert bool(before) == bool(failing_at)
    assert value["output"] == shown.paragraph.tokens
    assert value["places"]
    assert value["selected"] == place
    assert result is None
    assert after._replace(revision=0) == shown._replace(revision=0)
    assert all(after.revision > each[0]["revision"] for each in before)


def test_revisions_go_on_rising_after_a_restart(shown):
    before = [wanted_update({}, shown.result, None).shown.revision for _ in range(100)]
    assert before == sorted(set(before))
    restarted = runpy.run_path(attention_handlers.__file__)["wanted_update"]
    assert before[-1] < restarted({}, shown.result, None).shown.revision < 2**53


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"place": 0},
        {"place": -1, "alternative": 0},
        {"place": 10**6, "alternative": 0},
        {"place": 0, "alternative": 10},
        {"place": "0", "alternative": 0},
        {"place": 0, "alternative": None},
    ],
)
def test_an_impossible_click_is_ignored(shown, asked):
    assert chosen_alternative(shown, asked)[1] is None


def test_no_alternative_can_be_chosen_before_the_model_was_asked(shown):
    place, number = a_continuable(shown)
    asked = {"place": place, "alternative": number}
    assert chosen_alternative(shown, asked)[1] is not None
    assert chosen_alternative(shown._replace(places=None), asked)[1] is None
    assert chosen_alternative(None, asked)[1] is None


def test_bytes_and_empty_paragraphs_cannot_be_chosen(shown):
    place = shown.places[0]
    for opening in (None, ""):
        changed = place._replace(alternatives=[place.alternatives[0]._replace(opening=opening)])
        assert (
            chosen_alternative(shown._replace(places=[changed]), {"place": 0, "alternative": 0})[1]
            is None
        )


def test_a_text_keeps_the_weights_that_wrote_it(folder_registry):
    """As when every better validation of a training replaces the weights."""
    registry, folder, make_run = folder_registry
    *_, result = streaming.write(registry, "run", PROMPT, {"seed": 3, "max_length": 20})
    shown = choose(result, {})
    make_run(folder / "run", seed=2)  # the same tokenizer, other weights
    *_, newer = streaming.write(registry, "run", PROMPT, {"seed": 3, "max_length": 20})
    for each in (shown, choose(newer, {})):
        places = inspected(registry, each).places
        told = [math.log(place.probability) for place in places]
        assert told == pytest.approx(each.paragraph.log_probabilities, abs=1e-4)
    place, alternative = some_alternative(inspected(registry, shown))
    *_, again = rewritten(registry, shown, place, alternative)
    assert again.weights == result.weights != newer.weights


def test_weights_that_are_in_memory_no_more_are_not_asked(folder_registry):
    registry, folder, make_run = folder_registry
    *_, result = streaming.write(registry, "run", PROMPT, {"seed": 3, "max_length": 20})
    shown = inspected(registry, choose(result, {}))
    make_run(folder / "run", seed=2)
    another = ModelRegistry(folder)
    with pytest.raises(CheckpointError, match="changed"):
        inspected(another, shown)
    with pytest.raises(CheckpointError, match="changed"):
        next(rewritten(another, shown, *some_alternative(shown)))


@pytest.fixture
def folder_registry(make_run, tmp_path):
    """A registry with "run" in a folder, the folder, and what makes runs."""
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


def test_what_is_shown_is_sent_again_only_when_its_answer_has_failed(shown):
    assert wanted_update({}, shown.result, shown) is None
    assert wanted_update({"candidate": 0, "paragraph": 1}, shown.result, shown) is None
    asked = {"candidate": 0, "paragraph": 0}
    assert wanted_update(asked, shown.result, shown).shown.number == 0
    first = choose(shown.result, {"candidate": 0, "paragraph": 0})
    value, again, _ = wanted_update({"again": True}, shown.result, first)
    assert again.number == 0
    assert value["revision"] == again.revision > first.revision
    new = dataclasses.replace(shown.result)
    assert wanted_update({"again": True}, new, shown).shown.result is new


def test_stopping_shows_the_place_that_was_shown_and_the_draft_as_it_is(shown, write_parts):
    handlers = Handlers(None, Parts("view", "shown", "inspected", "branches"), write_parts)
    first = choose(shown.result, {"candidate": 0, "paragraph": 0})
    changes = handlers.halt({"result": shown.result, "shown": first, "branches": ()})
    assert changes["shown"].position == first.position
    assert changes["result"] is shown.result
    assert [branch.result for branch in changes["branches"]] == [shown.result]
    assert changes["view"]["branches"][0]["current"]
    nothing = handlers.halt({"result": None, "shown": None, "branches": ()})
    assert nothing == {"view": {}, "shown": None, "branches": ()}


def timed(monkeypatch, registry, seconds):
    """A clock by which the registry's model takes `seconds` for every token.

    It counts the steps in its `steps`.
    """
    model = registry.generator("run").model
    step = model.step
    clock = SimpleNamespace(steps=0)

    def counted(*values):
        clock.steps += 1
        return step(*values)

    monkeypatch.setattr(model, "step", counted)
    clock.now = lambda: seconds * clock.steps
    return clock


def test_inspecting_a_long_paragraph_gives_signs_of_life(monkeypatch, registry, shown):
    clock = timed(monkeypatch, registry, 0.1)
    times = [0.0]
    seen = []
    for each in inspect_paragraph(registry, shown, clock.now):
        times.append(clock.now())
        seen.append(each)
    assert clock.steps >= len(shown.paragraph.ids) > 9
    assert len(times) > 3
    # One at the first token that is a quarter of a second after the one before.
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) < 0.35
    assert min(gaps[:-1]) > 0.25
    *before, last = seen
    assert set(before) == {None}
    assert last == shown


def test_inspecting_at_once_gives_no_sign_of_life(registry, shown):
    assert list(inspect_paragraph(registry, shown, clock=lambda: 0.0)) == [shown]


def test_closing_an_inspection_frees_the_model(monkeypatch, registry, shown):
    clock = timed(monkeypatch, registry, 0.1)
    stream = inspect_paragraph(registry, shown, clock.now)
    next(stream)
    stream.close()
    assert clock.steps < len(shown.paragraph.ids)
    assert list(stream) == []


def test_every_text_has_both_languages_with_the_same_placeholders():
    texts = words()
    assert texts["zh"].keys() == texts["en"].keys()
    for name, english in texts["en"].items():
        chinese = texts["zh"][name]
        assert chinese != english
        assert set(re.findall(r"\{\w+\}", chinese)) == set(re.findall(r"\{\w+\}", english))


@pytest.fixture
def view(tmp_path):
    """The component that shows the tab, as it is on the page."""

    async def build():
        return page.build(ModelRegistry(tmp_path), tmp_path)

    # Where no loop runs, Gradio makes one and leaves it open.
    components = asyncio.run(build()).blocks.values()
    return next(each for each in components if each.elem_id == "attention-view")


def test_every_text_that_the_script_or_the_template_names_exists(view):
    named = set()
    for source in (view.js_on_load, view.html_template):
        named |= set(re.findall(r"\bwords\.(\w+)", source))
        named |= set(re.findall(r'data-(?:word|title)="(\w+)"', source))
    # The names that the script puts together.
    views = ("attention", "gradient", "characters", "words", "sentences")
    kinds = {
        *(f"alternative_{kind}" for kind in ("write", "end", "byte", "empty")),
        *(f"most_{view}" for view in views),
        *(f"{part}_{unit}" for part in ("cell", "source") for unit in ("share", "bits")),
        *(f"compared_{sign}" for sign in ("cost", "gain")),
        *(f"beam_{state}" for state in ("lived", "ended", "died")),
        "agreement_attention_gradient",
        "agreement_attention_leaving_out",
        "agreement_gradient_leaving_out",
    }
    assert named | kinds == words()["en"].keys()
