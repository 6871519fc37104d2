from novelgen.config import TextConfig
from novelgen.text.prompt import clean_prompt, plain_prompt


def test_a_prompt_is_cleaned_and_its_headings_stay():
    text = "第一章 风起\n\n　　船来了&hellip;\n"
    assert clean_prompt(text, TextConfig()) == ["第一章 风起", "船来了…"]


def test_a_prompt_is_cut_into_segments():
    text = "船来了。水落了。"
    assert clean_prompt(text, TextConfig(segment_length=16)) == [text]
    assert clean_prompt(text * 4, TextConfig(segment_length=16)) == [text * 2, text * 2]


def test_a_prompt_is_simplified_where_the_corpus_was():
    assert clean_prompt("船來了。", TextConfig(simplify=True)) == ["船来了。"]
    assert clean_prompt("船來了。", TextConfig(simplify=False)) == ["船來了。"]


def test_the_lines_of_a_plain_prompt_are_meant_as_they_stand():
    assert plain_prompt(" &amp; 船\r\n\r\n  \n水\x00落\t人散\n") == ["&amp; 船", "水落 人散"]
    assert plain_prompt(" \n\t\n") == []
