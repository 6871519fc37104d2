"""A run that begins with the weights of another."""

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import novelgen
from novelgen.config import Config
from novelgen.errors import CheckpointError, ConfigError
from novelgen.models.build import build_model
from novelgen.models.zoo import VARIANTS, resolve
from novelgen.text.tokenizers import FIRST_CHARACTER, Tokenizer
from novelgen.training import warm_start
from novelgen.training.checkpoint import load_run
from novelgen.training.run_directory import RunDirectory
from novelgen.training.warm_start import (
    WarmStart,
    aligned_weights,
    copy_weights,
    find_warm_start,
    rows_of,
)

SIZES = {"embedding_size": 8, "decoder_size": 8}
OPTIONS = {**SIZES, "batch_tokens": 200, "device": "cpu", "ngram_order": 0, "verbose": False}


def write_novel(path, thing):
    """Twenty short chapters about one thing."""
    lines = []
    for chapter in range(1, 21):
        lines.append(f"第{chapter}章 {thing}")
        for number in range(4):
            lines.append(f"第{chapter}天，小满数了{chapter * number}只{thing}，又数了{number}只。")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A trained run, as the base is one."""
    folder = tmp_path_factory.mktemp("base")
    novel = write_novel(folder / "boats.txt", "木船")
    novelgen.train(novel, folder / "run", max_steps=150, **OPTIONS)
    return folder / "run"


@pytest.fixture
def kites(tmp_path):
    """Another novel: 风筝 are new to the base, which knows boats."""
    return write_novel(tmp_path / "kites.txt", "风筝")


characters = st.text("船风筝天小大一二三，。", max_size=8).map(
    lambda text: list(dict.fromkeys(text))
)
words = st.lists(st.sampled_from(["小船", "风筝", "大风"]), unique=True)


@given(characters, characters, st.none() | words, st.none() | words)
def test_an_extended_vocabulary_has_the_symbols_of_both(one, two, words_of_one, words_of_two):
    known, new = Tokenizer(one, words_of_one), Tokenizer(two, words_of_two)
    extended = known.extended_by(new)
    assert extended.kind == new.kind
    assert set(extended.characters) == {*one, *two}
    if new.kind == "word":
        assert set(extended.words) == {*(words_of_one or ()), *(words_of_two or ())}
    # What the corpus added is known by then.
    assert extended.extended_by(new).to_dict() == extended.to_dict()
    rows = rows_of(extended, known)
    for number, row in enumerate(rows):
        if row >= 0:
            assert extended.labels([number]) == known.labels([row])
        else:
            assert extended.symbols[number - FIRST_CHARACTER] not in known.symbols


def test_a_traditional_symbol_has_the_row_of_its_simplified_form():
    known = Tokenizer(list("说图书"), ["图书"])
    new = Tokenizer(list("說圖说龘"), ["圖書", "說書"])
    rows = rows_of(new, known)[FIRST_CHARACTER:]
    assert known.labels(rows[[0, 1, 2, 4]]) == ["说", "图", "说", "图书"]
    assert rows[3] == rows[5] == -1


@pytest.mark.parametrize("name", VARIANTS)
def test_rows_of_symbols_are_copied_and_new_ones_are_near_their_mean(name):
    config = resolve(Config().replace(model=name, **SIZES).model)
    known, new = Tokenizer(list("船天小大一二三，。")), Tokenizer(list("风小。筝一"))
    given, model = build_model(config, known.size), build_model(config, new.size, first_tokens=1)
    given.output_bias.data.normal_()
    rows = rows_of(new, known)
    copy_weights(model, given.state_dict(), rows)
    for name, tensor in model.state_dict().items():
        source = given.state_dict()[name]
        if name not in ("embedding.weight", "output_bias"):
            assert torch.equal(tensor, source)
            continue
        for place in range(len(rows)):
            if rows[place] >= 0:
                assert torch.equal(tensor[place], source[rows[place]])
        mean = source[rows[rows >= 0]].mean(dim=0)
        for place in (rows < 0).nonzero()[0]:
            assert 0 < (tensor[place] - mean).abs().mean() < 0.5 * source.std()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_new_symbol_of_aligned_weights_has_its_own_row(name):
    config = resolve(Config().replace(model=name, **SIZES).model)
    known, new = Tokenizer(list("船天小大一二三，。")), Tokenizer(list("风小。筝一"))
    given, own = build_model(config, known.size), build_model(config, new.size, first_tokens=1)
    rows = rows_of(new, known)
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    aligned = aligned_weights(before, given.state_dict(), rows)
    # What is known is as `copy_weights` has it, and the rest stays.
    copy_weights(own, given.state_dict(), rows)
    for name, tensor in own.state_dict().items():
        if name in ("embedding.weight", "output_bias"):
            is_new = np.ones(len(tensor), dtype=bool)  # what no symbol has is new as well
            is_new[: len(rows)] = rows < 0
            tensor[is_new] = before[name][is_new]
        assert torch.equal(aligned[name], tensor), name


def test_a_run_that_begins_with_weights_is_better_from_its_first_step(base, kites, tmp_path):
    bpc = {}
    for init in ("none", base):
        run = tmp_path / str(init == "none")
        result = novelgen.train(
            kites, run, init=str(init), max_steps=10, learning_rate=1e-3, **OPTIONS
        )
        bpc[str(init)] = result.validation_bpc
    assert bpc[str(base)] < bpc["none"] - 2


def test_weights_are_averaged_with_those_of_the_start(base, kites, tmp_path):
    # So much is learnt by heart that the start is of use.
    options = {**OPTIONS, "dropout": 0.0, "learning_rate": 0.02}
    run = tmp_path / "run"
    result = novelgen.train(kites, run, init=str(base), max_steps=30, **options)
    best = load_run(run).info["best"]
    assert best["validation_bpc"] == result.validation_bpc
    assert best["start_share"] > 0
    # Where the start is gone, or another, the weights stay as they are learnt.
    moved = base.rename(tmp_path / "moved")
    try:
        assert novelgen.resume(run, max_steps=31, verbose=False).steps_taken == 1
    finally:
        moved.rename(base)


def test_the_vocabulary_is_joined_and_the_start_is_stored(base, kites, tmp_path):
    run = tmp_path / "run"
    novelgen.train(kites, run, init=str(base), max_steps=2, **OPTIONS)
    loaded = load_run(run)
    known = load_run(base).tokenizer
    assert set("风筝") <= set(loaded.tokenizer.characters) - set(known.characters)
    assert set(known.characters) <= set(loaded.tokenizer.characters)
    assert (run / loaded.config.training.init).resolve() == base.resolve()
    # The store is built again with the same vocabulary, also where the base is gone.
    shutil.rmtree(tmp_path / ".stores")
    assert novelgen.resume(run, max_steps=3, verbose=False).step == 3
    # Whoever chooses the size of the vocabulary gets no more.
    novelgen.train(
        kites, tmp_path / "own", init=str(base), max_steps=1, vocabulary_size=300, **OPTIONS
    )
    assert load_run(tmp_path / "own").tokenizer.size <= 300


def test_sources_are_as_long_as_those_of_the_start(base, kites, tmp_path):
    def sources(start, name, **options):
        run = tmp_path / name
        novelgen.train(kites, run, init=str(start), max_steps=1, **(OPTIONS | options))
        return load_run(run).config.data.context_paragraphs

    assert sources(base, "one") == 1
    assert sources(base, "three", context_paragraphs=3) == 3
    # Whoever chooses them gets what was chosen.
    assert sources(tmp_path / "three", "again") == 3
    assert sources(tmp_path / "three", "fewer", context_paragraphs=1) == 1
    assert sources("none", "scratch") == 1


def test_auto_is_the_base_where_the_run_is_one_that_it_fits(base, monkeypatch):
    def chosen(**options):
        config = Config().replace(**{**SIZES, **options})
        config = Config(
            config.text, config.data, config.pairs, resolve(config.model), config.training
        )
        return find_warm_start(config)

    monkeypatch.setattr(warm_start, "shipped_base", lambda: base)
    assert chosen() == chosen(dropout=0.5, context_paragraphs=3) == WarmStart(base)
    assert chosen(init="none") is None
    for other in (
        {"decoder_size": 16},
        {"model": "luong"},
        {"guide": 0.0, "coverage": True},
        {"tokenizer": "word"},
        {"tasks": "previous,next"},
        {"pairs": "pairs.tsv"},
    ):
        assert chosen(**other) is None
    monkeypatch.setattr(warm_start, "shipped_base", lambda: None)
    assert chosen() is None


def test_a_start_that_does_not_fit_is_refused_with_what_to_pass(base, kites, tmp_path):
    options = {**OPTIONS, "decoder_size": 16, "max_steps": 1}
    message = r"--init .*: its model has other sizes or parts; pass .*--decoder-size 8"
    with pytest.raises(ConfigError, match=message):
        novelgen.train(kites, tmp_path / "run", init=str(base), **options)
    with pytest.raises(CheckpointError, match="no trained model here"):
        novelgen.train(kites, tmp_path / "run", init=str(tmp_path), **OPTIONS, max_steps=1)
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("一\t二\n" * 50, encoding="utf-8")
    with pytest.raises(ConfigError, match="vocabularies of their own"):
        novelgen.train(pairs=str(pairs), init=str(base), max_steps=1, **OPTIONS)
    assert not (tmp_path / "run").exists()


def test_the_run_that_training_begins_with_is_not_replaced(base, kites, tmp_path):
    run = shutil.copytree(base, tmp_path / "run")
    before = (run / "model.safetensors").read_bytes()
    for overwrite in (True, False):
        with pytest.raises(ConfigError, match=r"--output .*: training begins with the weights"):
            novelgen.train(kites, run, init=str(run), overwrite=overwrite, max_steps=1, **OPTIONS)
    assert (run / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_one_changed_byte_of_the_weights_is_refused(base, kites, tmp_path, place):
    damaged = shutil.copytree(base, tmp_path / "damaged")
    file = damaged / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[int(len(data) * place)] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: damaged.*checksum"):
        novelgen.train(kites, tmp_path / "run", init=str(damaged), max_steps=1, **OPTIONS)
    with pytest.raises(CheckpointError, match="checksum"):
        load_run(damaged)


def test_a_start_of_a_newer_format_is_refused(base, kites, tmp_path):
    newer = shutil.copytree(base, tmp_path / "newer")
    info = json.loads((newer / "config.json").read_text(encoding="utf-8"))
    info["format"] += 1
    (newer / "config.json").write_text(json.dumps(info), encoding="utf-8")
    with pytest.raises(CheckpointError, match="newer than this program"):
        novelgen.train(kites, tmp_path / "run", init=str(newer), max_steps=1, **OPTIONS)


def test_weights_in_half_precision_are_read_as_float32(base, tmp_path):
    half = RunDirectory(shutil.copytree(base, tmp_path / "half"))
    weights = load_run(base).model.state_dict()
    half.save_model({name: tensor.half() for name, tensor in weights.items()})
    for name, tensor in load_run(half.path).model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, weights[name].half().float())
