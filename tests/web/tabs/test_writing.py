import pytest

from novelgen.web.services.draft_source import source_from_text
from novelgen.web.services.streaming import write
from novelgen.web.tabs.writing_view import result_changes, status_line, stopped_line

PROMPT = "宝玉笑道：“我来了。”"


@pytest.fixture
def generate(toy, registry_of):
    """Returns the complete result of a request with these options."""

    def complete(**options):
        registry = registry_of(toy.generator())
        options = {"decoder": "sample", "seed": 11, "max_length": 12, **options}
        *_, result = write(registry, "run", PROMPT, options)
        return result

    return complete


def test_status_line_has_length_speed_device_and_seed(generate):
    result = generate()
    line = status_line(result)
    speed = f"{result.speed:,.0f} characters/s"
    assert line == f"<span>{result.characters} characters · {speed} · cpu · seed 11</span>"
    assert "seed 11–13<" in status_line(generate(num_samples=3))


def test_status_line_has_no_seed_where_the_decoder_uses_none(generate):
    assert "seed" not in status_line(generate(decoder="beam"))
    assert "seed" not in status_line(generate(decoder="greedy"))


def test_stopped_line_says_so_after_the_figures(generate):
    result = generate()
    assert stopped_line(result) == f"{status_line(result)}<small>stopped</small>"


def test_notes_are_escaped(generate):
    result = generate()
    result.generations[0].notes.append("<img src=x onerror=alert(1)>")
    assert "<img" not in status_line(result)
    assert "&lt;img" in status_line(result)


def test_as_many_drafts_are_shown_as_there_are_candidates(write_parts, generate):
    result = generate(num_samples=3)
    changes = result_changes(write_parts, result)
    assert changes["result"] is result
    assert source_from_text(changes["source"]).is_of(PROMPT)
    drafts = [changes[f"draft {place}"] for place in range(4)]
    assert drafts == [*(each.text for each in result.generations), ""]
    visible = [changes[f"column {place}"]["visible"] for place in range(4)]
    assert visible == [True, True, True, False]
