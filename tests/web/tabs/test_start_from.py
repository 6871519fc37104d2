import json
import re

import pytest

from novelgen.errors import CheckpointError
from novelgen.web.services.model_registry import BASE, ModelRegistry
from novelgen.web.tabs import run_names, start_from
from novelgen.web.tabs.start_from import SCRATCH, init_of


@pytest.fixture
def registry(make_run, tmp_path):
    make_run(tmp_path / "runs" / "mine")
    return ModelRegistry(tmp_path / "runs", base=make_run(tmp_path / "base"))


def test_a_training_starts_from_the_base_model_unless_another_start_is_chosen(registry, tmp_path):
    names = [name for _label, name in start_from.choices(registry)]
    assert names == [BASE, SCRATCH, "mine"]
    mine = str(tmp_path / "runs" / "mine")
    assert [init_of(registry, name) for name in names] == ["auto", "none", mine]


def test_where_the_base_model_was_removed_it_starts_from_scratch(tmp_path):
    registry = ModelRegistry(tmp_path)
    assert [name for _label, name in start_from.choices(registry)] == [SCRATCH]
    with pytest.raises(CheckpointError):
        init_of(registry, BASE)


@pytest.mark.parametrize("name", ["../base", "/etc", "auto", "none", None])
def test_nobody_names_a_path(registry, name):
    with pytest.raises(CheckpointError):
        init_of(registry, name)


def test_a_model_is_shown_by_its_folder_and_the_base_model_by_a_name_of_its_own(registry):
    assert [run_names.shown_name(name) for name in (*registry.runs(), None)] == [
        "mine",
        "base model",
        "",
    ]


def test_the_list_of_models_has_validation_and_date(registry):
    def labels():
        return [label for label, _name in run_names.choices(registry)]

    date = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.fullmatch(rf"mine · never validated · {date}", labels()[0])
    assert labels()[1].startswith("base model · ")
    config = registry.run("mine").path / "config.json"
    info = json.loads(config.read_text(encoding="utf-8"))
    info["best"] = {"step": 9, "validation_bpc": 5.1234}
    config.write_text(json.dumps(info), encoding="utf-8")
    assert re.fullmatch(rf"mine · 5\.123 BPC · {date}", labels()[0])
    # One that is damaged is there to be chosen, and says then what is wrong with it.
    config.write_text("{", encoding="utf-8")
    assert labels()[0] == "mine"
