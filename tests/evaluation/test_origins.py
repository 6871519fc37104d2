"""Where written text stands in the training text."""

import random

from hypothesis import given
from hypothesis import strategies as st

from novelgen.config import DataConfig, TextConfig
from novelgen.data.novel import Novel
from novelgen.data.passages import PassageIndex
from novelgen.data.prepare import open_or_build
from novelgen.evaluation.origins import Origin, find_copies, find_origins, locate
from novelgen.evaluation.text import copied, ngrams

LINES = ["小满坐在船头，数着河边的石阶。", "爷爷说，今天的水比昨天高。"]


def test_span_is_as_long_as_it_can_be_and_names_its_line():
    text = "他听见爷爷说，今天的水比昨天高，就走了。"
    (origins,) = find_origins([text], PassageIndex.build(LINES))
    assert [text[each.start : each.stop] for each in origins] == ["爷爷说，今天的水比昨天高"]
    assert origins[0].line == 1


def test_less_than_eight_characters_are_nobodys():
    assert find_origins(["爷爷说，今天"], PassageIndex.build(LINES)) == [[]]
    assert find_origins([], PassageIndex.build(LINES)) == []


def test_of_two_lines_the_one_with_the_longer_piece_is_named():
    lines = ["一二三四五六七八", "二三四五六七八九十甲乙"]
    assert find_origins(["一二三四五六七八九十甲乙"], PassageIndex.build(lines)) == [
        [Origin(0, 12, 1)]
    ]


@given(st.integers(0, 1000))
def test_spans_cover_what_the_copied_share_counts(seed):
    rng = random.Random(seed)
    lines = ["".join(rng.choices("一二三", k=rng.randint(0, 40))) for _ in range(20)]
    texts = ["".join(rng.choices("一二三", k=rng.randint(0, 30))) for _ in range(3)]
    index = PassageIndex.build(lines)
    found = find_origins(texts, index)
    total = sum(len(list(ngrams(text, 8))) for text in texts)
    within = sum(each.stop - each.start - 7 for origins in found for each in origins)
    assert within == round(copied(texts, index) * total)
    for text, origins in zip(texts, found, strict=True):
        for each in origins:
            span = text[each.start : each.stop]
            assert any(gram in lines[each.line] for gram in ngrams(span, 8))


def test_place_has_novel_chapter_and_number(tmp_path, novel):
    store = open_or_build([novel], TextConfig(), DataConfig(), tmp_path / "stores")
    training = list(store.texts("train"))
    place = locate(store, "train", 0)
    assert place.novel == "novel.txt"
    assert place.chapter.startswith("第1章")
    assert place.paragraph == 1
    # The last training line stands in the last chapter that is not held out.
    last = locate(store, "train", len(training) - 1)
    assert last.chapter.startswith("第39章")
    assert last.paragraph == (store.chapters == 39).sum()


def test_copies_in_a_run_are_named_by_novel_chapter_and_paragraph(
    tmp_path, novel, make_run, monkeypatch
):
    path = make_run(tmp_path / "run")
    # 1. A run whose training text is not here says nothing of it.
    assert find_copies(path, ["我来了"]) is None
    # 2. Of one that has it, the spans and where they stand.
    store = open_or_build([novel], TextConfig(), DataConfig(), tmp_path / "stores")
    data = Novel(store, DataConfig(), [novel])
    monkeypatch.setattr("novelgen.evaluation.origins.ready_data", lambda *_: data)
    line = next(store.texts("train"))
    text = f"甲{line[:9]}乙"
    none, (copy,) = find_copies(path, ["没有的", text])
    assert none == []
    assert text[copy.start : copy.stop] == copy.text == line[:9]
    assert copy.source == locate(store, "train", 0)
