"""Losslessness, determinism and the files of the tokenizers."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.config import DataConfig
from novelgen.errors import CheckpointError, ConfigError, CorpusError
from novelgen.text.tokenizers import BOS, EOS, FIRST_BYTE, FIRST_CHARACTER, PAD, Tokenizer
from novelgen.text.vocabulary import SymbolCounts
from novelgen.text.words import (
    UserWord,
    is_spaced,
    read_user_dict,
    spaced_word_cutter,
    word_cutter,
)

TEXT = (
    "宝玉听了，笑道：“这话说得是。林妹妹今日身上可大好了？”"
    "黛玉冷笑道：“多谢你想着，我这病原是一日不好的。”\n"
    "一时丫头们摆上饭来，大家吃过了，各自散去。那日正是三月中浣，宝玉携了一套《会真记》，"
    "走到沁芳闸桥边桃花底下坐着。\n"
    "宝玉道：“好好，来把这个花扫起来，撂在那水里。”黛玉道：“撂在水里不好，你看这里的水干净。”\n"
) * 3

# Any text at all, and text that mixes the known characters with the rest.
characters = st.characters(exclude_categories=["Cs"])
known = st.sampled_from("Tom dog's 宝玉黛玉道，。“”了 \n\r\t\x00a1Z䴐𠀀😀\u0301\ufeff\u3000")
texts = st.text(characters) | st.text(known | characters)


def build(kind: str, text: str = TEXT, **options) -> Tokenizer:
    config = DataConfig(tokenizer=kind, **options)
    return SymbolCounts.of(text, word_cutter() if kind == "word" else None).tokenizer(config)


ENGLISH = "I don't know why Tom's dog barks.\nTom said: \"I know the dog.\"\n宝玉说 OK 了。\n" * 2
CHAR, WORD = build("char"), build("word")
SPACED = SymbolCounts.of(TEXT + ENGLISH, spaced_word_cutter()).tokenizer(
    DataConfig(tokenizer="word")
)
both = pytest.mark.parametrize("tokenizer", [CHAR, WORD, SPACED], ids=["char", "word", "spaced"])


@both
@given(text=texts)
def test_decoding_undoes_encoding(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(FIRST_BYTE <= number < tokenizer.size for number in ids)


@both
@settings(max_examples=60)
@given(lines=st.lists(texts, max_size=6))
def test_lines_encode_as_each_alone_with_eos(tokenizer, lines):
    ids, lengths = tokenizer.encode_lines(lines)
    assert ids.tolist() == [number for line in lines for number in [*tokenizer.encode(line), EOS]]
    assert lengths.tolist() == [len(tokenizer.encode(line)) + 1 for line in lines]


@both
def test_known_text_needs_no_bytes(tokenizer):
    line = TEXT.split("\n")[0]
    assert min(tokenizer.encode(line)) >= FIRST_CHARACTER


def test_words_are_single_tokens_and_characters_the_fallback():
    ids = WORD.encode("宝玉冷笑")
    assert WORD.labels(ids) == ["宝玉", "冷笑"]
    assert len(WORD.encode("宝钗")) == 1 + 3  # 宝 is known, 钗 is three bytes


@both
def test_unknown_characters_are_their_bytes(tokenizer):
    assert tokenizer.encode("钗") == [byte + FIRST_BYTE for byte in "钗".encode()]
    assert tokenizer.labels(tokenizer.encode("钗")) == ["<E9>", "<92>", "<97>"]


@both
def test_incomplete_bytes_become_the_replacement_character(tokenizer):
    first, second, _ = tokenizer.encode("钗")
    known = tokenizer.encode("道")
    assert tokenizer.decode([first, second, *known, first]) == "�道�"


@both
def test_specials_decode_to_nothing_and_are_labelled(tokenizer):
    assert tokenizer.decode([BOS, *tokenizer.encode("道"), EOS, PAD]) == "道"
    assert tokenizer.labels(np.array([PAD, BOS, EOS])) == ["<PAD>", "<BOS>", "<EOS>"]


@both
def test_a_lone_surrogate_is_named(tokenizer):
    with pytest.raises(CorpusError, match=r"character 3 .*U\+D800"):
        tokenizer.encode("宝玉\ud800")
    with pytest.raises(CorpusError, match="surrogate"):
        tokenizer.encode_lines(["宝玉", "\udfff"])


@both
def test_punctuation_has_no_letter_digit_or_ideograph(tokenizer):
    labels = set(tokenizer.labels(tokenizer.punctuation_ids))
    assert {"，", "。", "“", "”", "？", "《"} <= labels
    assert not any(character.isalnum() for label in labels for character in label)
    assert min(tokenizer.punctuation_ids) >= FIRST_CHARACTER


def test_vocabulary_is_ordered_by_count_then_code_point():
    assert build("char", "乙乙甲甲丙丙丙丁", min_count=1).characters == ["丙", "乙", "甲", "丁"]
    assert build("char", "乙乙甲甲丙丙丙丁", min_count=2).characters == ["丙", "乙", "甲"]


def test_newlines_are_no_character():
    assert "\n" not in build("char", "甲\n\n乙\n", min_count=1).characters
    assert "\n" not in "".join(build("word", "甲\n\r\n\r\n\r\n乙\n", min_count=1).words)


@given(size=st.integers(260, 420))
@settings(max_examples=30)
def test_vocabulary_size_is_honoured_characters_first(size):
    tokenizer = build("word", min_count=1, vocabulary_size=size)
    assert tokenizer.size <= size
    assert not tokenizer.words or set(tokenizer.characters) == set(TEXT) - {"\n"}
    assert tokenizer.decode(tokenizer.encode(TEXT)) == TEXT


def test_counts_of_parts_add_up_to_the_counts_of_the_whole():
    lines = TEXT.split("\n")
    whole, added = SymbolCounts.of(TEXT, word_cutter()), SymbolCounts()
    for line in lines:
        added.add(SymbolCounts.of(line, word_cutter()))
    assert added.characters == whole.characters
    assert added.words == whole.words


def test_counting_many_words_keeps_the_common_ones():
    counts = SymbolCounts()
    for number in range(50):
        part = SymbolCounts()
        part.words.update({"常见": 2, f"少见{number}": 1})
        counts.add(part, max_words=10)
        assert len(counts.words) <= 10
    assert counts.words["常见"] == 100


def test_empty_text_is_counted():
    assert (
        SymbolCounts.of("", word_cutter()).tokenizer(DataConfig(tokenizer="word")).size
        == FIRST_CHARACTER
    )


@both
def test_saved_and_loaded_it_is_the_same(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.encode(TEXT) == tokenizer.encode(TEXT)
    assert loaded.to_dict() == tokenizer.to_dict()
    assert loaded.fingerprint == tokenizer.fingerprint


def test_fingerprints_tell_vocabularies_apart():
    tokenizers = [
        CHAR,
        WORD,
        Tokenizer(CHAR.characters[::-1]),
        Tokenizer(CHAR.characters, []),
        Tokenizer(WORD.characters, WORD.words, [UserWord("宝玉道")]),
    ]
    assert len({tokenizer.fingerprint for tokenizer in tokenizers}) == len(tokenizers)


DAMAGE = {
    "no characters": lambda data: data.pop("characters"),
    "a character twice": lambda data: data.update(characters="宝宝"),
    "a newline": lambda data: data.update(characters="宝\n"),
    "numbers": lambda data: data.update(characters=7),
    "a newline in a word": lambda data: data.update(words=["玉\n"]),
    "a short word": lambda data: data.update(words=["玉"]),
    "another kind": lambda data: data.update(kind="byte"),
    "no format": lambda data: data.pop("format"),
    "a user word of no kind": lambda data: data.update(user_words=[[1, 2, 3]]),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_data_is_one_clear_line(damage):
    data = WORD.to_dict()
    damage(data)
    with pytest.raises(CheckpointError, match="damaged") as caught:
        Tokenizer.from_dict(data)
    assert "\n" not in str(caught.value)


def test_a_newer_format_is_named():
    with pytest.raises(CheckpointError, match="newer"):
        Tokenizer.from_dict({**CHAR.to_dict(), "format": 99})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json.*damaged"):
        Tokenizer.load(path)
    with pytest.raises(CheckpointError, match="missing"):
        Tokenizer.load(tmp_path / "missing")


def test_the_file_is_the_same_in_every_process(tmp_path):
    WORD.save(tmp_path / "a.json")
    build("word").save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["format"] == 1


def cutter_without(module, user_words=()):
    """The word cutter of a machine on which one of the two segmenters is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module, None)
        return word_cutter.__wrapped__(user_words)


@pytest.fixture(scope="module")
def jieba_cut():
    pytest.importorskip("jieba")
    return cutter_without("rjieba")


def test_jieba_and_rjieba_cut_alike(jieba_cut):
    pytest.importorskip("rjieba")
    rjieba_cut = cutter_without("jieba")
    text = TEXT + "他說㐀㐀字䴐䴐地。a1.5% B+C😀 \r\n　　9月1日\n"
    names = (UserWord("宝玉道"), UserWord("水里", 1), UserWord("林妹妹今日", 50_000))
    assert rjieba_cut(text) == jieba_cut(text)
    words = cutter_without("jieba", names)(text)
    assert words == cutter_without("rjieba", names)(text)
    assert "宝玉道" in words
    assert "宝玉道" not in rjieba_cut(text)


@settings(max_examples=60)
@given(text=texts)
def test_jieba_loses_nothing_either(jieba_cut, text):
    assert "".join(jieba_cut(text)) == text


def test_without_rjieba_jieba_cuts_and_without_both_there_is_an_error(monkeypatch):
    pytest.importorskip("jieba")
    cut = word_cutter.__wrapped__
    monkeypatch.setitem(sys.modules, "rjieba", None)
    assert cut(())("宝玉冷笑") == ["宝玉", "冷笑"]
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(ConfigError, match="pip install"):
        cut(())


def test_user_dict_is_read(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text(
        "\ufeff空空道人 5 nr\n\n石头记\nGreat Garden 3\n葬花吟 n\n石头记 7\n", encoding="utf-8"
    )
    assert read_user_dict(path) == [
        UserWord("空空道人", 5),
        UserWord("石头记", 7),
        UserWord("Great Garden", 3),
        UserWord("葬花吟"),
    ]


def test_a_bad_user_dict_is_named(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes("空空道人".encode("gb18030"))
    with pytest.raises(ConfigError, match=r"names\.txt.*UTF-8"):
        read_user_dict(path)
    path.write_text("石头记\n空空道人 0\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="line 2"):
        read_user_dict(path)
    with pytest.raises(ConfigError, match="missing"):
        read_user_dict(tmp_path / "missing")


def test_user_words_are_kept_whole_after_loading():
    tokenizer = SymbolCounts.of("甲空空道人乙" * 3, word_cutter((UserWord("空空道人"),))).tokenizer(
        DataConfig(tokenizer="word"), [UserWord("空空道人")]
    )
    loaded = Tokenizer.from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert loaded.labels(loaded.encode("空空道人")) == ["空空道人"]


def test_text_with_spaces_is_cut_at_spaces_and_punctuation():
    def labels(text):
        return SPACED.labels(SPACED.encode(text))

    assert labels("I don't know Tom's dog.") == ["I", " don't", " know", " Tom's", " dog", "."]
    assert labels("The dog") == [*"The", " dog"]
    assert labels("Tom said: 宝玉")[-1] == "宝玉"
    assert SPACED.spaced
    assert Tokenizer.from_dict(SPACED.to_dict()).encode(ENGLISH) == SPACED.encode(ENGLISH)


def test_a_line_is_cut_alike_alone_and_among_lines_of_another_script():
    cut, lines = spaced_word_cutter(), (TEXT + ENGLISH).splitlines(keepends=True)
    assert cut("".join(lines)) == [word for line in lines for word in cut(line)]
    assert cut(TEXT) == word_cutter()(TEXT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom.\n", True),
        ("Привет", True),
        ("宝玉\nTom", True),
        ("宝玉 Tom", False),
        ("……3.14\n", False),
        ("はい", False),
        ("", False),
        ("a" * 50_000 + "玉", False),
    ],
)
def test_what_is_written_with_spaces(text, expected):
    assert is_spaced(text) is expected


def test_a_vocabulary_of_chinese_alone_says_nothing_about_spaces():
    """So that stores and runs from before such words stay what they were."""
    tokenizer = SymbolCounts.of(TEXT, spaced_word_cutter()).tokenizer(DataConfig(tokenizer="word"))
    assert tokenizer.to_dict() == WORD.to_dict()
    assert "spaced" not in WORD.to_dict()


@given(text=texts)
def test_the_words_of_any_text_are_the_text(text):
    assert "".join(spaced_word_cutter()(text)) == text
