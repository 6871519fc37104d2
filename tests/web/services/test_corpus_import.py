"""A visitor's novel without a page: what is received, read, kept and removed."""

import os
import time

import pytest

from novelgen.config import TextConfig
from novelgen.data.prepare import STORES
from novelgen.data.store import Store, is_store
from novelgen.errors import CorpusError
from novelgen.i18n import use_language
from novelgen.web import limits
from novelgen.web.services.corpus_import import keep, read, receive, remove, run_name, table

CHAPTER = "第{number}章 渡口\n船家把第{number}根竹篙放进水里。\n岸上的人数到了第{number}盏灯。\n"
NOVEL = "".join(CHAPTER.format(number=number) for number in "一二三四五六")
ADVERT = "请记住本站域名 www.example.com 最快更新\n"


@pytest.fixture
def upload(tmp_path):
    """Writes a file as Gradio keeps an uploaded one: in a folder of its own."""

    def upload(name="渡口.txt", text=NOVEL, encoding="utf-8"):
        folder = tmp_path / "gradio" / str(time.monotonic_ns())
        folder.mkdir(parents=True)
        path = folder / name
        path.write_bytes(text.encode(encoding))
        return path

    return upload


def stores(runs):
    folder = runs / STORES
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_novel_is_read_and_its_uploaded_file_is_gone(upload, tmp_path):
    file = upload(text=NOVEL, encoding="gb18030")
    result = read(receive(tmp_path / "runs", [file]), TextConfig())
    assert not file.exists()
    assert "file: 渡口.txt (gb18030" in result.summary
    assert "chapters: 6" in result.summary
    assert str(tmp_path) not in result.summary
    assert is_store(result.dropped.store)


def test_the_report_is_in_the_language_of_the_visitor(upload, tmp_path):
    dropped = receive(tmp_path, [upload()])
    with use_language("zh"):
        assert "章" in read(dropped, TextConfig()).summary.splitlines()[2]
    assert "chapters: 6" in read(dropped, TextConfig()).summary


def test_removed_lines_are_listed_without_those_that_lost_only_spaces(upload, tmp_path):
    file = upload(text=NOVEL.replace("船家", "　　船家") + ADVERT)
    result = read(receive(tmp_path, [file]), TextConfig())
    headings, rows = table(result.removed)
    assert result.more == 0
    assert any("www.example.com" in " ".join(row) for row in rows)
    assert not any("船家" in " ".join(row) for row in rows)
    assert all(len(row) == len(headings) for row in rows)
    assert {"rule", "line"} <= set(headings)


def test_of_many_removed_lines_the_first_are_shown(upload, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "REMOVED_SHOWN", 2)
    monkeypatch.setattr(limits, "REMOVED_IN_MEMORY", 1)
    # An advert after each of the six chapters: some removals are looked at while others come.
    chapters = [CHAPTER.format(number=number) for number in "一二三四五六"]
    adverts = [ADVERT.replace("example", f"example{number}") for number in range(6)]
    text = "".join(map("".join, zip(chapters, adverts, strict=True)))
    result = read(receive(tmp_path, [upload(text=text)]), TextConfig())
    assert len(result.removed) == 2
    assert result.more == 4


def test_a_switch_reads_the_same_files_again(upload, tmp_path):
    file = upload(text=NOVEL.replace("灯", "燈"))
    dropped = receive(tmp_path, [file])
    first = read(dropped, TextConfig())
    second = read(first.dropped, TextConfig(simplify=True))
    assert not first.dropped.store.exists()
    assert any("灯" in text for text in Store.open(second.dropped.store).texts())


def test_several_files_are_one_novel_in_the_order_of_their_numbers(upload, tmp_path):
    parts = [upload(f"{number}.txt", CHAPTER.format(number=number)) for number in (10, 9, 8)]
    result = read(receive(tmp_path, parts), TextConfig())
    files = [line for line in result.summary.splitlines() if line.startswith("file: ")]
    assert [line.split()[1] for line in files] == ["8.txt", "9.txt", "10.txt"]
    assert run_name(result.dropped.source) == "10"


def test_two_files_of_one_name_are_both_kept(upload, tmp_path):
    dropped = receive(tmp_path, [upload("a.txt", NOVEL), upload("a.txt", NOVEL + "又一行。")])
    assert len(list(dropped.source.iterdir())) == 2


@pytest.mark.parametrize("text", ["", "只有一行。"])
def test_what_cannot_be_read_is_named_without_its_folder(upload, tmp_path, text):
    dropped = receive(tmp_path, [upload("短.txt", text)])
    with pytest.raises(CorpusError, match=r"^短\.txt: ") as error:
        read(dropped, TextConfig())
    assert str(tmp_path) not in str(error.value)
    # The files stay for another try.
    assert dropped.source.exists()


def test_a_kept_store_stands_beside_the_others_and_the_rest_goes(upload, tmp_path):
    result = read(receive(tmp_path, [upload()]), TextConfig())
    kept = keep(result.dropped, tmp_path)
    remove(result.dropped)
    assert kept.is_new
    assert stores(tmp_path) == [kept.store.name]
    assert is_store(kept.store)
    again = read(receive(tmp_path, [upload()]), TextConfig())
    assert keep(again.dropped, tmp_path) == (kept.store, False)


def test_without_a_novel_nothing_is_kept(upload, tmp_path):
    for dropped in (None, receive(tmp_path, [upload()])):
        with pytest.raises(CorpusError, match="drop a novel first"):
            keep(dropped, tmp_path)
    with pytest.raises(CorpusError, match="drop a novel first"):
        receive(tmp_path, [])


def test_a_store_that_has_gone_is_named(upload, tmp_path):
    result = read(receive(tmp_path, [upload()]), TextConfig())
    remove(result.dropped)
    with pytest.raises(CorpusError, match="drop it again"):
        keep(result.dropped, tmp_path)


def test_discarded_files_leave_nothing(upload, tmp_path):
    remove(read(receive(tmp_path, [upload()]), TextConfig()).dropped)
    remove(None)
    assert stores(tmp_path) == []


def test_what_a_killed_program_left_is_removed_after_a_day(upload, tmp_path):
    old = receive(tmp_path, [upload()]).folder
    young = receive(tmp_path, [upload()]).folder
    day_before_yesterday = time.time() - 2 * 86_400
    os.utime(old, (day_before_yesterday, day_before_yesterday))
    receive(tmp_path, [upload()])
    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("红楼梦.txt", "红楼梦"), (".hidden.txt", "hidden"), ("长" * 80 + ".txt", "长" * 60)],
)
def test_a_run_is_named_after_its_novel(name, expected, tmp_path):
    assert run_name(tmp_path / name) == expected
