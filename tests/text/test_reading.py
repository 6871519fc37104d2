import random
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.errors import ConfigError, CorpusError
from novelgen.text.reading import open_files, open_text

NOVEL = (
    "第一章 渡口\n"
    "船家把缆绳一圈一圈地绕好，回头看了看天色，说：“今晚怕是走不成了。”\n"
    "“那就等到明天。”他在石头上坐下来，从怀里取出半块饼，慢慢地吃着。\n"
    "第二章 对岸\n"
    "天亮的时候，对面山上的灯还没有灭，有人站在那里，向他们挥了挥手。\n"
)


def write(tmp_path, data, name="novel.txt"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def read(file):
    return "".join(file.chunks())


def notes(file):
    return {note["note"]: note for note in file.notes}


@pytest.mark.parametrize(("first", "second"), [("utf-8", "gb18030"), ("gb18030", "utf-8")])
def test_two_encodings_in_one_file_are_both_read(tmp_path, first, second):
    start = (NOVEL * 3).encode(first)
    file = open_text(write(tmp_path, start + (NOVEL * 3).encode(second)))
    assert read(file) == NOVEL * 6
    assert file.encoding == f"{first}+{second}"
    note = notes(file)["two_encodings"]
    assert (note["offset"], note["changes"]) == (len(start), 1)


def test_a_short_line_where_the_encoding_changes_is_read(tmp_path):
    data = NOVEL.encode("gb18030") + "楔子\n".encode() + NOVEL.encode("utf-8")
    assert read(open_text(write(tmp_path, data))) == f"{NOVEL}楔子\n{NOVEL}"


def test_big5_behind_utf8_is_read(tmp_path):
    line = "船家把纜繩一圈一圈地繞好，回頭看了看天色，說：「今晚怕是走不成了～」\n"
    file = open_text(write(tmp_path, (line * 4).encode("utf-8") + (line * 4).encode("cp950")))
    assert read(file) == line * 8


def test_a_bad_byte_in_utf8_is_reported_with_its_place(tmp_path):
    data = NOVEL.encode("utf-8")
    place = data.index("岸".encode()) + 1
    path = write(tmp_path, data[:place] + b"\xff" + data[place:])
    with pytest.raises(CorpusError, match=rf"line 4, byte offset {place - 1} .*--errors replace"):
        open_text(path)


@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_a_wrong_encoding_is_answered_with_the_one_that_the_evidence_shows(tmp_path, errors):
    path = write(tmp_path, NOVEL.encode("gbk"))
    with pytest.raises(CorpusError, match="--encoding gb18030") as caught:
        open_text(path, "utf-8", errors)
    assert "\n" not in str(caught.value)


def test_a_few_bad_bytes_are_dropped_on_request_and_counted(tmp_path):
    data = (NOVEL * 4).encode("utf-8").replace("灭".encode(), b"\xff", 1)
    file = open_text(write(tmp_path, data), errors="replace")
    assert notes(file)["lost_bytes"]["count"] == 1


def test_garbled_text_is_restored_and_said_so(tmp_path):
    garbled = NOVEL.encode("gbk").decode("latin-1")
    file = open_text(write(tmp_path, garbled.encode("utf-8")))
    assert read(file) == NOVEL
    note = notes(file)["repaired"]
    assert (note["right"], note["wrong"], note["lines"]) == ("gb18030", "windows-1252", 5)


def test_text_that_was_garbled_twice_is_restored(tmp_path):
    once = NOVEL.encode("utf-8").decode("latin-1")
    twice = once.encode("utf-8").decode("latin-1")
    assert read(open_text(write(tmp_path, twice.encode("utf-8")))) == NOVEL


@pytest.mark.parametrize(
    "text",
    [
        NOVEL.encode("utf-8").decode("gbk", errors="ignore"),
        NOVEL.encode("gbk").decode("utf-8", errors="replace"),
        NOVEL.encode("utf-8").decode("cp1252", errors="replace"),
        NOVEL.encode("gbk").decode("utf-8", "replace").encode().decode("gbk", "replace"),
        "烫烫烫烫烫烫" * 20 + "\n" + NOVEL,
        NOVEL.encode("ascii", errors="replace").decode() * 3,
    ],
)
def test_text_beyond_repair_is_refused_in_one_line(tmp_path, text):
    with pytest.raises(CorpusError, match=r"novel\.txt: garbled") as caught:
        open_text(write(tmp_path, text.encode("utf-8")))
    assert "\n" not in str(caught.value)


def test_a_few_marks_are_counted(tmp_path):
    text = NOVEL * 20 + "他在纸上写着锟斤拷。\n"
    assert notes(open_text(write(tmp_path, text.encode())))["garbled_places"]["count"] == 1


def scrambled(text, alphabet):
    table = {}
    draw = random.Random(7)
    return "".join(
        table.setdefault(character, draw.choice(alphabet))
        if "一" <= character <= "龥"
        else character
        for character in text
    )


@pytest.mark.parametrize("alphabet", ["".join(map(chr, range(0x4E00, 0x9FA0))), "\ue100\ue101"])
def test_a_text_that_a_font_scrambles_is_noticed(tmp_path, alphabet):
    text = "".join(scrambled(NOVEL, alphabet) for _ in range(3))
    file = open_text(write(tmp_path, text.encode("utf-8")))
    assert "scrambled" in notes(file)
    assert "scrambled" not in notes(open_text(write(tmp_path, (NOVEL * 3).encode("utf-8"))))


def test_private_use_characters_leave_a_mark(tmp_path):
    text = NOVEL + "那山叫\ue4a1\ue815山，也叫\U000f1234山。\n"
    file = open_text(write(tmp_path, text.encode("utf-8")))
    assert read(file).endswith("那山叫□⺁山，也叫□山。\n")
    assert notes(file)["private_use"] == {"note": "private_use", "known": 1, "unknown": 2}


def test_windows_big5_is_itself_though_plain_big5_is_named(tmp_path):
    line = "「慢著～」約翰‧李把纜繩繞好，回頭看了看天色。\n"
    path = write(tmp_path, (line * 5).encode("cp950"))
    assert read(open_text(path)) == line * 5
    assert read(open_text(path, "big5")) == line * 5


def test_an_html_page_is_read_with_its_headings(tmp_path):
    page = "<!DOCTYPE html><meta charset=gbk><h2>第一章 渡口</h2><p>船来了，人也来了。</p>"
    for name in ("novel.html", "novel.txt"):
        file = open_text(write(tmp_path, page.encode("gbk"), name))
        assert read(file) == "# 第一章 渡口\n船来了，人也来了。\n"
        assert file.marks_headings


@pytest.mark.parametrize(
    ("name", "data", "remedy"),
    [
        ("a.mobi", b"\0" * 60 + b"BOOKMOBI", "ebook-convert"),
        ("a.azw3", b"x" * 80, "ebook-convert"),
        ("a.txt", b"%PDF-1.4 x", "pdftotext"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "soffice"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "soffice"),
        ("a.rar", b"Rar!\x1a\x07", "unpack"),
        ("a.docx", b"nonsense", "Word document"),
        ("a.zip", b"PK\x03\x04nonsense", "archive"),
        ("a.txt", b"", "empty"),
    ],
)
def test_what_is_not_read_is_refused_with_a_remedy(tmp_path, name, data, remedy):
    path = write(tmp_path, data, name)
    with pytest.raises(CorpusError, match=remedy) as caught:
        "".join(read(file) for file in open_files([path]).files)
    assert "\n" not in str(caught.value)


def folder(tmp_path):
    novel = NOVEL.encode("utf-8")
    for name in ("甲/旧渡口.txt", "甲/新渡口.md", "乙/无名", "乙/一.html"):
        write(tmp_path, novel, name)
    archive = tmp_path / "丙.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("第10章.txt", NOVEL)
        packed.writestr("第2章.txt", NOVEL)
        packed.writestr("__MACOSX/._第2章.txt", "x")
        packed.writestr("封面.jpg", "x")
    for name in ("inf.txt", "readme.txt", "甲/更多.url", ".DS_Store", "__MACOSX/甲/._旧渡口.txt"):
        write(tmp_path, b"x", name)
    write(tmp_path, b"%PDF-1.4", "扫描.pdf")
    write(tmp_path, b"", "空.txt")
    write(tmp_path, b"PK\x03\x04x", "坏.epub")
    return tmp_path


def test_a_folder_as_people_have_it(tmp_path):
    opened = open_files([folder(tmp_path)])
    names = [file.path.relative_to(tmp_path).as_posix() for file in opened.files]
    assert names == [
        "丙.zip/第2章.txt",
        "丙.zip/第10章.txt",
        "乙/一.html",
        "乙/无名",
        "甲/新渡口.md",
        "甲/旧渡口.txt",
    ]
    skipped = {
        skipped.path.removeprefix(f"{tmp_path}/"): skipped.reason for skipped in opened.skipped
    }
    assert skipped == {
        ".DS_Store": "system",
        "__MACOSX": "system",
        "inf.txt": "about",
        "readme.txt": "about",
        "坏.epub": "failed",
        "扫描.pdf": "foreign_format",
        "甲/更多.url": "other",
        "空.txt": "empty",
        "丙.zip/__MACOSX/._第2章.txt": "system",
        "丙.zip/封面.jpg": "other",
    }
    assert [read(file)[:5] for file in opened.files if "zip" in str(file.path)] == ["第一章 渡"] * 2


def test_a_file_that_fails_is_named_and_the_rest_go_on_unless_strict(tmp_path):
    bad = write(tmp_path, bytes(range(256)) * 9, "坏.txt")
    good = write(tmp_path, NOVEL.encode(), "好.txt")
    opened = open_files([tmp_path])
    assert [file.path for file in opened.files] == [good]
    (skipped,) = opened.skipped
    assert (skipped.path, skipped.reason) == (str(bad), "failed")
    assert "binary" in skipped.message
    with pytest.raises(CorpusError, match="binary"):
        open_files([tmp_path], strict=True)
    with pytest.raises(CorpusError, match="binary"):
        open_files([bad])


def test_an_unknown_encoding_is_refused_for_every_file(tmp_path):
    write(tmp_path, NOVEL.encode(), "a.txt")
    with pytest.raises(ConfigError, match="utf-9"):
        open_files([tmp_path], "utf-9")


@given(
    st.lists(
        st.sampled_from(
            [NOVEL[:9].encode(code) for code in ("utf-8", "gbk", "utf-16-le")]
            + [b"~{", b"~}", b"\xff", b"\0", b"\n", b"<html>", "锟斤拷".encode(), b"?" * 60]
        )
        | st.binary(max_size=9),
        max_size=20,
    ).map(b"".join)
)
def test_any_bytes_are_text_or_refused_in_one_line(tmp_path_factory, data):
    path = write(tmp_path_factory.mktemp("fuzz"), data)
    for errors in ("strict", "replace"):
        try:
            decoded, refusal = read(open_text(path, errors=errors)), None
        except CorpusError as error:
            decoded, refusal = "", str(error)
        assert refusal is None or (str(path) in refusal and "\n" not in refusal)
        assert "\r" not in decoded
        assert decoded.encode("utf-8").decode("utf-8") == decoded


def test_an_encoding_that_is_named_is_taken_at_its_word(tmp_path):
    # Without the name the file is read as what it is, in two encodings.
    data = (NOVEL * 3).encode("utf-8") + (NOVEL * 3).encode("gb18030")
    path = write(tmp_path, data)
    assert read(open_text(path)) == NOVEL * 6
    with pytest.raises(CorpusError, match=r"novel\.txt: line .* is not utf-8.*--encoding"):
        read(open_text(path, "utf-8"))


def test_files_that_are_left_out_are_not_read(tmp_path):
    paths = [write(tmp_path, NOVEL.encode(), name) for name in ("a.txt", "b.txt", "c.txt")]
    opened = open_files([tmp_path], leave_out={paths[1]})
    assert [file.path for file in opened.files] == [paths[0], paths[2]]
