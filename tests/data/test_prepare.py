"""Stores are built whole or not at all, reused, and the same wherever they are built."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import novelgen
from novelgen.config import DataConfig, TextConfig
from novelgen.data import building, prepare
from novelgen.data.prepare import open_or_build, prepare_at
from novelgen.data.store import Store
from novelgen.errors import ConfigError, CorpusError

TEXT, DATA = TextConfig(), DataConfig()


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


@pytest.fixture
def no_import(monkeypatch):
    """From here on an import is an error."""

    def forbid():
        def refuse(*arguments, **options):
            raise AssertionError("the corpus was imported again")

        monkeypatch.setattr(prepare, "CorpusImport", refuse)

    return forbid


def test_it_is_named_after_the_corpus_and_reused(novel, tmp_path, no_import):
    first = open_or_build([novel], TEXT, DATA, tmp_path / "stores")
    assert first.directory.name.startswith("novel-")
    no_import()
    second = open_or_build([novel], TEXT, DATA, tmp_path / "stores")
    assert second.directory == first.directory
    assert second.meta == first.meta


def test_only_what_shapes_the_store_makes_another(novel, make_novel, tmp_path, no_import):
    root = tmp_path / "stores"
    names = tmp_path / "names.txt"
    names.write_text("的一是了\n", encoding="utf-8")
    word = DataConfig(tokenizer="word")
    variants = [
        (novel, TEXT, DATA),
        (novel, TextConfig(segment_length=50), DATA),
        (novel, TEXT, DataConfig(min_count=3)),
        (novel, TEXT, DataConfig(vocabulary_size=300)),
        (novel, TEXT, word),
        (novel, TEXT, DataConfig(tokenizer="word", user_dict=str(names))),
        (make_novel([9] * 30, "other.txt", seed=2), TEXT, DATA),
    ]
    directories = {
        open_or_build([path], text, data, root).directory for path, text, data in variants
    }
    assert len(directories) == len(variants) == len(list(root.iterdir()))
    names.write_text("的一是了\n我不人在\n", encoding="utf-8")
    changed = open_or_build([novel], TEXT, DataConfig(tokenizer="word", user_dict=str(names)), root)
    assert changed.directory not in directories
    no_import()
    assert (
        open_or_build([novel], TEXT, DataConfig(context_paragraphs=3), root).directory
        in directories
    )
    copy = novel.with_name("copy")
    copy.mkdir()
    (copy / "novel.txt").write_bytes(novel.read_bytes())
    assert open_or_build([copy / "novel.txt"], TEXT, DATA, root).directory in directories


def test_a_changed_corpus_is_imported_again(novel, tmp_path):
    first = open_or_build([novel], TEXT, DATA, tmp_path / "stores")
    novel.write_text(
        novel.read_text(encoding="utf-8") + "后来的事，谁也不知道了。\n", encoding="utf-8"
    )
    second = open_or_build([novel], TEXT, DATA, tmp_path / "stores")
    assert list(second.texts()) == [*first.texts(), "后来的事，谁也不知道了。"]


def test_a_damaged_store_is_built_again(novel, tmp_path):
    store = open_or_build([novel], TEXT, DATA, tmp_path / "stores")
    before = contents(store.directory)
    (store.directory / "ids.bin").write_bytes(b"")
    assert contents(open_or_build([novel], TEXT, DATA, tmp_path / "stores").directory) == before
    assert [path.name for path in (tmp_path / "stores").iterdir()] == [store.directory.name]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["char", "word"])
def test_every_process_builds_the_same_files(novel, tmp_path, kind):
    program = (
        "import sys; from pathlib import Path; from novelgen.config import *; "
        "from novelgen.data.prepare import *; data = DataConfig(tokenizer=sys.argv[3]); "
        "print(open_or_build([Path(sys.argv[1])], TextConfig(), data, Path(sys.argv[2])).directory)"
    )
    built = []
    for seed in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": str(Path(novelgen.__file__).parents[1]),
        }
        output = subprocess.run(
            [sys.executable, "-c", program, novel, tmp_path / seed, kind],
            env=environment,
            check=True,
            capture_output=True,
            encoding="utf-8",
        ).stdout
        built.append(contents(Path(output.strip())))
    assert built[0] == built[1]


@pytest.mark.slow
def test_processes_and_blocks_change_nothing(novel, tmp_path, monkeypatch):
    data = DataConfig(tokenizer="word")
    alone = contents(open_or_build([novel], TEXT, data, tmp_path / "alone").directory)
    monkeypatch.setattr(building, "BLOCK_CHARACTERS", 500)
    blocks = contents(open_or_build([novel], TEXT, data, tmp_path / "blocks").directory)
    monkeypatch.setattr(building, "PARALLEL_BYTES", 0)
    together = contents(
        open_or_build([novel], TEXT, data, tmp_path / "together", workers=2).directory
    )
    assert alone == blocks == together


def test_a_small_corpus_starts_no_process(novel, tmp_path, monkeypatch):
    class PoolMadeError(Exception):
        pass

    def refuse(*arguments, **options):
        raise PoolMadeError

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", refuse)
    store = open_or_build([novel], TEXT, DATA, tmp_path / "small", workers=2)
    assert len(list(store.texts())) > 40
    monkeypatch.setattr(building, "PARALLEL_BYTES", 0)
    with pytest.raises(PoolMadeError):
        open_or_build([novel], TEXT, DATA, tmp_path / "large", workers=2)


@pytest.fixture
def fail_at(monkeypatch):
    """Lets an error be raised where a file of the given name is opened in the given mode."""

    def fail(name, failing_mode, error):
        open_file = Path.open

        def failing_open(path, mode="r", *arguments, **options):
            if (path.name, mode) == (name, failing_mode):
                raise error
            return open_file(path, mode, *arguments, **options)

        monkeypatch.setattr(Path, "open", failing_open)

    return fail


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("text.txt", "wb"),
        ("parts.bin", "wb"),
        ("parts.bin", "rb"),  # by those who count for the vocabulary
        ("text.txt", "rb"),
        ("ids.bin", "wb"),
        ("passages.bin", "wb"),
        ("meta.json", "wb"),
    ],
)
@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()],
    ids=["full disk", "Ctrl-C"],
)
def test_a_failure_at_any_step_leaves_nothing(novel, tmp_path, fail_at, name, mode, error):
    fail_at(name, mode, error)
    with pytest.raises(CorpusError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
        open_or_build([novel], TEXT, DATA, tmp_path / "stores")
    assert list((tmp_path / "stores").iterdir()) == []
    if isinstance(error, OSError):
        assert "no space left" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_failed_replacement_keeps_the_old_store(
    novel, make_novel, tmp_path, monkeypatch, fail_at
):
    old = contents(prepare_at([novel], TEXT, DATA, tmp_path / "store").directory)
    other = make_novel([9] * 30, "other.txt", seed=2)
    fail_at("meta.json", "wb", ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        prepare_at([other], TEXT, DATA, tmp_path / "store", overwrite=True)
    monkeypatch.undo()
    assert contents(tmp_path / "store") == old
    prepare_at([other], TEXT, DATA, tmp_path / "store", overwrite=True)
    assert contents(tmp_path / "store") != old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["novel.txt", "other.txt", "store"]


def test_a_replacement_that_cannot_be_put_in_place_gives_the_old_one_back(
    novel, make_novel, tmp_path, monkeypatch
):
    old = contents(prepare_at([novel], TEXT, DATA, tmp_path / "store").directory)
    rename = Path.rename

    def refuse_new(path, target):
        if path.name.startswith(".novelgen-build"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse_new)
    with pytest.raises(CorpusError, match="permission denied"):
        prepare_at(
            [make_novel([9] * 30, "other.txt")], TEXT, DATA, tmp_path / "store", overwrite=True
        )
    assert contents(tmp_path / "store") == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["novel.txt", "other.txt", "store"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="asks for processes as POSIX does")
def test_what_a_killed_build_left_is_removed(novel, tmp_path):
    root = tmp_path / "stores"
    program = (
        "import os, sys; from pathlib import Path; from novelgen.config import *; "
        "from novelgen.data.prepare import *; opened = Path.open\n"
        "def dying_open(path, *arguments, **options):\n"
        "    if path.name == 'meta.json' and 'wb' in arguments: os.kill(os.getpid(), 9)\n"
        "    return opened(path, *arguments, **options)\n"
        "Path.open = dying_open\n"
        "open_or_build([Path(sys.argv[1])], TextConfig(), DataConfig(), Path(sys.argv[2]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(novelgen.__file__).parents[1])}
    assert (
        subprocess.run(
            [sys.executable, "-c", program, novel, root], env=environment, check=False
        ).returncode
        == -9
    )
    left = list(root.iterdir())
    assert len(left) == 1
    killed = left[0].name.split("-")[-2]
    at_work = root / left[0].name.replace(f"-{killed}-", f"-{os.getppid()}-")
    at_work.mkdir()
    store = open_or_build([novel], TEXT, DATA, root)
    assert sorted(root.iterdir()) == sorted([store.directory, at_work])


def test_two_builds_at_once_are_one_store(novel, tmp_path, monkeypatch):
    build = prepare.build
    inner = []

    def build_twice(*arguments):
        if not inner:
            inner.append(True)
            inner.append(open_or_build([novel], TEXT, DATA, tmp_path / "stores"))
            (inner[1].directory / "first").touch()
        build(*arguments)

    monkeypatch.setattr(prepare, "build", build_twice)
    outer = open_or_build([novel], TEXT, DATA, tmp_path / "stores")
    assert outer.directory == inner[1].directory
    assert (
        outer.directory / "first"
    ).exists()  # the first to finish stays, so that no reader misses it for a moment
    assert list((tmp_path / "stores").iterdir()) == [outer.directory]
    assert list(inner[1].texts()) == list(outer.texts())


def test_a_file_in_the_way_is_named(novel, tmp_path):
    (tmp_path / "stores").write_text("", encoding="utf-8")
    with pytest.raises(CorpusError, match="stores"):
        open_or_build([novel], TEXT, DATA, tmp_path / "stores")


def test_a_prepared_directory_is_a_corpus(novel, tmp_path, no_import):
    built = prepare_at(
        [novel], TextConfig(segment_length=40), DataConfig(min_count=3), tmp_path / "store"
    )
    no_import()
    for text, data, given in [
        (TEXT, DATA, None),
        (TextConfig(segment_length=40), DATA, ["segment_length"]),
        (TEXT, DataConfig(min_count=3, context_paragraphs=4), None),
    ]:
        opened = open_or_build([tmp_path / "store"], text, data, tmp_path / "stores", given=given)
        assert opened.directory == built.directory
    for text, data, given, flag in [
        (TextConfig(segment_length=50), DATA, None, "--segment-length 50"),
        (TEXT, DATA, ["segment_length"], "--segment-length 100"),
        (TEXT, DataConfig(tokenizer="word"), ["tokenizer"], "--tokenizer word"),
    ]:
        with pytest.raises(ConfigError, match=flag):
            open_or_build([tmp_path / "store"], text, data, tmp_path / "stores", given=given)


def test_a_prepared_directory_knows_its_user_words(novel, tmp_path):
    names, others = tmp_path / "names.txt", tmp_path / "others.txt"
    names.write_text("的一是了\n", encoding="utf-8")
    others.write_text("我不人在\n", encoding="utf-8")
    prepare_at(
        [novel], TEXT, DataConfig(tokenizer="word", user_dict=str(names)), tmp_path / "store"
    )
    same = names.rename(tmp_path / "renamed.txt")
    open_or_build(
        [tmp_path / "store"], TEXT, DataConfig(tokenizer="word", user_dict=str(same)), tmp_path
    )
    with pytest.raises(ConfigError, match="--user-dict"):
        open_or_build(
            [tmp_path / "store"],
            TEXT,
            DataConfig(tokenizer="word", user_dict=str(others)),
            tmp_path,
        )


def test_prepare_at_never_takes_another_directory(novel, make_novel, tmp_path, no_import):
    target = tmp_path / "mine"
    target.mkdir()
    store = prepare_at([novel], TEXT, DATA, target)  # an empty directory may be filled
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.doc").write_text("dear", encoding="utf-8")
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match="no prepared corpus"):
            prepare_at([novel], TEXT, DATA, tmp_path / "full", overwrite=overwrite)
        with pytest.raises(ConfigError, match="no prepared corpus"):
            prepare_at([novel], TEXT, DATA, novel, overwrite=overwrite)
    with pytest.raises(ConfigError, match="already prepared"):
        prepare_at([target], TEXT, DATA, tmp_path / "again")
    with pytest.raises(ConfigError, match="--overwrite"):
        prepare_at([make_novel([9] * 3, "other.txt")], TEXT, DATA, target)
    no_import()
    assert prepare_at([novel], TEXT, DATA, target).meta == store.meta


def test_a_store_is_not_put_into_its_corpus(novel, tmp_path):
    with pytest.raises(ConfigError, match="inside the corpus"):
        prepare_at([tmp_path], TEXT, DATA, tmp_path / "store")


def test_a_user_dict_is_for_words(novel, tmp_path):
    with pytest.raises(ConfigError, match="--tokenizer word"):
        open_or_build([novel], TEXT, DataConfig(user_dict=str(novel)), tmp_path / "stores")


def test_chapters_without_neighbours_are_refused(make_novel, tmp_path):
    with pytest.raises(CorpusError, match="no pair"):
        open_or_build([make_novel([1] * 8)], TEXT, DATA, tmp_path / "stores")
    assert list((tmp_path / "stores").iterdir()) == []


def test_an_opened_store_outlives_its_replacement(novel, make_novel, tmp_path):
    store = prepare_at([novel], TEXT, DATA, tmp_path / "store")
    ids = store.ids.tolist()
    prepare_at([make_novel([9] * 30, "other.txt")], TEXT, DATA, tmp_path / "store", overwrite=True)
    assert store.ids.tolist() == ids
    assert Store.open(tmp_path / "store").ids.tolist() != ids
