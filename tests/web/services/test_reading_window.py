import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.config import Config, DataConfig, TextConfig
from novelgen.text.prompt import clean_prompt
from novelgen.web.services.reading_window import read_part

CONFIG = Config(text=TextConfig(segment_length=10))
SENTENCES = "小满上了船。她数石阶。"


def config_of(context=1, tasks="next"):
    data = DataConfig(context_paragraphs=context, tasks=tasks)
    return dataclasses.replace(CONFIG, data=data)


def read(text, config=CONFIG, task=None):
    part = read_part(config, text, task)
    return text[part.start : part.end], part.segments, part.is_all


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("", 0, True)),
        (" \n ", ("", 0, True)),
        ("小满。", ("小满。", 1, True)),
        ("小满。\n  \n 上船。 \n", ("上船。", 1, False)),
        # Of a long paragraph the last segment alone.
        (SENTENCES, ("她数石阶。", 1, False)),
    ],
)
def test_the_last_segment_is_read(text, expected):
    assert read(text) == expected


def test_several_segments_are_read_across_paragraphs():
    config = config_of(context=2)
    assert read(f"船。\n{SENTENCES}\n天黑。", config) == ("她数石阶。\n天黑。", 2, False)
    assert read("船。\n天黑。", config) == ("船。\n天黑。", 2, True)


def test_a_run_that_writes_backwards_reads_the_beginning():
    config = config_of(tasks="previous")
    assert read(f"{SENTENCES}\n天黑。", config, "previous") == ("小满上了船。", 1, False)


@given(st.text("小满上船。，”“ \n", max_size=60), st.integers(1, 3))
def test_what_is_read_is_what_the_model_is_given(text, context):
    config = config_of(context)
    segments = clean_prompt(text, config.text)
    marked, count, is_all = read(text, config)
    assert count == len(segments[-context:])
    assert is_all is (count == len(segments))
    assert "".join(marked.split()) == "".join("".join(segments[-context:]).split())
