import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.config import TextConfig
from novelgen.errors import CorpusError
from novelgen.text.decoding import BadByteError, decode
from novelgen.text.importing import CorpusImport, cut_blocks
from novelgen.text.mixed import Part
from novelgen.text.report import describe_note
from novelgen.text.sources import file_source

BOOK = """第一章 风起

　　他走到门前，看见一个人站在那里。

　　“你是谁？”他问道。

第二章 雨落

　　那人没有回答，只是笑了一笑，便转身去了。

　　天黑了，灯也亮了。
"""
CHAPTERS = [
    (1, "他走到门前，看见一个人站在那里。"),
    (1, "“你是谁？”他问道。"),
    (2, "那人没有回答，只是笑了一笑，便转身去了。"),
    (2, "天黑了，灯也亮了。"),
]
TRADITIONAL = BOOK.translate(
    str.maketrans("风门见个那里问没头转儿灯谁里", "風門見個那裡問沒頭轉兒燈誰裡")
)


def read(corpus):
    return [(paragraph.chapter, "".join(paragraph.segments)) for paragraph in corpus]


def load(*paths, workers=1, **options):
    corpus = CorpusImport(paths, TextConfig(**options), workers, True)
    return read(corpus), corpus.report


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030", "gbk", "gb2312"]
)
def test_a_novel_in_every_encoding(tmp_path, encoding):
    paragraphs, report = load(write(tmp_path / "a.txt", BOOK.replace("\n", "\r\n"), encoding))
    assert paragraphs == CHAPTERS
    assert report.to_dict()["chapters"] == 2
    assert report.paragraphs == 4
    assert report.segments == 4
    assert report.characters == sum(len(text) for _, text in CHAPTERS)


def test_a_big5_novel_that_gb18030_would_decode_into_nonsense(tmp_path):
    data = TRADITIONAL.encode("big5")
    assert "門" not in data.decode("gb18030")
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    paragraphs, report = load(path)
    assert report.encoding == "cp950"
    assert paragraphs[0] == (1, "他走到門前，看見一個人站在那裡。")


def test_simplify(tmp_path):
    pytest.importorskip("opencc")
    path = write(tmp_path / "a.txt", TRADITIONAL)
    assert load(path, simplify=True)[0] == CHAPTERS
    assert load(path)[0][0][1].startswith("他走到門前")


def test_a_forced_encoding_is_used(tmp_path):
    path = write(tmp_path / "a.txt", "café au lait\nvoilà tout\n", "latin-1")
    assert load(path, encoding="latin-1")[0] == [(0, "café au lait"), (0, "voilà tout")]


def test_a_bad_byte_is_an_error_with_its_place_and_the_remedy(tmp_path):
    before, after = TRADITIONAL * 20 + "第三章\n他來", "了。\n她走了。\n"
    data = before.encode("big5") + b"\xff" + after.encode("big5")
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    line, offset = data[: data.index(b"\xff")].count(b"\n") + 1, data.index(b"\xff")
    with pytest.raises(CorpusError) as caught:
        load(path, encoding="big5")
    message = str(caught.value)
    assert f"line {line}," in message
    assert f"byte offset {offset}" in message
    assert "--encoding big5 --errors replace" in message
    with pytest.raises(BadByteError) as found:
        list(decode(file_source(path), [Part(0, "big5")], chunk_bytes=97))
    assert (found.value.line, found.value.offset) == (line, offset)
    paragraphs, report = load(path, encoding="big5", errors="replace")
    assert (report.chapters, paragraphs[-2][1]) == (3, "他來了。")
    assert report.removed["replacement_marks"] == 1


def test_control_characters_and_lone_surrogates_are_removed_and_counted(tmp_path):
    path = tmp_path / "a.txt"
    long = "她走了，没有再回来过。" * 9
    path.write_bytes(
        f"他来\u200b了\x01。\n{long}\n".encode() + b"\xed\xa0\x80" + "天黑了。\n".encode()
    )
    paragraphs, report = load(path, errors="replace")
    assert [text for _, text in paragraphs] == ["他来了。", long, "天黑了。"]
    assert report.removed["invisible"] == 1
    assert report.removed_characters["invisible"] == 2
    utf16 = write(tmp_path / "b.txt", "\ufeff他来了。\n她走了。\n", "utf-16-le")
    utf16.write_bytes(utf16.read_bytes() + b"\x00\xd8" + "天黑了。\n".encode("utf-16-le"))
    assert [text for _, text in load(utf16, errors="replace")[0]][-1] == "天黑了。"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.txt", b"", "empty"),
        ("binary.txt", bytes(range(256)) * 20, "binary"),
        ("one.txt", "他来了。\n".encode(), "only one paragraph"),
        ("blank.txt", b" \n\n \n", "no paragraph"),
        ("heads.txt", "第一章\n第二章\n".encode(), "no paragraph"),
        ("line.txt", ("一" * 1_100_000).encode(), "a million"),
        ("no.epub", b"not a zip", "EPUB"),
    ],
)
def test_bad_input_is_one_line_that_names_the_file(tmp_path, name, data, says):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=name) as caught:
        load(path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isascii()


def test_missing_files_and_folders_without_text(tmp_path):
    with pytest.raises(CorpusError, match=r"nothing\.txt"):
        load(tmp_path / "nothing.txt")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "picture.png").write_bytes(b"x")
    with pytest.raises(CorpusError, match="folder"):
        load(tmp_path / "folder")


def test_a_folder_is_read_in_the_order_people_number(tmp_path):
    for number in (10, 2, 1):
        write(tmp_path / f"第{number}章.txt", f"这是第{number}个故事，他来了又走了。\n")
    write(tmp_path / ".hidden" / "x.txt", "看不见。\n看不见的。\n")
    paragraphs, report = load(tmp_path)
    assert [text[:5] for _, text in paragraphs] == ["这是第1个", "这是第2个", "这是第10"]
    assert len({chapter for chapter, _ in paragraphs}) == 3
    assert [file["path"].rpartition("第")[2] for file in report.to_dict()["files"]] == [
        "1章.txt",
        "2章.txt",
        "10章.txt",
    ]


def test_a_file_named_twice_is_read_once(tmp_path):
    path = write(tmp_path / "a.txt", BOOK)
    assert load(path, tmp_path, path)[0] == CHAPTERS


def test_a_short_repeat_stays_in_its_own_file(tmp_path):
    first = write(tmp_path / "1.txt", "“是。”\n他来了。\n“是。”\n")
    assert load(first, write(tmp_path / "2.txt", "她走了。\n"))[0] == [
        (0, "“是。”"),
        (0, "他来了。"),
        (0, "“是。”"),
        (1, "她走了。"),
    ]


def test_repeated_blocks_go_and_short_dialogue_stays(tmp_path):
    text = (
        BOOK
        + "第三章 月出\n“是。”\n他走了，走得很远很远，再也没有回来过，谁也不知道。\n"
        + "“是。”\n她哭了。\n"
        + BOOK
    )
    paragraphs, report = load(write(tmp_path / "a.txt", text))
    assert paragraphs == [
        *CHAPTERS,
        (3, "“是。”"),
        (3, "他走了，走得很远很远，再也没有回来过，谁也不知道。"),
        (3, "“是。”"),
        (3, "她哭了。"),
    ]
    assert report.removed["duplicates"] == 4
    assert report.chapters == 3
    assert [removal.before for removal in report.removals if removal.rule == "duplicates"] == [
        text for _, text in CHAPTERS
    ]


def test_what_is_removed_is_counted_and_listed(tmp_path):
    path = write(tmp_path / "a.txt", BOOK + "请收藏本站\n----------\n更多小说请访问www.abc.com\n")
    paragraphs, report = load(path)
    assert paragraphs == CHAPTERS
    assert report.removed["adverts"] == 2
    assert report.removed["rulers"] == 1
    assert [removal.before for removal in report.removals if removal.rule == "adverts"] == [
        "请收藏本站",
        "更多小说请访问www.abc.com",
    ]
    assert "adverts: 2" in report.to_text()


def test_a_gutenberg_frame_is_no_chapter_zero(tmp_path):
    text = (
        f"The Project Gutenberg eBook\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\n{BOOK}"
        "*** END OF THE PROJECT GUTENBERG EBOOK X ***\nLicence.\n"
    )
    paragraphs, report = load(write(tmp_path / "a.txt", text))
    assert paragraphs == CHAPTERS
    assert report.removed["gutenberg"] == 2


def test_wrapped_lines_are_joined_and_noted(tmp_path):
    body = (
        "".join(
            f"{number}他走到门前看见一个人站在那里便问他是谁那人没有回答只是笑了一笑便转身去了，"
            for number in range(100, 112)
        )
        + "完了。"
    )
    lines = [("　　" + body)[start : start + 30] for start in range(0, len(body) + 2, 30)]
    paragraphs, report = load(
        write(
            tmp_path / "a.txt",
            "\n".join(["第一章", *lines, "　　他走了。", "第二章", *lines[:-1], "　　她走了。"]),
        )
    )
    assert paragraphs[:2] == [(1, body), (1, "他走了。")]
    assert paragraphs[-1] == (2, "她走了。")
    assert report.files[0].notes == [{"note": "wrapped_lines", "columns": 60}]
    assert "60 columns" in describe_note(report.files[0].notes[0])


def test_a_book_on_one_line_is_split_and_noted(tmp_path):
    text = "".join(f"这是第{number}天，他又来了。" for number in range(3_000))
    paragraphs, report = load(write(tmp_path / "a.txt", text))
    assert "".join(piece for _, piece in paragraphs) == text
    assert len(paragraphs) > 100
    assert report.files[0].notes == [{"note": "long_lines", "lines": 1}]
    assert "one line" in describe_note(report.files[0].notes[0])


def test_headings_in_a_book_on_one_line_start_chapters(tmp_path):
    body = "".join(f"这是第{number}天，他又来了，不知为了什么。" for number in range(63))
    text = "".join(
        f"第{number}章 风起{number} {body.replace('他', name)}"
        for number, name in enumerate("张王李赵", 1)
    )
    paragraphs, report = load(write(tmp_path / "a.txt", text))
    assert report.chapters == 4
    assert [
        "".join(piece for chapter, piece in paragraphs if chapter == number)
        for number in (1, 2, 3, 4)
    ] == [body.replace("他", name) for name in "张王李赵"]


def test_bare_titles_become_chapters(tmp_path):
    body = "\n".join(
        f"他走到第{number}扇门前，看见一个人站在那里，便问他是谁。" for number in range(30)
    )
    text = "\n\n".join(
        f"{title}\n{body.replace('他', title[0])}" for title in ("风波", "故乡", "社戏")
    )
    paragraphs, report = load(write(tmp_path / "a.txt", text))
    assert report.files[0].notes == [{"note": "bare_titles"}]
    assert report.chapters == 3
    assert paragraphs[0][0] == 1
    assert paragraphs[-1][0] == 3
    assert len(paragraphs) == 90


def test_markdown_headings(tmp_path):
    text = "# 风波\n\n他来了，她走了。\n\n# 故乡\n\n天黑了，灯也亮了。\n"
    assert load(write(tmp_path / "a.md", text))[0] == [
        (1, "他来了，她走了。"),
        (2, "天黑了，灯也亮了。"),
    ]


def test_long_paragraphs_become_segments(tmp_path):
    path = write(tmp_path / "a.txt", "一二三四。" * 5 + "\n他来了。\n")
    corpus = CorpusImport([path], TextConfig(segment_length=10), 1)
    assert [len(paragraph.segments) for paragraph in corpus] == [3, 1]
    assert (corpus.report.paragraphs, corpus.report.segments) == (2, 4)


NOVEL = "".join(
    f"第{chapter}章 风起\n"
    + "".join(
        f"　　他在第{chapter}年的第{day}天来了，又走了。{'她没有说话，' * (day % 9)}天黑了。\n"
        for day in range(20)
    )
    for chapter in range(1, 13)
)


@settings(max_examples=6)
@given(st.integers(150, 20_000))
def test_the_result_does_not_depend_on_the_size_of_a_block(tmp_path_factory, size):
    path = write(tmp_path_factory.getbasetemp() / "blocks.txt", NOVEL + NOVEL[:2995])
    corpus = CorpusImport([path], TextConfig(), 1, block_characters=size)
    whole = CorpusImport([path], TextConfig(), 1)
    assert read(corpus) == read(whole)
    assert corpus.report == whole.report
    assert whole.report.chapters == 13


def test_the_result_does_not_depend_on_the_number_of_workers(tmp_path, monkeypatch):
    monkeypatch.setattr("novelgen.text.importing.PARALLEL_BYTES", 0)
    path = write(tmp_path / "a.txt", NOVEL)
    one, two = (
        CorpusImport([path], TextConfig(), workers, block_characters=5_000) for workers in (1, 2)
    )
    assert read(one) == read(two)
    assert one.report == two.report


def test_a_bad_byte_in_the_middle_stops_the_workers_too(tmp_path, monkeypatch):
    monkeypatch.setattr("novelgen.text.importing.PARALLEL_BYTES", 0)
    path = tmp_path / "a.txt"
    path.write_bytes(NOVEL.encode() * 60 + b"\xff\xfe\n")
    with pytest.raises(CorpusError, match=r"--errors replace"):
        read(CorpusImport([path], TextConfig(encoding="utf-8"), 2))


@given(
    st.lists(st.text(alphabet="一\n", max_size=12).map(lambda text: text + "\n"), max_size=12),
    st.integers(1, 30),
)
def test_blocks_are_whole_lines_and_lose_none(chunks, size):
    blocks = list(cut_blocks(chunks, size))
    assert "".join(f"{block}\n" for block in blocks) == "".join(chunks)
    assert all(
        len(block) <= size or ("\n" not in block[size:] and "\n" not in block) for block in blocks
    )


def test_importing_loads_no_heavy_module():
    heavy = ("torch", "numpy", "multiprocessing", "jieba")
    code = (
        "import sys, novelgen.text.prompt; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_readme_in_a_folder_is_no_novel(tmp_path):
    (tmp_path / "README.md").write_text("关于这个文件夹。\n说明。\n", encoding="utf-8")
    (tmp_path / "novel.txt").write_text("船来了。\n水落了。\n", encoding="utf-8")
    found = [paragraph.segments for paragraph in CorpusImport([tmp_path], TextConfig())]
    assert found == [("船来了。",), ("水落了。",)]
