"""Files of pairs: what is held out, whose words become the vocabulary, and what is noticed."""

import pytest

from novelgen.config import Config, DataConfig, PairsConfig
from novelgen.data.pair_files import PairFiles, files_of, hold_out
from novelgen.errors import CheckpointError, ConfigError, CorpusError

WORDS = ["Tom", "Mary", "dog", "cat", "runs", "sleeps", "sees", "likes"]
LINES = [(f"{a} {b} {c}.", f"{a[0]}{b[0]}，{c}。") for a in WORDS for b in WORDS for c in WORDS[:4]]


@pytest.fixture
def write(tmp_path):
    def put(name, pairs):
        (tmp_path / name).write_text(
            "".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8"
        )
        return str(tmp_path / name)

    return put


def learn(path, level="word", **options):
    return PairFiles.learn(
        DataConfig(tokenizer=level, min_count=1), PairsConfig(pairs=path, **options)
    )


def texts(data, part):
    return data.pairs(part).texts(
        range(len(data.pairs(part))), data.tokenizer, data.source_tokenizer
    )


def test_equal_sources_are_held_out_together_and_always_the_same(write):
    path = write("a.tsv", LINES + [(source, target * 2) for source, target in LINES])
    data = learn(path)
    found = {part: texts(data, part) for part in ("train", "valid", "test")}
    sources = {part: {source for source, _ in pairs} for part, pairs in found.items()}
    assert sorted(pair for pairs in found.values() for pair in pairs) == sorted(
        LINES + [(source, target * 2) for source, target in LINES]
    )
    assert len(sources["valid"]) == len(sources["test"]) == round(0.02 * len(LINES))
    assert not sources["valid"] & sources["train"]
    assert not sources["test"] & (sources["train"] | sources["valid"])
    # The order of the file decides nothing.
    assert {source for source, _ in texts(learn(write("b.tsv", LINES[::-1])), "valid")} == sources[
        "valid"
    ]


def test_parts_are_the_files_that_are_given(write):
    train, valid, test = (
        write(name, pairs)
        for name, pairs in (("a.tsv", LINES[:9]), ("b.tsv", LINES[9:11]), ("c.tsv", LINES[11:12]))
    )
    data = learn(train, valid_pairs=valid, test_pairs=test)
    assert [texts(data, part) for part in ("train", "valid", "test")] == [
        LINES[:9],
        LINES[9:11],
        LINES[11:12],
    ]
    assert list(data.targets("valid")) == [target for _, target in LINES[9:11]]
    assert texts(learn(train, valid_pairs=valid), "test") == LINES[9:11]
    assert "test part is the validation" in learn(train, valid_pairs=valid).summary()
    assert len(texts(learn(train, test_pairs=test), "train")) == 8


def test_the_vocabularies_are_of_the_training_part_and_its_sides(write):
    data = learn(
        write("a.tsv", [("a dog", "狗"), ("a cat", "猫")]),
        valid_pairs=write("b.tsv", [("the owl", "鸮")]),
    )
    assert data.source_tokenizer.words == [" cat", " dog"]
    assert set(data.tokenizer.characters) == {
        "狗",
        "猫",
    }
    assert texts(data, "valid") == [("the owl", "鸮")]
    shared = learn(
        write("a.tsv", [("a dog", "狗"), ("a cat", "猫")]),
        share_vocabulary=True,
        valid_pairs=write("b.tsv", LINES[:1]),
    )
    assert shared.tokenizer is shared.source_tokenizer
    assert " dog" in shared.tokenizer.words
    assert "猫" in shared.tokenizer.characters


def test_each_side_has_its_level(write):
    data = learn(write("a.tsv", LINES), level="char", source_level="word")
    assert (data.source_tokenizer.kind, data.tokenizer.kind) == ("word", "char")
    assert data.source_tokenizer.labels(data.source_tokenizer.encode("Tom likes Mary.")) == [
        "Tom",
        " likes",
        " Mary",
        ".",
    ]


def test_file_that_changed_or_is_gone_is_refused(write, tmp_path):
    data = learn(write("a.tsv", LINES), valid_pairs=write("b.tsv", LINES[:3]))
    write("b.tsv", LINES[:4])
    assert len(data.pairs("train")) == len(LINES)
    with pytest.raises(CheckpointError, match=r"b\.tsv.*put the original back"):
        data.pairs("valid")
    (tmp_path / "b.tsv").unlink()
    with pytest.raises(CheckpointError, match="--pairs"):
        data.pairs("test")


def test_columns_are_segments_of_the_source(write):
    data = learn(
        write("a.tsv", [("a dog\tbarks", "狗叫"), ("\ta cat", "猫")]),
        valid_pairs=write("b.tsv", [("a\tb", "c")]),
    )
    assert data.columns == 2
    assert texts(data, "train") == [("a dog\nbarks", "狗叫"), ("a cat", "猫")]
    config = data.configured(Config().replace(pairs="a.tsv"), data.files["train"].parent / "run")
    assert config.data.context_paragraphs == 2
    assert config.pairs.pairs == "../a.tsv"
    assert (
        files_of(config.pairs, data.files["train"].parent / "run")["valid"].resolve()
        == data.files["valid"].resolve()
    )


def test_too_few_sources_to_hold_some_out_are_refused(tmp_path):
    with pytest.raises(CorpusError, match="--valid-pairs"):
        hold_out([(["a"], "b"), (["a"], "c"), (["d"], "e")], ["valid", "test"], tmp_path)
    assert len(hold_out([(["a"], "b"), (["d"], "e")], ["valid"], tmp_path)["train"]) == 1


def test_mistakes_are_one_line(write, tmp_path):
    with pytest.raises(CorpusError, match=r"none\.tsv"):
        learn(str(tmp_path / "none.tsv"))
    with pytest.raises(ConfigError, match="--user-dict"):
        PairFiles.learn(DataConfig(user_dict="names.txt"), PairsConfig(pairs=write("a.tsv", LINES)))


def test_control_characters_and_outer_spaces_go_and_the_rest_stays(write):
    data = learn(
        write("a.tsv", [(" a\x00  b\x0bc &amp; “d” ", "\u3000甲,乙 "), ("x", "y")]),
        valid_pairs=write("b.tsv", [("x", "y")]),
    )
    assert texts(data, "train")[0] == ("a  b c &amp; “d”", "甲,乙")
