import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from novelgen.config import TextConfig
from novelgen.text import cleaning
from novelgen.text.cleaning import RULES, TEXT_RULES
from novelgen.text.prompt import clean_prompt


def clean(text):
    for rule in TEXT_RULES:
        text = rule(text)
    return text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("你&nbsp;好&mdash;&#20320;&amp;lt;", "你 好—你<"),
        ("A&B &Tom; R&D", "A&B &Tom; R&D"),
        ('一<br>二<br/>三<p class="x">四</p>', "一\n二\n三\n四\n"),
        ("他<b>笑</b>了<a href='http://x'>。</a>", "他笑了。"),
        ("a < b，c > d，<三国>", "a < b，c > d，<三国>"),
        ("一\r\n二\r三\x85四\u2028五\x0c六", "一\n二\n三\n四\n五\n六"),
        ("他\u200b来\ufeff了\x00\x1b\ud800。", "他来了。"),
        ("他\ue000来了。", "他□来了。"),
        ("坏\ufffd字", "坏字"),
        ("<ruby>阿渔<rt>ā yú</rt></ruby>来了。", "阿渔来了。"),
        ("<ruby><rb>渔</rb><rp>（</rp><rt lang='zh'>yú</rt><rp>）</rp></ruby>来了。", "渔来了。"),
        ("<ruby>渔<rt>yú<rb>舟<rt>zhōu</ruby>来了。", "渔舟来了。"),
        ("<rt>没有关上", "没有关上"),
        ("　　他来了。　", "他来了。"),
        ("\t他\xa0来", "他 来"),
        ("他来了。　　她走了。", "他来了。\n她走了。"),
        (
            "第一回　　甄士隐梦幻识通灵　　贾雨村风尘怀闺秀",
            "第一回　甄士隐梦幻识通灵　贾雨村风尘怀闺秀",
        ),
        ("他来 了，她走了。", "他来了，她走了。"),
        ("第一章　　" + "他" * 250 + "。", "第一章　" + "他" * 250 + "。"),
        ("第一章　　" + "他。" * 150, "第一章\n" + "他。" * 150),
        ("他来了．她走了｡", "他来了。她走了。"),
        ("约翰．史密斯有3．14元", "约翰．史密斯有3．14元"),
        ("他来了,她走了.", "他来了，她走了。"),
        ("等等...他说", "等等...他说"),
        ("真的？！……——！！！", "真的？！……——！！！"),
        ("Mr. Smith, 30.5 and 1,000", "Mr. Smith, 30.5 and 1,000"),
    ],
)
def test_text_rules(before, after):
    assert clean(before) == after


@given(st.text(alphabet="一二。！“”《》 　\t<>&;a1.,br/\n\r\u200b\ufffd", max_size=60))
def test_cleaning_twice_changes_nothing_more_for_spaces_and_characters(text):
    once = cleaning.inner_spaces(cleaning.outer_spaces(cleaning.invisible(cleaning.newlines(text))))
    assert (
        cleaning.inner_spaces(cleaning.outer_spaces(cleaning.invisible(cleaning.newlines(once))))
        == once
    )


@example(["", "", "", ""], cleaning.rulers)
@given(
    st.lists(st.text(alphabet="一二他。！：“”《》 　<>&;a1.,=-br/www", max_size=30), max_size=6),
    st.sampled_from(RULES),
)
def test_every_rule_treats_each_line_alone(lines, rule):
    assert rule("\n".join(lines)) == "\n".join(map(rule, lines))


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_nothing_that_cannot_be_stored_survives(text):
    cleaned = clean(text + "\ud800\udfff\x00\ufffd")
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert not any(character < " " and character != "\n" for character in cleaned)


@pytest.mark.parametrize("line", ["----------", "＊＊＊", "* * *", "———————", "~~~~~~"])
def test_rulers_go(line):
    assert cleaning.rulers(line) == ""


@pytest.mark.parametrize("line", ["——", "……", "—他来了—", "***他"])
def test_what_a_novel_writes_is_no_ruler(line):
    assert cleaning.rulers(line) == line


def test_simplify_converts_characters_and_is_not_applied_by_default():
    pytest.importorskip("opencc")
    assert clean_prompt("頭髮與發現", TextConfig(simplify=True)) == ["头发与发现"]
    assert clean_prompt("頭髮與發現", TextConfig()) == ["頭髮與發現"]


def test_a_prompt_becomes_segments_like_a_corpus():
    config = TextConfig(segment_length=10)
    assert clean_prompt("　　他来了。她走了。\r\n\r\n天黑了，灯亮了，人都散了。", config) == [
        "他来了。她走了。",
        "天黑了，灯亮了，",
        "人都散了。",
    ]
    assert clean_prompt(" 　\n\t\u200b", config) == []
    assert clean_prompt("第一章 风起", config) == ["第一章 风起"]
