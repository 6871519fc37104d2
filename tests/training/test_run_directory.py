import json
import os

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from novelgen.errors import CheckpointError, ConfigError
from novelgen.models.ngram import NgramModel
from novelgen.text.tokenizers import Tokenizer
from novelgen.training.checkpoint import load_run
from novelgen.training.interpolation import count_ngrams
from novelgen.training.run_directory import RunDirectory


@pytest.fixture
def run(workshop):
    """The directory of a finished run."""
    trainer = workshop.trainer(max_steps=3)
    trainer.fit()
    return trainer.run


def test_a_saved_model_comes_back_equal_in_evaluation_mode(workshop, run):
    loaded = load_run(run.path, "cpu")
    assert not loaded.model.training
    assert loaded.config == workshop.config(max_steps=3)
    assert loaded.tokenizer.fingerprint == workshop.tokenizer.fingerprint
    saved = run.load_trainer()["model"]
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, saved[name]), name


def damage(name):
    def cut_in_half(run):
        path = run.path / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return cut_in_half


def remove(name):
    return lambda run: (run.path / name).unlink()


def newer(run):
    path = run.path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))


def other_sizes(run):
    path = run.path / "config.json"
    info = json.loads(path.read_text())
    info["config"]["model"]["decoder_size"] += 1
    path.write_text(json.dumps(info))


def unknown_option(run):
    path = run.path / "config.json"
    info = json.loads(path.read_text())
    info["config"]["model"]["decoder_sise"] = 3
    path.write_text(json.dumps(info))


def other_tokenizer(run):
    (run.path / "tokenizer.json").write_text(json.dumps(Tokenizer(["天", "地"]).to_dict()))


def empty_weights(run):
    (run.path / "model.safetensors").write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damage("config.json"), "config.json.*damaged"),
        (damage("tokenizer.json"), "tokenizer.json.*damaged"),
        (damage("model.safetensors"), "model.safetensors.*damaged"),
        (remove("config.json"), "no trained model"),
        (remove("tokenizer.json"), "tokenizer.json.*missing"),
        (remove("model.safetensors"), "nothing was saved yet"),
        (newer, "newer.*upgrade"),
        (other_sizes, "damaged, or of another run"),
        (other_tokenizer, "belongs to another model"),
        (unknown_option, "decoder_size"),
        (empty_weights, "damaged"),
    ],
)
def test_a_fault_of_a_run_directory_is_reported_in_one_line(run, spoil, words):
    spoil(run)
    with pytest.raises(CheckpointError, match=words) as caught:
        load_run(run.path, "cpu")
    assert "\n" not in str(caught.value)
    assert str(run.path) in str(caught.value)


@pytest.fixture
def ngram(workshop):
    """An n-gram model of the workshop's task."""
    return count_ngrams(workshop.train, 3, workshop.tokenizer.size)


def test_an_ngram_model_is_read_when_it_is_asked_for_and_can_be_removed(run, ngram):
    assert load_run(run.path, "cpu").ngram is None
    run.save_ngram(ngram, {"weight": 0.25})
    loaded = load_run(run.path, "cpu")
    assert loaded.info["ngram"] == {"weight": 0.25}
    assert loaded.ngram is loaded.ngram
    for name, array in loaded.ngram.arrays().items():
        assert (array == ngram.arrays()[name]).all(), name
    run.remove_ngram()
    assert load_run(run.path, "cpu").ngram is None
    assert not list(run.path.glob("ngram*"))


def other_ngram(run):
    tokens = np.array([3, 4, 2])
    other = NgramModel.count(tokens, np.array([3]), vocabulary_size=5, order=3)
    run.save_ngram(other, {"weight": 0.25})


def no_model(run):
    (run.path / "ngram.safetensors").write_bytes(save({"unigram": np.ones(3)}))


def wrong_weight(run):
    path = run.path / "config.json"
    path.write_text(path.read_text().replace('"weight": 0.25', '"weight": 2.5'))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damage("ngram.safetensors"), r"ngram\.safetensors: damaged"),
        (remove("ngram.safetensors"), r"ngram\.safetensors: this file is missing"),
        (other_ngram, r"ngram\.safetensors: damaged, or of another run"),
        (no_model, r"ngram\.safetensors: damaged"),
        (wrong_weight, r"config\.json: damaged"),
    ],
)
def test_a_fault_of_an_ngram_model_is_reported_in_one_line(run, ngram, spoil, words):
    run.save_ngram(ngram, {"weight": 0.25})
    spoil(run)
    with pytest.raises(CheckpointError, match=words) as caught:
        _ = load_run(run.path, "cpu").ngram
    assert "\n" not in str(caught.value)


def test_a_directory_that_does_not_exist_is_reported(tmp_path):
    with pytest.raises(CheckpointError, match=r"run python -m novelgen train first"):
        load_run(tmp_path / "nowhere", "cpu")


def test_resuming_from_a_damaged_save_is_refused(workshop, run):
    damage("trainer.pt")(run)
    with pytest.raises(CheckpointError, match=r"trainer\.pt.*damaged"):
        workshop.trainer(resume=True)


def test_nothing_in_a_run_directory_is_executed(run):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(run.path / "exploded"),)

    torch.save({"model": Bomb()}, run.path / "trainer.pt")
    with pytest.raises(CheckpointError):
        run.load_trainer()
    assert not (run.path / "exploded").exists()


def test_a_run_is_replaced_only_on_demand(run):
    weights = (run.path / "model.safetensors").read_bytes()
    with pytest.raises(ConfigError, match="--overwrite"):
        RunDirectory(run.path).create(overwrite=False)
    assert (run.path / "model.safetensors").read_bytes() == weights
    RunDirectory(run.path).create(overwrite=True)
    assert not any(run.path.iterdir())


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ConfigError, match=r"choose another --output"):
        RunDirectory(tmp_path).create(overwrite=False)
