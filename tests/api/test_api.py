"""The public API: `import novelgen` and what it offers."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import typing
from concurrent.futures import ThreadPoolExecutor

import pytest

import novelgen
from novelgen.data import prepare
from novelgen.training.run_lock import locked

TINY = {"embedding_size": 8, "decoder_size": 8, "batch_tokens": 200, "device": "cpu"}


@pytest.fixture(scope="module")
def long_novel(tmp_path_factory):
    """Twenty short chapters: enough for each part to have some."""
    lines = []
    for chapter in range(1, 21):
        lines.append(f"第{chapter}章 河边")
        for number in range(4):
            lines.append(f"第{chapter}天，小满数了{chapter * number}级石阶，又数了{number}条船。")
    path = tmp_path_factory.mktemp("novel") / "river.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory, long_novel):
    """A run of four steps, and its validations."""
    seen = []
    output = tmp_path_factory.mktemp("api") / "run"
    result = novelgen.train(
        long_novel, output, max_steps=4, validate_every=2, on_validation=seen.append, **TINY
    )
    return result, seen


def test_every_public_name_is_there():
    for name in novelgen.__all__:
        assert getattr(novelgen, name) is not None
    assert set(novelgen.__all__) < set(dir(novelgen))
    with pytest.raises(AttributeError, match="no attribute 'generator'"):
        _ = novelgen.generator


def test_type_hints_of_the_functions_can_be_read():
    for function in (novelgen.train, novelgen.resume, novelgen.evaluate, novelgen.prepare):
        assert "return" in typing.get_type_hints(function)


def test_importing_novelgen_imports_no_torch():
    code = (
        "import sys, novelgen; print([name in sys.modules for name in ('torch', 'numpy')]); "
        "novelgen.train, novelgen.prepare, novelgen.evaluate, novelgen.preset('tiny'); "
        "print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["[False, False]", "False"]


def test_train_returns_what_came_of_it(trained):
    result, seen = trained
    assert result.reason == "budget"
    assert result.step == result.steps_taken == 4
    assert [validation.step for validation in seen] == [2, 4]
    assert result.validation_bpc == min(each.bits_per_character for each in seen)
    assert (result.run / "model.safetensors").is_file()


def test_resume_goes_on_with_another_budget(trained, capsys):
    result, _seen = trained
    more = novelgen.resume(result.run, max_steps=6, verbose=False)
    assert (more.step, more.steps_taken) == (6, 2)
    assert capsys.readouterr().out == ""


def test_what_resume_refuses_leaves_the_run_as_it_is(trained):
    config = trained[0].run / "config.json"
    before = config.read_bytes()
    with pytest.raises(novelgen.ConfigError, match="did you mean max_steps"):
        novelgen.resume(trained[0].run, max_step=9)
    with pytest.raises(novelgen.ConfigError, match="give a budget"):
        novelgen.resume(trained[0].run, max_steps=None)
    with pytest.raises(novelgen.ConfigError, match="is trained on"):
        novelgen.resume(trained[0].run, "another.txt", max_steps=9)
    assert config.read_bytes() == before


def test_a_run_is_not_replaced_by_a_training_that_is_refused(trained, long_novel):
    before = sorted(path.name for path in trained[0].run.iterdir())
    with pytest.raises(novelgen.ConfigError, match="give a budget"):
        novelgen.train(long_novel, trained[0].run, overwrite=True, max_minutes=None)
    assert sorted(path.name for path in trained[0].run.iterdir()) == before


def test_a_run_that_another_training_holds_is_neither_resumed_nor_replaced(
    trained, long_novel, tmp_path, monkeypatch
):
    run = trained[0].run
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    imported = []
    monkeypatch.setattr(prepare, "open_or_build", lambda *_, **__: imported.append(1))
    with locked(run):
        with pytest.raises(novelgen.ConfigError, match=f"process {os.getpid()} has been training"):
            novelgen.resume(run, max_steps=99)
        for overwrite in (False, True):
            with pytest.raises(novelgen.ConfigError, match="has been training"):
                novelgen.train(long_novel, run, overwrite=overwrite, **TINY)
        # A run may be read all the while.
        novelgen.Generator.load(run, device="cpu")
    assert not imported
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_a_training_that_begins_while_the_corpus_is_imported_is_not_replaced(
    long_novel, tmp_path, monkeypatch
):
    build = prepare.open_or_build
    run = tmp_path / "run"
    with contextlib.ExitStack() as other:

        def slow_build(*args, **options):
            other.enter_context(locked(run))
            (run / "samples.md").write_text("theirs", encoding="utf-8")
            return build(*args, **options)

        monkeypatch.setattr(prepare, "open_or_build", slow_build)
        with pytest.raises(novelgen.ConfigError, match="has been training"):
            novelgen.train(long_novel, run, overwrite=True, max_steps=1, **TINY)
        assert (run / "samples.md").read_text(encoding="utf-8") == "theirs"


def test_what_is_raised_at_a_validation_ends_the_training_with_a_save(long_novel, tmp_path):
    def stop(validation):
        raise InterruptedError(validation.step)

    with pytest.raises(InterruptedError, match="2"):
        novelgen.train(
            long_novel,
            tmp_path / "run",
            max_steps=4,
            validate_every=2,
            verbose=False,
            on_validation=stop,
            **TINY,
        )
    assert novelgen.resume(tmp_path / "run", max_steps=3, verbose=False).steps_taken == 1


def test_train_works_in_a_thread(long_novel, tmp_path):
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(
            novelgen.train, long_novel, tmp_path / "run", max_steps=1, verbose=False, **TINY
        ).result()
    assert result.step == 1


def test_resume_refuses_what_belongs_to_the_run(trained):
    with pytest.raises(novelgen.ConfigError, match="--decoder-size belong to the run"):
        novelgen.resume(trained[0].run, decoder_size=9)


def test_evaluate_then_write(trained):
    found = novelgen.evaluate(trained[0].run, device="cpu", generate=2, max_length=5)
    assert 0 < found.bits_per_character < 20
    assert found.to_dict()["distinct_1"] == found.writing["distinct_1"]
    assert "tasks" not in found.to_dict()
    text = novelgen.Generator.load(trained[0].run, "cpu").generate("一天，", max_length=5).text
    assert isinstance(text, str)


def test_a_run_has_an_ngram_model_that_is_evaluated_and_writes(trained):
    run = trained[0].run
    info = json.loads((run / "config.json").read_text(encoding="utf-8"))["ngram"]
    assert info["order"] == 3
    found = novelgen.evaluate(run, part="valid", device="cpu").to_dict()
    assert found["ngram_weight"] == info["weight"]
    assert found["bits_per_character_interpolated"] == pytest.approx(info["validation_bpc"], 1e-3)
    # The weight is the best for these pairs.
    alone = (found["bits_per_character"], found["bits_per_character_ngram"])
    assert found["bits_per_character_interpolated"] <= min(alone) + 1e-6
    # After four steps the network knows nothing, and the text has always the same sentences.
    generator = novelgen.Generator.load(run, "cpu")
    text = generator.generate("一天，", decoder="greedy", ngram_weight=0.9, max_length=9).text
    assert "，小满数了" in text


def test_the_ngram_model_is_the_one_that_was_asked_for_last(trained, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(trained[0].run, run)
    # Nothing is trained: another order is counted, or none.
    assert novelgen.resume(run, ngram_order=2).steps_taken == 0
    assert "n-gram model of order 2" in capsys.readouterr().out
    novelgen.resume(run)
    assert "n-gram" not in capsys.readouterr().out
    # Nor is another weight found until there are other weights of the network.
    config = run / "config.json"
    info = json.loads(config.read_text(encoding="utf-8"))
    info["best"]["step"] -= 1
    config.write_text(json.dumps(info), encoding="utf-8")
    novelgen.resume(run)
    assert "n-gram model of order 2" in capsys.readouterr().out
    novelgen.resume(run, ngram_order=0)
    assert novelgen.evaluate(run, device="cpu").ngram_weight is None
    with pytest.raises(novelgen.ConfigError, match=r"--ngram-weight 0.5: this run has no"):
        novelgen.Generator.load(run, "cpu").generate("一天，", ngram_weight=0.5)


@pytest.mark.parametrize("option", ["max_minutes", "pairs", "tasks", "context_paragraphs"])
def test_prepare_refuses_an_option_that_it_does_not_use(option, tmp_path):
    with pytest.raises(novelgen.ConfigError, match=f"there is no '{option}'"):
        novelgen.prepare("a.txt", tmp_path / "prepared", **{option: 1})


def test_prepare_writes_what_train_takes(long_novel, tmp_path, capsys):
    store = novelgen.prepare(str(long_novel), tmp_path / "prepared", min_count=1)
    assert store.data_config.min_count == 1
    config = novelgen.Config().replace(max_steps=1, **TINY)
    novelgen.train(store.directory, tmp_path / "run", config, verbose=False)
    assert capsys.readouterr().out == ""
    # What was prepared brings its own options; another one that is chosen contradicts it.
    with pytest.raises(novelgen.ConfigError, match="--min-count 3"):
        novelgen.train(store.directory, tmp_path / "other", config, min_count=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing to train on"),
        ({"corpus": "a.txt", "pairs": "a.tsv"}, "--corpus, --pairs: give only one"),
        ({"corpus": "a.txt", "max_step": 3}, "there is no 'max_step'; did you mean max_steps"),
        ({"corpus": "a.txt", "max_steps": 0}, "--max-steps 0: out of range"),
        ({"corpus": "a.txt", "share_vocabulary": True}, "--share-vocabulary: only for --pairs"),
        ({"pairs": "a.tsv", "simplify": True}, "--simplify: only for novels"),
        (
            {"config": novelgen.preset("tiny").replace(pairs="a.tsv", simplify=True)},
            "--simplify: only for novels",
        ),
        ({"corpus": "a.txt", "config": "tinny"}, "did you mean tiny"),
        ({"corpus": "a.txt", "config": novelgen.Config()}, "give a budget"),
    ],
)
def test_train_refuses_what_does_not_go_together(arguments, message, tmp_path):
    with pytest.raises(novelgen.ConfigError, match=message):
        novelgen.train(output=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "dev"}, "there is no 'dev'"),
        ({"part": "test", "corpus": "a.txt"}, "--part, --corpus, --pairs: give only one"),
        ({"errors": "replace"}, "for --corpus only"),
        ({"generate": -1}, "must not be negative"),
        ({"temperature": 0.5}, "for --generate N only"),
        ({"temprature": 0.5}, "did you mean temperature"),
        ({"corpus": []}, "--corpus: no file is named"),
    ],
)
def test_evaluate_refuses_what_does_not_go_together(options, message):
    with pytest.raises(novelgen.ConfigError, match=message):
        novelgen.evaluate("nowhere", **options)
