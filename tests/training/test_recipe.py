"""What a budget buys, and what is chosen from it."""

import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import novelgen
from novelgen.config import Config
from novelgen.errors import ConfigError
from novelgen.models.build import build_model, set_dropout
from novelgen.models.zoo import VARIANTS
from novelgen.training.recipe import (
    Text,
    advice,
    complete,
    describe,
    needs_speed,
    passes,
    trials,
    with_learning_rate,
)
from novelgen.training.run_directory import RunDirectory
from novelgen.training.speed import Speed, Timing

NOVEL = Text(tokens=60_000, characters=50_000)


def steady(speed):
    """So many characters a second in batches of any size."""
    return Speed(0.0, 1 / speed)


@given(st.lists(st.floats(0.01, 1000), min_size=2, max_size=2).map(sorted), st.floats(0, 10))
def test_the_larger_a_budget_the_more_is_dropped_and_the_larger_are_batches(budgets, of_step):
    speed = Speed(of_step, 0.001)
    small, large = (
        complete(Config().replace(max_minutes=each, init="none"), NOVEL, speed) for each in budgets
    )
    assert small.model.dropout <= large.model.dropout
    assert small.training.batch_tokens <= large.training.batch_tokens
    assert small.training.batch_tokens % 100 == 0


def test_passes_are_those_of_the_budget_that_ends_first():
    config = Config().replace(epochs=9, max_minutes=10).training
    assert passes(config, NOVEL, speed=steady(500.0)) == pytest.approx(6)  # 300,000 of 50,000
    assert passes(config, NOVEL, speed=steady(5000.0)) == 9
    config = Config().replace(max_steps=100, batch_tokens=1200).training
    assert passes(config, NOVEL, speed=None) == 2


def test_larger_batches_buy_more_passes_but_are_chosen_by_the_speed_of_the_smallest():
    # A step of 400 tokens takes 0.4 s, one of 1,600 takes 0.7 s.
    speed = Speed.measured([Timing(400, 0.4), Timing(1600, 0.7)])
    assert speed == pytest.approx((0.3, 0.00025))
    assert speed.in_batches(400) == pytest.approx(1000)
    text = Text(tokens=800_000, characters=800_000)
    config = Config().replace(max_minutes=40, init="none")
    # 2.4 million tokens are 2,000 batches of 1,200, of which each takes 0.6 s.
    chosen = complete(config, text, speed)
    assert chosen.training.batch_tokens == 1200
    found = passes(chosen.training, text, speed)
    assert found == passes(config.training, text, speed) == pytest.approx(6)
    assert chosen.model.dropout == 0.14
    assert "about 6.0 passes" in describe(chosen, text, speed)


@given(
    st.lists(
        st.tuples(st.floats(1, 1e4), st.floats(0, 1e3)).map(lambda each: Timing(*each)),
        min_size=1,
        max_size=2,
    )
)
def test_no_measurement_makes_a_speed_that_is_none(timings):
    speed = Speed.measured(timings)
    assert speed.step >= 0
    assert speed.character > 0
    assert 0 < speed.in_batches(100) <= speed.in_batches(1000) * (1 + 1e-9)


def test_larger_batches_are_measured_where_it_pays():
    def sizes(**options):
        config = Config().replace(init="none", **options).training
        return [trial.config.batch_tokens for trial in trials(config)]

    assert sizes(max_minutes=20) == [400, 1600]
    assert sizes(max_minutes=1) == [400]
    assert sizes(max_minutes=20, batch_tokens=900) == [900]


def test_a_budget_below_one_pass_is_told_with_what_would_do():
    text = Text(tokens=9_200_000, characters=9_000_000)
    config = Config().replace(max_minutes=20, init="run")
    told = advice(config, text, speed=steady(5250.0))
    assert "20 minutes on this machine are about 0.70 passes" in told
    assert "--max-minutes 120" in told
    assert "base model" not in told
    assert "base model" in advice(config.replace(init="none"), text, speed=steady(5250.0))
    assert advice(config, text, speed=steady(7600.0)) == ""


def test_minutes_buy_a_run_with_trained_weights_few_passes_unless_more_are_asked_for():
    warm = Config().replace(max_minutes=10, init="run")
    assert complete(warm, NOVEL, speed=steady(500.0)).training.epochs == 2  # of six
    assert (
        passes(complete(warm, NOVEL, speed=steady(500.0)).training, NOVEL, speed=steady(500.0)) == 2
    )
    short = Text(tokens=10_000, characters=9_000)
    assert complete(warm, short, speed=steady(500.0)).training.epochs == 2  # of 33
    assert "about 6.0 passes" in advice(warm, NOVEL, speed=steady(500.0))
    assert advice(warm, NOVEL, speed=steady(160.0)) == ""
    for others in ({"init": "none"}, {"epochs": 9}, {"max_steps": 9000}):
        config = warm.replace(**others)
        chosen = complete(config, NOVEL, speed=steady(500.0))
        assert chosen.training.epochs == config.training.epochs
        assert advice(config, NOVEL, speed=steady(500.0)) == ""


def test_what_is_given_is_kept():
    given_all = {"dropout": 0.4, "batch_tokens": 77, "warmup_steps": 0}
    config = Config().replace(max_minutes=1, **given_all)
    assert not needs_speed(config)
    for name, value in given_all.items():
        only = Config().replace(max_minutes=1, **{name: value})
        chosen = complete(only, NOVEL, speed=steady(1000.0))
        section = chosen.model if name == "dropout" else chosen.training
        assert getattr(section, name) == value
        assert not needs_speed(chosen)


def test_the_rate_is_lower_for_a_run_that_begins_with_weights_unless_it_is_given():
    def rate(**options):
        return with_learning_rate(Config().replace(**options)).training.learning_rate

    assert 0 < rate(init="run") < rate(init="none") == 3e-3
    assert rate(init="run", learning_rate=0.5) == rate(init="none", learning_rate=0.5) == 0.5


def test_auto_is_a_value_of_what_may_be_chosen_and_of_nothing_else():
    config = Config().replace(dropout=0.5).replace(dropout="auto", batch_tokens="auto")
    assert config.model.dropout is config.training.batch_tokens is None
    with pytest.raises(ConfigError, match=r"--clip-norm 'auto': must be a number"):
        Config().replace(clip_norm="auto")


@pytest.mark.parametrize("name", VARIANTS)
def test_the_dropout_of_a_model_can_change(name):
    """A model whose rate is changed computes what one that was made with it computes."""
    sizes = {"embedding_size": 8, "decoder_size": 8, "model": name}
    source, lengths = torch.tensor([[3, 4, 5]]), torch.tensor([3])
    found = []
    for first, then in ((0.5, 0.5), (None, 0.5), (None, None)):
        torch.manual_seed(1)
        model = build_model(Config().replace(dropout=first, **sizes).model, 12).train()
        if then != first:
            set_dropout(model, then)
        torch.manual_seed(2)
        found.append(model.unroll(source, *model.start(source, lengths))[0])
    made, changed, without = found
    assert torch.equal(made, changed)
    assert not torch.equal(made, without)


def test_a_run_measures_its_speed_and_keeps_what_follows(tmp_path, novel, capsys):
    """The choice is printed and stored, given values stay, and a resumed run keeps all."""
    sizes = {"embedding_size": 8, "decoder_size": 8, "device": "cpu"}
    novelgen.train(novel, tmp_path / "run", "tiny", max_minutes=0.1, warmup_steps=7, **sizes)
    line = re.search(r"recipe for about [\d.]+ passes over the text: (.*)", capsys.readouterr().out)
    run = RunDirectory(tmp_path / "run")
    config = run.load_info()["config"]
    assert f"dropout {config.model.dropout:g}" in line[1]
    assert f"batches of {config.training.batch_tokens:,} tokens, 7 steps" in line[1]
    novelgen.resume(tmp_path / "run", max_minutes=0.12)
    assert "recipe" not in capsys.readouterr().out
    resumed = run.load_info()["config"]
    assert resumed == replace(config, training=replace(config.training, max_minutes=0.12))
