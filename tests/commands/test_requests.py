"""What the commands are asked for, before anything is done."""

import pytest

from novelgen.cli import Parser
from novelgen.commands import compare_request, train_request
from novelgen.errors import ConfigError


def parsed(module, *words):
    parser = Parser(prog="test")
    module.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("words", [("--resume", "--overwrite"), ("--corpus", "a", "--pairs", "b")])
def test_options_of_train_that_exclude_each_other_are_refused(words):
    with pytest.raises(ConfigError):
        train_request.check_request(parsed(train_request, "--output", "run", *words))


def test_train_needs_something_to_learn_from_unless_a_run_goes_on():
    train_request.check_request(parsed(train_request, "--output", "run", "--resume"))
    with pytest.raises(ConfigError, match="nothing to train on"):
        train_request.check_request(parsed(train_request, "--resume"))


def test_every_model_is_trained_with_every_tokenizer_and_seed(tmp_path):
    words = ("--corpus", "a.txt", "--output", str(tmp_path), "--steps", "20", "--seeds", "3")
    choice = ("--models", "lm,cho", "--tokenizers", "char,word")
    _request, configs = compare_request.training_request(parsed(compare_request, *words, *choice))
    assert list(configs) == [
        f"{model}-{tokenizer}-{seed}"
        for model in ("lm", "cho")
        for tokenizer in ("char", "word")
        for seed in (1, 2, 3)
    ]
    assert {config.training.validate_every for config in configs.values()} == {10}
