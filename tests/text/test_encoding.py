import codecs

import pytest

from novelgen.errors import ConfigError, CorpusError
from novelgen.text import encoding as encodings
from novelgen.text.encoding import big5_symbols, check_encoding, common_share

SIMPLIFIED = (
    "他走到门前，看见一个人站在那里。“你是谁？”他问道。那人没有回答，只是笑了一笑，便转身去了。\n"
    * 8
)
TRADITIONAL = (
    "他走到門前，看見一個人站在那裡。「你是誰？」他問道。那人沒有回答，只是笑了一笑，便轉身去了。\n"
    * 8
)


def detect_encoding(path):
    with path.open("rb") as file:
        return encodings.detect_encoding(file, path.stat().st_size, path)


def write(tmp_path, data):
    path = tmp_path / "novel.txt"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("text", "encoding", "detected"),
    [
        (SIMPLIFIED, "utf-8", "utf-8"),
        (TRADITIONAL, "utf-8", "utf-8"),
        (SIMPLIFIED, "utf-8-sig", "utf-8-sig"),
        (SIMPLIFIED, "utf-16", "utf-16"),
        (SIMPLIFIED, "utf-32", "utf-32"),
        (SIMPLIFIED, "utf-16-le", "utf-16-le"),
        (SIMPLIFIED, "utf-16-be", "utf-16-be"),
        (SIMPLIFIED, "gb2312", "gb18030"),
        (SIMPLIFIED + "囧镕喆", "gb18030", "gb18030"),
        (TRADITIONAL, "gbk", "gb18030"),
        (TRADITIONAL, "big5", "cp950"),
        (TRADITIONAL + "她說～約翰‧李\n", "cp950", "cp950"),
        (TRADITIONAL + "恒碁裏銹粧\n", "cp950", "cp950"),
        (TRADITIONAL + "佢哋喺深水埗嘅茶餐廳\n", "big5hkscs", "big5hkscs"),
        (TRADITIONAL + "ひらがな\n", "big5hkscs", "big5hkscs"),
        (SIMPLIFIED, "hz", "hz"),
        ("Chapter 1\nIt was ~{late~} and ~{dark~}.\n", "ascii", "utf-8"),
    ],
)
def test_detects_the_encoding(tmp_path, text, encoding, detected):
    assert detect_encoding(write(tmp_path, text.encode(encoding))) == detected


def test_big5_that_gb18030_decodes_without_complaint_is_big5(tmp_path):
    data = TRADITIONAL.encode("big5")
    assert data.decode("gb18030") != TRADITIONAL
    assert detect_encoding(write(tmp_path, data)) == "cp950"


def test_hong_kongs_big5_has_the_symbols_of_windows():
    data = "慢著～約翰‧李".encode("cp950")
    assert data.decode("big5hkscs") != "慢著～約翰‧李"
    assert big5_symbols(data.decode("big5hkscs")) == "慢著～約翰‧李"
    assert big5_symbols(data.decode("big5")) == "慢著～約翰‧李"


def test_big5_with_a_few_bad_bytes_is_still_big5(tmp_path):
    data = TRADITIONAL.encode("big5").replace("笑".encode("big5"), b"\xff\xff", 1)
    assert detect_encoding(write(tmp_path, data)) == "cp950"


@pytest.mark.parametrize("line", ["“好。”她说。", "天亮了，雨还在下。", "第一章 风起"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_one_short_line_is_enough(tmp_path, line, encoding):
    assert detect_encoding(write(tmp_path, f"{line}\n".encode(encoding))) == encoding


def test_chinese_after_a_long_ascii_preface_is_found(tmp_path):
    data = (
        b"Preface in English.\n" * 60_000
        + SIMPLIFIED.encode("gb18030")
        + b"Afterword in English.\n" * 60_000
    )
    assert detect_encoding(write(tmp_path, data)) == "gb18030"


def test_utf32_is_not_taken_for_utf16(tmp_path):
    assert SIMPLIFIED.encode("utf-32").startswith(codecs.BOM_UTF16_LE)
    assert detect_encoding(write(tmp_path, SIMPLIFIED.encode("utf-32"))) == "utf-32"


def test_plain_ascii_reads_as_utf8(tmp_path):
    assert detect_encoding(write(tmp_path, b"It was a dark and stormy night.\n" * 5)) == "utf-8"


@pytest.mark.parametrize(
    "data", [bytes(range(256)) * 40, b"\x89PNG\r\n\x1a\n" + b"\0" * 200, b"\0" * 500]
)
def test_binary_files_are_refused_in_one_line(tmp_path, data):
    with pytest.raises(CorpusError, match=r"novel\.txt") as caught:
        detect_encoding(write(tmp_path, data))
    assert "\n" not in str(caught.value)


def test_an_unknown_encoding_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="gb18030"):
        check_encoding("gb1803")
    assert check_encoding("GBK") == "gbk"


def test_a_codec_that_is_no_text_encoding_is_refused():
    with pytest.raises(ConfigError, match="hex"):
        check_encoding("hex")


def test_damage_counts_five_times_against_an_encoding():
    text = "他走到门前" * 10
    whole = text.encode("gb18030")
    assert common_share(whole, "gb18030") == 1.0
    # A byte that begins nothing in place of one character of fifty-one.
    assert common_share(whole + b"\xff", "gb18030") == pytest.approx((50 - 5) / 51)


def test_a_line_half_utf8_and_half_gbk_is_refused_with_the_way_out(tmp_path):
    text = SIMPLIFIED.replace("\n", "")
    cut = len(text) * 6 // 10
    path = write(tmp_path, text[:cut].encode() + text[cut:].encode("gbk"))
    with pytest.raises(CorpusError, match=r"novel\.txt: .*--encoding"):
        detect_encoding(path)


@pytest.mark.parametrize("place", ["middle", "end"])
@pytest.mark.parametrize(
    ("text", "encoding", "detected"),
    [(SIMPLIFIED, "gbk", "gb18030"), (TRADITIONAL, "big5", "cp950")],
)
def test_chinese_that_comes_late_in_a_large_file_is_found(
    tmp_path, text, encoding, detected, place
):
    # The English parts are not quite ASCII, so that nothing sends the search further.
    third = 1 << 17
    english = "A preface by its translator, part α\n".encode(encoding)
    chinese = text.encode(encoding)
    parts = [english * (third // len(english))] * 3
    parts[{"middle": 1, "end": 2}[place]] = chinese * (third // len(chinese))
    data = b"".join(parts)
    assert len(data) > 1 << 18
    assert detect_encoding(write(tmp_path, data)) == detected
