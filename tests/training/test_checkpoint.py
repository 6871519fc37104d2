import json
import os

import pytest
import torch

from novelgen.errors import CheckpointError, ConfigError
from novelgen.text.tokenizers import Tokenizer
from novelgen.training.checkpoint import RunDirectory, load_run


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
