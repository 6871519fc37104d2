from types import SimpleNamespace

import pytest

from novelgen.config import Config
from novelgen.data.prepare import prepare_at
from novelgen.errors import CheckpointError
from novelgen.training.distributed import SINGLE_PROCESS
from novelgen.training.stores import data_of_run, ready_data, shared_data


@pytest.fixture
def run(make_novel, tmp_path):
    """A run directory beside a novel and its store, and what its config.json says."""
    novel = make_novel([3 + number % 4 for number in range(40)])
    config = Config().replace(context_paragraphs=3, min_count=1)
    store = prepare_at([novel], config.text, config.data, tmp_path / "store", workers=1)
    info = {
        "config": config,
        "corpus": ["../novel.txt"],
        "store": "../store",
        "content": store.meta["content"],
        "tokenizer": store.tokenizer.fingerprint,
    }
    directory = tmp_path / "run"
    directory.mkdir()
    return SimpleNamespace(path=directory, info=info, store=store)


def test_the_data_of_a_run_is_its_store_with_its_options(run):
    data = data_of_run(run.path, run.info)
    assert data.store.meta["content"] == run.info["content"]
    assert data.config.context_paragraphs == 3
    assert len(data.pairs("valid")) > 0


def test_a_store_of_another_corpus_is_refused(run):
    with pytest.raises(CheckpointError, match="not what the run was trained on any more"):
        data_of_run(run.path, {**run.info, "content": "another"})


def test_data_that_is_gone_with_its_corpus_is_named(run, tmp_path):
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    (tmp_path / "novel.txt").unlink()
    with pytest.raises(CheckpointError, match=r"its corpus .*novel\.txt"):
        data_of_run(run.path, run.info)


def test_data_is_ready_where_nothing_has_to_be_built(run, tmp_path):
    assert ready_data(run.path, run.info) is not None
    assert ready_data(run.path, {**run.info, "content": "another"}) is None
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    assert ready_data(run.path, run.info) is None


def test_a_single_process_makes_its_own_data(run):
    data = data_of_run(run.path, run.info)
    assert shared_data(SINGLE_PROCESS, lambda: data) is data
