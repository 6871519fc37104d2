"""Folders of several novels: what is held out of each, its figures, and files that are twice."""

import json
from collections import Counter
from pathlib import Path

import pytest

from novelgen.config import DataConfig, TextConfig
from novelgen.data import novel_files
from novelgen.data.export import export_pairs
from novelgen.data.novel_files import Duplicate, find_duplicates, find_novel
from novelgen.data.novels import find_warnings
from novelgen.data.prepare import open_or_build, prepare_at
from novelgen.data.statistics import shown_name
from novelgen.data.store import Store
from novelgen.errors import ConfigError, CorpusError

TEXT, DATA = TextConfig(), DataConfig()


@pytest.fixture
def folder(tmp_path, make_novel):
    """Three novels: of 25 chapters, of 3 and of one without headings."""
    (tmp_path / "books" / "sub").mkdir(parents=True)
    make_novel([9] * 25, "books/long.txt", seed=1)
    make_novel([20, 30, 10], "books/short.txt", seed=2)
    make_novel([40], "books/sub/plain.txt", seed=3)
    return tmp_path / "books"


def build(folder, tmp_path, **options):
    return open_or_build([folder], TEXT, DataConfig(**options), tmp_path / "stores")


def by_name(store):
    return {novel["name"]: novel for novel in store.meta["novels"]}


def test_each_novel_is_held_out_of_and_tells_where(folder, tmp_path):
    store = build(folder, tmp_path)
    assert store.meta["split"] == {"rule": "each_novel"}
    novels = by_name(store)
    assert novels["long.txt"]["held_out"] == {"valid": [10], "test": [20]}
    assert novels["short.txt"]["rule"] == novels["plain.txt"]["rule"] == "tail"
    for part, total in store.meta["pairs"].items():
        assert sum(novel["pairs"][part] for novel in novels.values()) == total
        assert all(novel["pairs"][part] for novel in novels.values())
    summary = store.summary()
    assert "validation: chapters 10; test: chapters 20" in summary
    assert "each novel by itself" in summary


def test_the_split_of_a_novel_is_the_same_alone_and_among_others(folder, tmp_path):
    together = build(folder, tmp_path)
    alone = open_or_build([folder / "long.txt"], TEXT, DATA, tmp_path / "stores")
    assert list(alone.texts("valid")) == [
        text for text in together.texts("valid") if text in set(alone.texts())
    ]


def test_figures_are_those_of_the_text(folder, tmp_path):
    store = build(folder, tmp_path, tokenizer="word")
    for name, novel in by_name(store).items():
        path = next(folder.rglob(name))
        lines = path.read_text(encoding="utf-8").splitlines()
        paragraphs = [line for line in lines if not line.startswith("第")]
        text = "".join(paragraphs)
        assert novel["paragraphs"] == len(paragraphs)
        assert novel["characters"] == len(text)
        assert novel["vocabulary"] == len(set(text))
        assert novel["longest_paragraph"] == max(map(len, paragraphs))
        assert novel["encoding"] == "utf-8"
        assert novel["path"] == str(path)
    *with_headings, without = [novel["chapters"] for novel in store.meta["novels"]]
    assert with_headings == [25, 3]
    # An import that tells no titles counts a file without headings as a chapter.
    assert without in (0, 1)
    assert [novel["chapters_before"] for novel in store.meta["novels"]] == [0, 25, 29 - without]
    figures = store.meta["statistics"]
    counts = Counter("".join(store.texts()))
    assert figures["vocabulary"] == len(counts)
    top = dict(figures["frequent_characters"])
    assert top == {each: counts[each] for each in top}
    assert min(top.values()) >= max([counts[each] for each in counts if each not in top] or [0])
    assert figures["frequent_words"]
    assert "most frequent words" in store.summary()


def test_paragraph_lengths_are_of_whole_paragraphs(tmp_path):
    path = tmp_path / "novel.txt"
    lines = ["好" * length + "。" for length in range(9, 109)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    store = open_or_build([path], TextConfig(segment_length=10), DATA, tmp_path / "stores")
    lengths = store.meta["statistics"]["paragraph_lengths"]
    assert lengths == {"p50": 60, "p90": 100, "p99": 109, "max": 109}


def test_few_pairs_are_warned_of(folder, tmp_path, make_novel):
    store = build(folder, tmp_path)
    warned = {warning["part"]: warning["pairs"] for warning in find_warnings(store.meta)}
    assert warned == {part: store.meta["pairs"][part] for part in ("valid", "test")}
    assert f"only {warned['valid']:,} validation pairs" in store.summary()
    large = open_or_build([make_novel([201] * 20, "large.txt")], TEXT, DATA, tmp_path / "stores")
    assert large.meta["pairs"]["valid"] == 200
    assert not find_warnings(large.meta)
    assert "warning" not in large.summary()


def test_a_whole_novel_is_held_out_by_its_name(folder, tmp_path):
    for name in ("short", "short.txt", "books/short.txt", str(folder / "short.txt")):
        store = build(folder, tmp_path, hold_out=name)
        text = (folder / "short.txt").read_text(encoding="utf-8")
        assert store.meta["split"] == {"rule": "whole_novel"}
        assert all(line in text for part in ("valid", "test") for line in store.texts(part))
        assert not any(line in text for line in store.texts("train"))
        assert by_name(store)["short.txt"]["held_out"] == {"valid": [1, 3], "test": [2]}
    assert "nothing held out" in store.summary()


def test_the_held_out_novel_is_part_of_what_a_store_is(folder, tmp_path):
    names = {build(folder, tmp_path, hold_out=name).directory for name in (None, "long", "short")}
    assert len(names) == 3
    prepared = prepare_at([folder], TEXT, DataConfig(hold_out="long"), tmp_path / "prepared")
    with pytest.raises(ConfigError, match="--hold-out short"):
        open_or_build([prepared.directory], TEXT, DataConfig(hold_out="short"), tmp_path)
    # Two files change their names: the same bytes in the same order, but another novel is held out.
    first = build(folder, tmp_path, hold_out="long").meta["pairs"]
    (folder / "long.txt").rename(folder / "a.txt")
    (folder / "short.txt").rename(folder / "long.txt")
    assert build(folder, tmp_path, hold_out="long").meta["pairs"] != first


def test_a_name_that_is_not_there_or_is_not_one_is_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match="did you mean short"):
        build(folder, tmp_path, hold_out="shorts")
    with pytest.raises(ConfigError, match="this novel alone"):
        build(folder / "long.txt", tmp_path, hold_out="long")
    assert not (tmp_path / "stores").exists()
    paths = [folder / "a" / "same.txt", folder / "b" / "same.txt", folder / "b" / "same.epub"]
    assert find_novel(paths, "a/same") == 0
    assert find_novel(paths, "same.epub") == 2
    for name in ("same", "b/same", "same.txt"):
        with pytest.raises(ConfigError, match="several files"):
            find_novel(paths, name)


def copies(folder):
    """The same text again: the bytes, another encoding, other line ends and indentations."""
    text = (folder / "short.txt").read_text(encoding="utf-8")
    (folder / "copy.txt").write_bytes((folder / "short.txt").read_bytes())
    (folder / "gbk.txt").write_bytes(text.encode("gb18030"))
    (folder / "dos.txt").write_bytes(text.replace("\n", "\r\n\r\n    ").encode("utf-8-sig"))
    (folder / "wide.txt").write_bytes(text.encode("utf-16"))


def test_files_of_the_same_text_are_read_once_and_told(folder, tmp_path):
    alone = build(folder, tmp_path)
    copies(folder)
    store = build(folder, tmp_path)
    first = str(folder / "copy.txt")
    names = ["dos.txt", "gbk.txt", "short.txt", "wide.txt"]
    assert store.meta["duplicate_files"] == [
        {"path": str(folder / name), "same_as": first} for name in names
    ]
    assert [novel["name"] for novel in store.meta["novels"]] == [
        "copy.txt",
        "long.txt",
        "plain.txt",
    ]
    assert sorted(store.texts()) == sorted(alone.texts())
    assert f"{folder / 'gbk.txt'} has the same text as {first}" in store.summary()
    # The name of a copy is as good as that of the file that was read.
    for name in ("copy", "gbk", "short"):
        held_out = by_name(build(folder, tmp_path, hold_out=name))
        assert held_out["copy.txt"]["rule"] == "alternating"


def test_copies_are_found_wherever_the_chunks_of_a_file_end(folder, monkeypatch):
    copies(folder)
    (folder / "wide.txt").unlink()
    for size in (1, 7, 64):
        monkeypatch.setattr(novel_files, "CHUNK_BYTES", size)
        names = [each.path.name for each in find_duplicates([folder], TEXT)]
        assert names == ["dos.txt", "gbk.txt", "short.txt"]


def test_a_copy_of_a_file_that_cannot_be_read_is_no_novel_to_hold_out(folder, tmp_path):
    for name in ("bad.txt", "bad2.txt"):
        (folder / name).write_bytes(bytes(range(256)) * 9)
    with pytest.raises(ConfigError, match="there is no 'bad'"):
        build(folder, tmp_path, hold_out="bad")


def test_a_file_that_may_not_be_read_is_left_out_and_named(folder, tmp_path, monkeypatch):
    closed = folder / "short.txt"
    opening = Path.open

    def refuse(path, *args, **options):
        if path == closed:
            raise PermissionError(13, "no", str(path))
        return opening(path, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    skipped = build(folder, tmp_path).meta["import"]["skipped"]
    assert [Path(each["path"]).name for each in skipped] == ["short.txt"]


def test_copies_in_a_folder_are_left_out_and_other_files_named_all_the_same(folder, tmp_path):
    assert find_duplicates([folder], TEXT) == []
    (folder / "other.txt").write_bytes((folder / "short.txt").read_bytes())
    (folder / "link.url").write_text("[InternetShortcut]", encoding="utf-8")
    copy = Duplicate(folder / "short.txt", folder / "other.txt")
    assert find_duplicates([folder], TEXT) == [copy]
    imported = build(folder, tmp_path).meta["import"]
    names = [Path(file["path"]).name for file in imported["files"]]
    assert names == ["long.txt", "other.txt", "plain.txt"]
    assert [Path(skipped["path"]).name for skipped in imported["skipped"]] == ["link.url"]


def test_a_file_that_cannot_be_decoded_is_left_out_and_named_or_refused(folder, tmp_path):
    for name in ("one.txt", "two.txt"):
        damaged = b"\xff\xfe\xfa" + name.encode()
        (folder / name).write_bytes("后来雨停了。\n".encode() * 300 + damaged)
    store = build(folder, tmp_path)
    assert [Path(each["path"]).name for each in store.meta["import"]["skipped"]] == [
        "one.txt",
        "two.txt",
    ]
    strict = TextConfig(strict=True)
    with pytest.raises(CorpusError, match=r"one\.txt"):
        open_or_build([folder], strict, DataConfig(), tmp_path / "stores")


def test_names_are_as_short_as_they_can_be():
    paths = ["books/a/novel.txt", "books/b/novel.txt", "books/b/other.txt"]
    assert [shown_name(path, paths) for path in paths] == [
        "a/novel.txt",
        "b/novel.txt",
        "other.txt",
    ]


def test_a_store_of_an_older_version_opens(folder, tmp_path):
    """Its meta.json tells nothing of novels, figures, copies and the option."""
    store = build(folder, tmp_path)
    meta = {key: value for key, value in store.meta.items() if key not in NEW}
    del meta["options"]["data"]["hold_out"]
    meta["split"] = {"rule": "chapters"}
    (store.directory / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    old = Store.open(store.directory)
    assert old.data_config == DATA
    assert "by chapter number" in old.summary()
    assert "novel long.txt" not in old.summary()
    assert len(export_pairs(old, tmp_path / "pairs")) == 3


NEW = ("novels", "statistics", "duplicate_files")


def test_what_was_removed_is_told_by_novel_as_far_as_the_import_can(folder, tmp_path):
    for name in ("long.txt", "short.txt"):
        path = folder / name
        lines = path.read_text(encoding="utf-8").splitlines()
        indented = [f"　　{line}" if place % 9 == 4 else line for place, line in enumerate(lines)]
        path.write_text("\n".join(indented), encoding="utf-8")
    store = build(folder, tmp_path)
    removed = {name: novel["removed"] for name, novel in by_name(store).items()}
    if removed["long.txt"] is not None:
        assert removed["plain.txt"] == {}
        assert sum(map(Counter, removed.values()), Counter()) == store.meta["import"]["removed"]
    alone = open_or_build([folder / "long.txt"], TEXT, DATA, tmp_path / "stores")
    assert alone.meta["novels"][0]["removed"] == alone.meta["import"]["removed"] != {}
    assert removed["long.txt"] in (None, alone.meta["novels"][0]["removed"])
