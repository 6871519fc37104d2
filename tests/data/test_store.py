"""A store on disk: what is in it, and what happens when it is damaged."""

import json

import numpy as np
import pytest

from novelgen.config import DataConfig, TextConfig
from novelgen.data.prepare import open_or_build
from novelgen.data.split import describe_split
from novelgen.data.store import Store, is_store
from novelgen.errors import CheckpointError, CorpusError
from novelgen.i18n import use_language
from novelgen.text.importing import CorpusImport
from novelgen.text.tokenizers import EOS


@pytest.fixture(params=["char", "word"])
def store(novel, tmp_path, request):
    data = DataConfig(tokenizer=request.param)
    return open_or_build([novel], TextConfig(segment_length=30), data, tmp_path / "stores")


def test_it_holds_the_imported_segments(store, novel):
    paragraphs = list(CorpusImport([novel], TextConfig(segment_length=30)))
    texts = [segment for _, segments in paragraphs for segment in segments]
    assert list(store.texts()) == texts
    assert store.chapters.tolist() == [
        chapter for chapter, segments in paragraphs for _ in segments
    ]
    assert store.characters.tolist() == list(map(len, texts))
    assert store.offsets[0] == 0
    assert store.offsets[-1] == len(store.ids)
    for start, end, text in zip(store.offsets, store.offsets[1:], texts, strict=False):
        assert store.ids[end - 1] == EOS
        assert store.tokenizer.decode(store.ids[start : end - 1]) == text
    assert store.ids.dtype == np.uint16


def test_texts_of_a_part_are_its_segments(store):
    texts = list(store.texts())
    for number, part in enumerate(("train", "valid", "test")):
        assert list(store.texts(part)) == [
            text for text, own in zip(texts, store.parts, strict=True) if own == number
        ]


def test_the_vocabulary_is_of_the_training_part(store):
    characters = "".join(store.texts("train"))
    assert set(store.tokenizer.characters) == {
        character for character in characters if characters.count(character) > 1
    }
    assert all(word in characters for word in store.tokenizer.words)


def test_a_character_of_the_held_out_part_alone_has_no_token(make_novel, tmp_path):
    path = make_novel([5] * 20)
    lines = path.read_text(encoding="utf-8").splitlines()
    place = next(index for index, line in enumerate(lines) if line.startswith("第20章"))
    lines[place + 1 : place + 3] = ["鲲鲲鹏鹏之大不知其几千里也。", "其名为鲲鹏之鸟。"]
    path.write_text("\n".join(lines), encoding="utf-8")
    store = open_or_build([path], TextConfig(), DataConfig(min_count=1), tmp_path / "stores")
    assert "鲲鲲鹏鹏之大不知其几千里也。" in list(store.texts("test"))
    assert not {"鲲", "鹏"} & set(store.tokenizer.characters)


def test_a_large_vocabulary_has_wide_ids(tmp_path):
    blocks = ((0x20000, 42_000), (0x4E00, 20_900), (0xAC00, 11_100))
    rare = "".join(chr(first + number) for first, count in blocks for number in range(count))
    path = tmp_path / "wide.txt"
    path.write_text(
        "".join(f"{rare[start : start + 80]}。\n" for start in range(0, len(rare), 80)),
        encoding="utf-8",
    )
    store = open_or_build(
        [path], TextConfig(), DataConfig(min_count=1, vocabulary_size=100_000), tmp_path / "stores"
    )
    assert store.tokenizer.size > 1 << 16
    assert store.ids.dtype == np.uint32
    last = store.ids[store.offsets[-2] :]
    assert store.tokenizer.decode(last) == list(store.texts())[-1]


def test_an_undivided_corpus_is_every_part(make_novel, tmp_path):
    store = open_or_build([make_novel([4])], TextConfig(), DataConfig(), tmp_path / "stores")
    assert store.meta["split"]["rule"] == "none"
    assert "too small to be split" in store.summary()
    assert store.meta["pairs"] == {"train": 3, "valid": 3, "test": 3}
    assert list(store.texts("test")) == list(store.texts("train")) == list(store.texts())


def test_split_is_described_in_the_language_of_the_reader(store):
    assert set(store.meta["split"]) == {"rule"}
    assert describe_split("chapters") in store.summary()
    with use_language("zh"):
        assert describe_split("chapters") in store.summary()


def test_store_of_an_older_version_opens_and_its_split_is_described_from_the_rule(store):
    """Its meta.json held the description as well, as a text in two languages."""
    path = store.directory / "meta.json"
    split = {**store.meta["split"], "description": "by chapter, in two languages at once"}
    path.write_text(json.dumps({**store.meta, "split": split}), encoding="utf-8")
    old = Store.open(store.directory)
    assert old.summary() == store.summary()
    assert np.array_equal(old.ids, store.ids)


def test_meta_says_what_was_imported(store):
    report = store.meta["import"]
    assert report["chapters"] == 40
    assert report["encoding"] == "utf-8"
    assert store.text_config == TextConfig(segment_length=30)
    assert store.data_config.tokenizer == store.tokenizer.kind


def test_another_directory_is_no_store(tmp_path):
    assert not is_store(tmp_path)
    with pytest.raises(CorpusError, match="not a prepared corpus"):
        Store.open(tmp_path)


@pytest.mark.parametrize(
    "name", ["ids.bin", "offsets.bin", "chapters.bin", "characters.bin", "parts.bin", "meta.json"]
)
def test_a_file_of_another_size_is_found_on_opening(store, name):
    path = store.directory / name
    whole = path.read_bytes()
    for content in (whole[:-1], whole[: len(whole) // 2], b"", whole * 2):
        path.write_bytes(content)
        with pytest.raises(CorpusError, match="damaged") as caught:
            Store.open(store.directory)
        assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(store):
    (store.directory / "parts.bin").unlink()
    with pytest.raises(CorpusError, match=r"parts\.bin is missing"):
        Store.open(store.directory)


def test_another_format_is_named(store):
    path = store.directory / "meta.json"
    path.write_text(json.dumps({**store.meta, "format": 99}), encoding="utf-8")
    with pytest.raises(CorpusError, match="99"):
        Store.open(store.directory)


def test_a_foreign_tokenizer_is_refused(store):
    path = store.directory / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8").replace("的", "鲲", 1), encoding="utf-8")
    with pytest.raises(CheckpointError, match="not the tokenizer"):
        _ = Store.open(store.directory).tokenizer


def test_text_of_another_length_is_refused(store):
    path = store.directory / "text.txt"
    path.write_bytes(path.read_bytes() + "多一行\n".encode())
    with pytest.raises(CorpusError, match="damaged"):
        list(Store.open(store.directory).texts())
