"""Where a report says that a line was taken out, or that it is in doubt."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.config import TextConfig
from novelgen.data.removals import changes_words
from novelgen.text.blocks import BlockOptions, RawBlock, process_block, with_surroundings
from novelgen.text.chapters import Headings
from novelgen.text.evidence import find_evidence
from novelgen.text.importing import CorpusImport
from novelgen.text.report import Removal


def read(corpus):
    return [(paragraph.chapter, "".join(paragraph.segments)) for paragraph in corpus]


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_removal_tells_its_rule_its_reason_its_file_and_its_chapter(tmp_path):
    first = write(
        tmp_path / "a.txt",
        "作者：佚名\n第一章 灯\n灯灭了。\n请收藏本站\n雪停了。\nPS：求票，明天还有一章。\n"
        "第二章 雪\n纸上抄着www.abc.com，墨水洇开了。\n天亮了。\n（全书完）\n",
    )
    second = write(
        tmp_path / "b.txt",
        "作者：佚名\n第一章 舟\n风起了。\n本书来自青灯小说网\n舟走了。\n",
    )
    corpus = CorpusImport([first, second], TextConfig(), 1, list_removals=True)
    read(corpus)
    report = corpus.report
    assert [
        (Path(found.file).name, found.chapter, found.rule, found.reason, found.is_doubtful)
        for found in report.removals
    ] == [
        ("a.txt", 0, "book_data", "file_head", False),
        ("a.txt", 1, "adverts", "site_talk", False),
        ("a.txt", 1, "author_notes", "chapter_edge", False),
        ("a.txt", 2, "adverts", "some_site_talk", True),
        ("a.txt", 2, "end_marks", "chapter_edge", False),
        # Before the first heading of a file, whatever chapter the last file ended with.
        ("b.txt", 0, "book_data", "file_head", False),
        ("b.txt", 3, "adverts", "site_talk", False),
    ]
    assert report.doubtful == {"adverts": 1}
    assert report.removed["adverts"] == 2
    assert "1 doubtful line was kept; --show-removed lists it" in report.to_text()


def test_lines_of_a_site_stay_on_request(tmp_path):
    text = "第一章 灯\n灯灭了。\n请收藏本站 www.abc.com\n雪停了。\n（全书完）\n"
    path = write(tmp_path / "a.txt", text)
    cleared = CorpusImport([path], TextConfig(), 1)
    assert [line for _, line in read(cleared)] == ["灯灭了。", "雪停了。"]
    kept = CorpusImport([path], TextConfig(keep_site_lines=True), 1)
    assert [line for _, line in read(kept)] == text.split("\n")[1:-1]
    assert not kept.report.removed["adverts"]


def test_counts_do_not_depend_on_the_list_of_removals(tmp_path):
    text = (
        "灯灭了，人走了。\n"
        + "请收藏本站\n（全书完）\n走&nbsp;了<br>[插图]　　来 了，好。\n\ue000\n"
    )
    path = write(tmp_path / "a.txt", text)
    with_list = CorpusImport([path], TextConfig(), 1, list_removals=True)
    without = CorpusImport([path], TextConfig(), 1)
    assert read(with_list) == read(without)
    with_list.report.removals.clear()
    assert with_list.report == without.report


ODD = (
    "第章回灯。，：“”www.com（）【】[]<>&;#　 \t\n\n\r1\ue000\ufffd"
    "求票请收藏本站未完下一页书名作者PS"
)


@settings(max_examples=60)
@given(st.lists(st.text(alphabet=ODD, max_size=400), max_size=8), st.integers(0, 400))
def test_no_text_ends_in_a_traceback(pieces, gap):
    text = "灯灭了。\n雪停了。\n" + ("　" * (gap % 7) + "灯" * gap).join(pieces)
    options = BlockOptions(Headings.FORM, 200, False, True, find_evidence(text))
    block = process_block(RawBlock(text, options))
    assert len(block.ends) == len(block.hashes)
    assert block.segments.count("\n") + bool(block.segments) == (block.ends or [0])[-1]


def test_the_blocks_of_a_file_know_the_lines_around_them():
    blocks = ["一\n二", "三", "四\n五"]
    assert list(with_surroundings(blocks)) == [
        ("", "一\n二", "三"),
        ("一\n二", "三", "四\n五"),
        ("一\n二\n三", "四\n五", ""),
    ]
    assert list(with_surroundings([])) == []


def test_a_note_at_the_end_of_a_chapter_is_known_across_blocks(tmp_path):
    note = "PS：今晚还有一章，大家早点睡。"
    text = "".join(f"第{number}章 灯\n灯灭了{number}次。\n{note}\n" for number in range(1, 9))
    path = write(tmp_path / "a.txt", text)
    for size in (20, 45, 1_000):
        corpus = CorpusImport([path], TextConfig(), 1, block_characters=size)
        assert [line for _, line in read(corpus)] == [f"灯灭了{n}次。" for n in range(1, 9)]
        assert corpus.report.removed["author_notes"] == 8


def test_a_change_of_words_is_told_from_one_of_form():
    assert changes_words(Removal("adverts", "www.abc.com", ""))
    assert not changes_words(Removal("tags", "<b>船</b>", "船"))
    # Whatever the rule, a line that is in doubt is to be looked at.
    assert changes_words(Removal("tags", "<船>", "<船>", is_doubtful=True))
