import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.text.segments import cut_segments, split_sentences

PROSE = st.text(
    alphabet="一二三四五六七八，。！？；：、…—“”‘’「」『』（）《》\"' ab.", max_size=300
)


@given(PROSE, st.integers(10, 120))
def test_segments_joined_are_the_paragraph_and_within_the_limit(paragraph, limit):
    segments = cut_segments(paragraph, limit)
    assert "".join(segments) == paragraph
    assert all(1 <= len(segment) <= limit for segment in segments)


@given(PROSE)
def test_sentences_joined_are_the_paragraph(paragraph):
    assert "".join(split_sentences(paragraph)) == paragraph


SENTENCES = st.lists(
    st.sampled_from(
        [
            "“你来了？”他说。",
            "她走了。",
            "“好！”",
            "他想：‘不行！’",
            "「走罢！」他道：「快！」",
            "（他笑了。）",
            "天黑了……",
            "真的吗？！",
            "《风》好。",
        ]
    ),
    min_size=1,
    max_size=30,
).map("".join)


@given(SENTENCES, st.integers(12, 60))
def test_no_segment_starts_with_what_belongs_to_the_sentence_before(paragraph, limit):
    segments = cut_segments(paragraph, limit)
    assert not any(segment[0] in "”’」』）》】。！？…，；：、" for segment in segments)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("他来了。她走了。", ["他来了。", "她走了。"]),
        ("“你来了？”他说。“来了！”", ["“你来了？”", "他说。", "“来了！”"]),
        ("“走罢。”“好。”", ["“走罢。”", "“好。”"]),
        ("真的？！……是的。", ["真的？！……", "是的。"]),
        ('"走罢。"他说。"好。"', ['"走罢。"', "他说。", '"好。"']),
        ("「好！」他道。", ["「好！」", "他道。"]),
        ("他说：“是。”，又走了。", ["他说：“是。”，又走了。"]),
        ("好……罢。", ["好……", "罢。"]),
        ("He came. She left.", ["He came. ", "She left."]),
        ("没有句号", ["没有句号"]),
    ],
)
def test_sentences(text, sentences):
    assert split_sentences(text) == sentences


def test_sentences_are_packed_up_to_the_limit():
    assert cut_segments("一二三四。" * 5, 10) == [
        "一二三四。一二三四。",
        "一二三四。一二三四。",
        "一二三四。",
    ]


def test_a_long_sentence_is_cut_at_its_clauses_first():
    assert cut_segments("一二三四五六七，八九十一二，三四五六七八。", 13) == [
        "一二三四五六七，",
        "八九十一二，三四五六七八。",
    ]


def test_text_without_punctuation_is_cut_at_the_limit():
    assert cut_segments("一" * 25, 10) == ["一" * 10, "一" * 10, "一" * 5]


def test_a_hard_cut_keeps_a_closing_mark_with_what_it_closes():
    assert cut_segments("一" * 10 + "》" + "二" * 5, 10)[1][0] != "》"


def test_a_tiny_last_segment_shares_with_the_one_before():
    segments = cut_segments("一二三四五六七八九。" * 10 + "完。", 100)
    assert "".join(segments).endswith("完。")
    assert min(map(len, segments)) > 20


def test_a_short_paragraph_is_one_segment_and_an_empty_one_none():
    assert cut_segments("他来了。", 100) == ["他来了。"]
    assert cut_segments("", 100) == []
