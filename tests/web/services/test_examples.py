import json
import shutil

import pytest

from novelgen.config import DataConfig, TextConfig
from novelgen.data.prepare import open_or_build
from novelgen.shipped import shipped_novel
from novelgen.web.services.examples import examples
from novelgen.web.services.model_registry import BASE, ModelRegistry


@pytest.fixture
def registry_and_store(novel, make_run, tmp_path):
    """A registry with the run "of-novel", whose data is there, and its store."""
    store = open_or_build([novel], TextConfig(), DataConfig(min_count=1), tmp_path / "stores")
    run = make_run(tmp_path / "runs" / "of-novel")
    info = json.loads((run / "config.json").read_text(encoding="utf-8"))
    info |= {
        "store": f"../../stores/{store.directory.name}",
        "corpus": ["../../novel.txt"],
        "content": store.meta["content"],
        "tokenizer": store.tokenizer.fingerprint,
    }
    (run / "config.json").write_text(json.dumps(info), encoding="utf-8")
    return ModelRegistry(tmp_path / "runs"), store


def test_examples_are_held_out_paragraphs_of_the_runs_corpus(registry_and_store):
    registry, store = registry_and_store
    found = examples(registry, "of-novel")
    segments = [
        store.tokenizer.decode(ids[:-1])
        for ids in (
            store.ids[begin:end]
            for begin, end in zip(store.offsets, store.offsets[1:], strict=False)
        )
    ]
    held_out = {text for text, is_in in zip(segments, store.is_in("test"), strict=True) if is_in}
    assert 1 < len(found) == len(set(found))
    assert set(found) <= held_out
    assert held_out.isdisjoint(
        text for text, is_in in zip(segments, store.is_in("train"), strict=True) if is_in
    )
    assert found == examples(registry, "of-novel")


def test_without_the_data_there_are_none_and_nothing_is_built(registry_and_store, tmp_path):
    registry, store = registry_and_store
    shutil.rmtree(store.directory)
    assert examples(registry, "of-novel") == []
    assert not store.directory.exists()


def test_of_a_run_that_says_nothing_of_its_data_there_are_none(make_run, tmp_path):
    make_run(tmp_path / "runs" / "bare")
    assert (
        examples(ModelRegistry(tmp_path / "runs"), "bare")
        == examples(ModelRegistry(tmp_path / "runs"), "none")
        == []
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"store": 5},
        {"store": None},
        {"store": ["x"]},
        {"store": "\0"},
        {"store": "x" * 5000},
        {"content": None},
        {"tokenizer": 7},
    ],
)
def test_of_a_run_that_tells_nonsense_of_its_data_there_are_none(registry_and_store, facts):
    registry, _store = registry_and_store
    path = registry.folder / "of-novel" / "config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | facts), encoding="utf-8"
    )
    assert examples(registry, "of-novel") == []


def test_of_a_run_that_does_not_say_what_its_data_held_there_are_none(registry_and_store):
    registry, _store = registry_and_store
    path = registry.folder / "of-novel" / "config.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    del info["content"]
    path.write_text(json.dumps(info), encoding="utf-8")
    assert examples(registry, "of-novel") == []


def test_the_base_model_has_paragraphs_of_the_novel_that_comes_with_the_program(make_run, tmp_path):
    found = examples(ModelRegistry(tmp_path, base=make_run(tmp_path / "base")), BASE)
    text = shipped_novel().read_text(encoding="utf-8")
    assert len(found) > 1
    assert all(paragraph in text for paragraph in found)
