import itertools
from itertools import pairwise
from types import SimpleNamespace

import pytest

from novelgen.config import Config
from novelgen.decoding.generator import Generation
from novelgen.errors import ConfigError
from novelgen.text.tokenizers import EOS
from novelgen.web import limits
from novelgen.web.services.streaming import write, write_from

PROMPT = "宝玉笑道：“我来了。”"


def timed(toy, seconds, **options):
    """A toy generator, and a clock by which it takes `seconds` for every token.

    The clock counts the tokens in its `steps`.
    """
    generator = toy.generator(**options)
    step = generator.model.step
    clock = SimpleNamespace(steps=0)

    def counted(*values):
        clock.steps += 1
        return step(*values)

    generator.model.step = counted
    clock.now = lambda: seconds * clock.steps
    return generator, clock


def test_result_is_what_the_generator_writes(toy, registry_of):
    options = {"num_samples": 3, "seed": 5, "paragraphs": 2, "max_length": 20}
    *_, last = write(registry_of(toy.generator()), "run", PROMPT, options)
    assert last.finished
    assert last.device == "cpu"
    assert last.run == "run"
    assert last.manuscript == PROMPT
    expected = toy.generator().candidates(PROMPT, **options)
    assert [each.text for each in last.generations] == [each.text for each in expected]
    assert last.characters == sum(
        len(paragraph.text) for each in expected for paragraph in each.paragraphs
    )


def test_backwards_the_beginning_is_read_also_by_a_continuation(toy, registry_of):
    registry = registry_of(toy.generator(Config().replace(tasks="next,previous")))
    text, options = (
        f"{PROMPT}\n" + "黛玉道：“我不来。”\n" * 3_000,
        {"task": "previous", "seed": 2, "max_length": 12, "paragraphs": 2},
    )
    *_, last = write(registry, "run", text, options)
    assert last.generations[0].task == "previous"
    assert "only the first" in last.generations[0].notes[0]
    assert last.generations[0].text == registry.generator("").generate(PROMPT, **options).text
    *_, again = write_from(registry, last, 0, 1, "宝")
    first, second = again.generations[0].paragraphs
    assert first.text == last.generations[0].paragraphs[0].text
    assert second.text.startswith("宝")
    assert second.source_ids[-1] == EOS
    assert toy.tokenizer.decode(second.source_ids[:-1]) == first.text


def test_text_only_grows(toy, registry_of):
    generator, clock = timed(toy, 0.004)
    options = {"seed": 1, "min_length": 60, "max_length": 80}
    results = write(registry_of(generator), "run", PROMPT, options, clock.now)
    texts = [result.generations[0].text for result in results]
    assert len(texts) > 3
    assert all(after.startswith(before) for before, after in pairwise(texts))


def test_first_character_comes_at_once_and_updates_are_limited(toy, registry_of):
    generator, clock = timed(toy, 0.004)
    options = {"seed": 1, "min_length": 400, "max_length": 400}
    results = list(write(registry_of(generator), "run", PROMPT, options, clock.now))
    assert 1 <= results[0].characters <= 2
    times = [result.seconds for result in results]
    assert times[0] <= 3 * 0.004
    assert times[-1] == pytest.approx(400 * 0.004)
    # The first, the last, and those between them.
    gaps = [after - before for before, after in pairwise(times[:-1])]
    assert len(gaps) > 5
    assert min(gaps) > 1 / limits.UPDATES_A_SECOND - 1e-6
    assert max(gaps) < 1 / limits.UPDATES_A_SECOND + 2 * 0.004


def test_without_text_there_are_snapshots_twice_a_second(registry_of):
    """A beam whose hypotheses do not agree yet; a visitor who leaves must be noticed meanwhile."""
    ticks = itertools.count()
    silent = Generation(PROMPT, [], seed=1, finished=False, notes=[])
    generator = SimpleNamespace(
        stream_candidates=lambda prompt, **options: ([silent] for _ in range(40)),
        device=SimpleNamespace(type="cpu"),
        config=Config(),
    )
    results = write(registry_of(generator), "run", PROMPT, {}, clock=lambda: 0.1 * next(ticks))
    seconds = [result.seconds for result in results]
    gaps = [after - before for before, after in pairwise(seconds)]
    assert len(seconds) > 3
    assert min(gaps) >= 0.5 - 1e-6
    assert max(gaps) <= 0.6


def test_closing_stops_the_model(toy, registry_of):
    generator, clock = timed(toy, 0.004)
    options = {"seed": 1, "min_length": 500, "max_length": 500}
    stream = write(registry_of(generator), "run", PROMPT, options, clock.now)
    next(stream)
    stream.close()
    assert clock.steps < 10
    assert list(stream) == []


def test_a_long_manuscript_is_cut_to_its_end_with_a_note(toy, registry_of):
    long = "宝玉笑道。\n" * (limits.PROMPT // 6 + 50)
    *_, last = write(registry_of(toy.generator()), "run", long, {"seed": 1, "max_length": 8})
    assert last.manuscript == long
    assert len(last.generations[0].prompt) == limits.PROMPT
    assert any("20,000" in note for note in last.generations[0].notes)
    *_, last = write(
        registry_of(toy.generator()), "run", long[-limits.PROMPT :], {"seed": 1, "max_length": 8}
    )
    assert not any("20,000" in note for note in last.generations[0].notes)


def test_write_from_writes_a_paragraph_again_from_an_opening(toy, registry_of):
    registry = registry_of(toy.generator())
    *_, first = write(
        registry, "run", PROMPT, {"seed": 3, "num_samples": 2, "paragraphs": 3, "max_length": 20}
    )
    *_, again = write_from(registry, first, 1, 1, "黛玉道：")
    (generation,), kept = again.generations, first.generations[1].paragraphs
    assert again.finished
    assert len(generation.paragraphs) == 2
    assert generation.seed == first.generations[1].seed
    assert generation.paragraphs[0].text == kept[0].text
    assert generation.paragraphs[1].text.startswith("黛玉道：")
    assert generation.paragraphs[1].source_ids == kept[1].source_ids
    assert again.manuscript == first.manuscript
    assert again.run == first.run


@pytest.fixture
def full(toy, registry_of):
    """A registry with a model that never ends a paragraph, and a paragraph of maximum length."""
    registry = registry_of(toy.generator(allowed=range(toy.first, toy.tokenizer.size)))
    *_, result = write(registry, "run", PROMPT, {"seed": 3, "max_length": 20})
    assert len(result.generations[0].paragraphs[0].ids) == 20
    return registry, result


def test_a_paragraph_of_maximum_length_can_be_continued(full):
    registry, result = full
    for _ in range(3):
        opening = result.generations[0].text[:-1] + "山"
        *_, result = write_from(registry, result, 0, 0, opening)
        assert result.generations[0].text.startswith(opening)
        assert result.characters >= len(opening) + 50


def test_no_paragraph_grows_beyond_the_limit(full, monkeypatch):
    registry, result = full
    monkeypatch.setattr(limits, "LENGTH", 30)
    *_, after = write_from(registry, result, 0, 0, result.generations[0].text)
    assert len(after.generations[0].paragraphs[0].ids) == 30
    with pytest.raises(ConfigError, match="earlier character") as caught:
        write_from(registry, after, 0, 0, after.generations[0].text)
    assert "--" not in str(caught.value)


def test_speed_counts_only_what_this_request_generated(toy, registry_of):
    generator, clock = timed(toy, 0.004)
    registry = registry_of(generator)
    options = {"seed": 3, "paragraphs": 3, "max_length": 20, "num_samples": 2, "prefix": "宝玉"}
    *_, first = write(registry, "run", PROMPT, options, clock.now)
    written = first.characters - 2 * len("宝玉")
    assert first.speed == pytest.approx(written / (0.004 * clock.steps))
    clock.steps = 0
    *_, again = write_from(registry, first, 1, 2, "黛玉道：", clock.now)
    written = len(again.generations[0].paragraphs[2].text) - len("黛玉道：")
    assert again.speed == pytest.approx(written / (0.004 * clock.steps))
    assert again.characters > written + len("黛玉道：")


def test_a_wrong_request_raises_before_anything_is_generated(toy, registry_of):
    for manuscript, options in (
        ("  \n", {}),
        (PROMPT, {"temperature": 0}),
        (PROMPT, {"no_such_option": 1}),
    ):
        with pytest.raises(ConfigError):
            next(write(registry_of(toy.generator()), "run", manuscript, options))


def test_a_model_that_was_never_validated_is_said_to_write_noise(toy, registry_of):
    registry = registry_of(toy.generator())
    options = {"max_length": 4}
    silent = list(write(registry, "toy", "船来了。", options))[-1]
    registry.is_validated = lambda name: False
    told = list(write(registry, "toy", "船来了。", options))[-1]
    assert not any("noise" in note for note in silent.generations[0].notes)
    assert any("noise" in note for note in told.generations[0].notes)
