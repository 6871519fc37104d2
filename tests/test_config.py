import argparse
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen import cli
from novelgen.config import (
    Config,
    DataConfig,
    DecodingConfig,
    ModelConfig,
    PairsConfig,
    TextConfig,
    TrainingConfig,
    validate_choice,
)
from novelgen.errors import ConfigError, NovelgenError
from novelgen.options import check_one_of
from novelgen.presets import PRESETS, preset

SECTIONS = (TextConfig, DataConfig, PairsConfig, ModelConfig, TrainingConfig)
FIELDS = [
    (section, spec)
    for section in (*SECTIONS, DecodingConfig)
    for spec in dataclasses.fields(section)
]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name):
    config = preset(name)
    assert Config.from_dict(config.to_dict()) == config
    assert any(
        getattr(config.training, budget) for budget in ("epochs", "max_steps", "max_minutes")
    )


def test_an_option_that_is_retired_is_read_over_in_an_old_run_and_unknown_elsewhere():
    old = Config(training=TrainingConfig(max_steps=3)).to_dict()
    old["training"]["cuda_graph"] = True
    config = Config.from_dict(old)
    assert config.training.max_steps == 3
    assert "cuda_graph" not in config.to_dict()["training"]
    with pytest.raises(ConfigError, match="cuda_graph"):
        config.replace(cuda_graph=True)


def test_what_an_old_run_does_not_say_is_as_it_was_then():
    old = Config().to_dict()
    for name in ("token_in_query", "guide"):
        del old["model"][name]
    model = Config.from_dict(old).model
    assert (model.token_in_query, model.guide) == (False, 0.0)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"did you mean small"):
        preset("smal")
    with pytest.raises(ConfigError, match=r"did you mean dropout"):
        Config().replace(drop_out=0.1)
    assert validate_choice("b", ("a", "b"), "x") == "b"


def test_replace_reaches_every_section():
    changed = Config().replace(segment_length=50, tokenizer="word", dropout=0.1, seed=7)
    assert (
        changed.text.segment_length,
        changed.data.tokenizer,
        changed.model.dropout,
        changed.training.seed,
    ) == (50, "word", 0.1, 7)


@pytest.mark.parametrize(
    ("section", "spec"),
    [pair for pair in FIELDS if pair[1].metadata["minimum"] is not None],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_lower_bound_is_kept(section, spec):
    least = spec.metadata["minimum"]
    others = {"min_length": 0} if spec.name == "max_length" else {}
    assert getattr(section(**{spec.name: least, **others}), spec.name) == least
    with pytest.raises(ConfigError, match="--" + spec.name.replace("_", "-")):
        section(**{spec.name: least - 1})


@pytest.mark.parametrize(
    ("section", "spec"),
    [pair for pair in FIELDS if pair[1].metadata["above"] is not None],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("value", [0, -1.5, float("nan"), float("inf")])
def test_every_exclusive_bound_is_kept_and_numbers_are_finite(section, spec, value):
    with pytest.raises(ConfigError, match="--" + spec.name.replace("_", "-")):
        section(**{spec.name: value})


@pytest.mark.parametrize(("section", "spec"), FIELDS, ids=lambda value: getattr(value, "name", ""))
def test_every_field_has_an_english_help_text_and_a_valid_default(section, spec):
    assert spec.metadata["help"].strip()
    assert spec.metadata["help"].isascii()
    assert getattr(section(), spec.name) == spec.default


def test_decoding_options_that_contradict_each_other():
    for options in (
        {"min_length": 9, "max_length": 8},
        {"decoder": "beam", "beam_size": 2, "num_samples": 3},
        {"decoder": "greedy", "num_samples": 2},
    ):
        with pytest.raises(ConfigError):
            DecodingConfig(**options)


def parse(section, *words):
    parser = cli.Parser(prog="x")
    cli.add_section(parser, section, "title")
    return cli.explicit_options(parser.parse_args(list(words)), section)


@given(st.floats(0.01, 1), st.integers(0, 10**6))
def test_flags_become_fields_of_their_type(top_p, top_k):
    found = parse(DecodingConfig, "--top-p", repr(top_p), "--top-k", str(top_k), "--n-best", "2")
    assert found == {"top_p": top_p, "top_k": top_k, "num_samples": 2}
    assert isinstance(found["top_k"], int)


def test_help_shows_a_default_unless_it_is_none_empty_or_off(capsys):
    with pytest.raises(SystemExit):
        parse(DecodingConfig, "--help")
    shown = " ".join(capsys.readouterr().out.split())
    assert "0 turns this off (default: 0)" in shown
    assert "opening of the paragraph to write --seed" in shown
    with pytest.raises(SystemExit):
        parse(TextConfig, "--help")
    assert "(default: False)" not in capsys.readouterr().out


def test_help_says_in_a_line_of_its_own_what_a_variant_is(capsys):
    with pytest.raises(SystemExit):
        parse(ModelConfig, "--help")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    starts = [line for line in lines if line.startswith("cho (Cho et al. 2014): one vector")]
    assert len(starts) == 1


def test_only_flags_that_were_given_count():
    assert parse(TrainingConfig) == {}
    assert parse(TextConfig, "--simplify") == {"simplify": True}
    assert parse(TextConfig, "--no-simplify") == {"simplify": False}


def test_abbreviations_are_not_guessed(capsys):
    with pytest.raises(SystemExit) as caught:
        parse(DecodingConfig, "--temp", "1")
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (NovelgenError("it is broken"), 2, "error: it is broken"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device"), 2, "disk is full"),
    ],
)
def test_mistakes_become_one_line_and_an_exit_code(capsys, error, code, words):
    def fail(_words):
        raise error

    with pytest.raises(SystemExit) as caught:
        cli.run(fail, ["--lang", "en"])
    printed = capsys.readouterr().err
    assert caught.value.code == code
    assert words in printed
    assert len(printed.strip().splitlines()) == 1


def test_a_programmers_mistake_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        cli.run(lambda _words: 1 / 0, ["--lang", "en"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_steps": "5"}, r"--max-steps '5': must be a whole number"),
        ({"max_steps": 5.0}, r"--max-steps 5\.0: must be a whole number"),
        ({"max_steps": True}, r"--max-steps True: must be a whole number"),
        ({"clip_norm": None}, r"--clip-norm None: must be a number"),
        ({"tasks": ["next"]}, r"--tasks \['next'\]: must be text"),
        ({"simplify": 1}, r"--simplify 1: must be true or false"),
        ({"task_weights": {}}, r"there is no 'task_weights'"),
    ],
)
def test_a_value_of_another_type_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Config().replace(**values)


def test_a_whole_number_is_a_number_and_a_path_is_text(tmp_path):
    config = Config().replace(max_minutes=2, dropout=0, epochs=None, user_dict=tmp_path / "a.txt")
    assert (config.training.max_minutes, config.model.dropout) == (2, 0)
    assert config.data.user_dict == str(tmp_path / "a.txt")
    assert Config.from_dict(config.to_dict()) == config


def test_one_of_refuses_two():
    check_one_of(("--a", "--b"), None, 3)
    with pytest.raises(ConfigError, match="--a, --b: give only one of these"):
        check_one_of(("--a", "--b"), 1, 3)


def test_values_are_checked_where_a_namespace_is_used():
    namespace = argparse.Namespace(top_p=1.5)
    with pytest.raises(ConfigError, match="--top-p"):
        DecodingConfig(**cli.explicit_options(namespace, DecodingConfig))


def test_tasks_are_a_list_with_weights():
    assert DataConfig().task_weights == {"next": 1.0}
    weights = DataConfig(tasks="same=0.5, next，previous = 3").task_weights
    assert weights == {"same": 0.5, "next": 1.0, "previous": 3.0}
    assert list(weights) == ["same", "next", "previous"]


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ("nxt", "did you mean next"),
        ("next,pre", "previous"),
        ("", "next, previous, same"),
        ("next,,same", "next, previous, same"),
        ("next,next=2", "occurs twice"),
        ("next=0", "above 0"),
        ("next=-1", "above 0"),
        ("next=nan", "above 0"),
        ("next=inf", "above 0"),
        ("next=", "above 0"),
        ("next=two", "above 0"),
        ("next=1=2", "above 0"),
    ],
)
def test_what_is_no_list_of_tasks_is_one_clear_line(tasks, words):
    with pytest.raises(ConfigError, match="--tasks") as error:
        DataConfig(tasks=tasks)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
