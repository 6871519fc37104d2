"""Pairs: neighbours inside a chapter and a part, whole in every batch."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.config import DataConfig, TextConfig
from novelgen.data.pairs import Pairs
from novelgen.data.prepare import open_or_build
from novelgen.data.split import PARTS
from novelgen.errors import CorpusError
from novelgen.text.tokenizers import EOS, PAD, Tokenizer

TOKENIZER = Tokenizer("春夏秋冬风花雪月")
texts = st.text("春夏秋冬风花雪月虫😀", min_size=1, max_size=12)
rows = st.lists(st.tuples(st.lists(texts, min_size=1, max_size=3), texts), min_size=1, max_size=12)


@pytest.fixture
def store(novel, tmp_path):
    return open_or_build([novel], TextConfig(), DataConfig(), tmp_path / "stores")


def segments(store, ids):
    """The texts in a row of ids that ends in EOS and PAD."""
    ids = [number for number in ids.tolist() if number != PAD]
    assert ids[-1] == EOS
    ends = [-1, *np.flatnonzero(np.array(ids) == EOS).tolist()]
    return [store.tokenizer.decode(ids[start + 1 : end]) for start, end in pairwise(ends)]


@pytest.mark.parametrize("context", [1, 2, 100])
def test_pairs_are_all_neighbours_of_a_chapter(store, context):
    texts, chapters = list(store.texts()), store.chapters.tolist()
    expected = {part: [] for part in PARTS}
    for place in range(1, len(texts)):
        source = [
            texts[before]
            for before in range(max(0, place - context), place)
            if chapters[before] == chapters[place]
        ]
        if source:
            part = {10: "valid", 0: "test"}.get(chapters[place] % 20, "train")
            expected[part].append((source, texts[place]))
    for part in PARTS:
        pairs = Pairs.from_store(store, part, context)
        batch = pairs.batch(range(len(pairs)))
        found = [
            (segments(store, source), *segments(store, target))
            for source, target in zip(batch.source, batch.target, strict=True)
        ]
        assert found == expected[part]
        assert len(found) == store.meta["pairs"][part]
        assert pairs.target_characters.tolist() == [len(target) for _, target in expected[part]]
        assert pairs.target_characters.sum() == store.meta["target_characters"][part]


@given(rows=rows, data=st.data())
def test_a_batch_holds_the_texts_padded(rows, data):
    pairs = Pairs.from_texts(rows, TOKENIZER)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8))
    batch = pairs.batch(chosen)
    assert all(array.dtype == np.int64 for array in batch)
    for row, index in enumerate(chosen):
        source, target = rows[index]
        ids = [number for segment in source for number in [*TOKENIZER.encode(segment), EOS]]
        assert batch.source[row].tolist() == ids + [PAD] * (batch.source.shape[1] - len(ids))
        assert batch.source_lengths[row] == len(ids) == pairs.source_lengths[index]
        ids = [*TOKENIZER.encode(target), EOS]
        assert batch.target[row].tolist() == ids + [PAD] * (batch.target.shape[1] - len(ids))
        assert batch.target_lengths[row] == len(ids) == pairs.target_lengths[index]
        assert batch.characters[row] == len(target)
    assert batch.source.shape == (len(chosen), batch.source_lengths.max(initial=0))
    assert batch.target.shape == (len(chosen), batch.target_lengths.max(initial=0))


def test_a_single_source_may_be_a_string():
    one, listed = (
        Pairs.from_texts([(source, "夏")], TOKENIZER).batch([0]) for source in ("春风", ["春风"])
    )
    assert one.source.tolist() == listed.source.tolist()


@given(count=st.integers(2, 30), seed=st.integers(0, 100))
def test_shuffled_sources_are_those_of_other_pairs(count, seed):
    pairs = Pairs.from_texts([("春" * number, "夏") for number in range(1, count + 1)], TOKENIZER)
    shuffled = pairs.shuffled_sources(seed)
    assert sorted(shuffled.source_lengths.tolist()) == pairs.source_lengths.tolist()
    assert not np.any(shuffled.source_lengths == pairs.source_lengths)
    batch = shuffled.batch(range(count))
    assert (batch.source != PAD).sum(axis=1).tolist() == shuffled.source_lengths.tolist()
    assert batch.target.tolist() == pairs.batch(range(count)).target.tolist()


def test_tsv_is_read(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_bytes("\ufeff春风\t夏花\r\n秋月\t冬雪".encode())
    batch = Pairs.read_tsv(path, TOKENIZER).batch([0, 1])
    expected = Pairs.from_texts([("春风", "夏花"), ("秋月", "冬雪")], TOKENIZER).batch([0, 1])
    assert [array.tolist() for array in batch] == [array.tolist() for array in expected]


def test_columns_before_the_target_are_source_segments(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("\t春风\t夏花\n春风\t夏花\t秋月\n", encoding="utf-8")
    batch = Pairs.read_tsv(path, TOKENIZER).batch([0, 1])
    expected = Pairs.from_texts([("春风", "夏花"), (["春风", "夏花"], "秋月")], TOKENIZER).batch(
        [0, 1]
    )
    assert [array.tolist() for array in batch] == [array.tolist() for array in expected]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("春\t夏\n秋冬\n", "line 2 must be source TAB target"),
        ("春\t夏\n\n", "line 2 must be"),
        ("春\t\n", "line 1 must be"),
        ("\t夏\n", "line 1 must be"),
        ("春\t夏\n春\t夏\t秋\n", "line 2 has 3 columns, the lines before it 2"),
        ("", "no pairs"),
    ],
)
def test_a_bad_line_is_named(tmp_path, content, message):
    path = tmp_path / "pairs.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message) as caught:
        Pairs.read_tsv(path, TOKENIZER)
    assert "pairs.tsv" in str(caught.value)


def test_an_unreadable_tsv_is_named(tmp_path):
    with pytest.raises(CorpusError, match="missing"):
        Pairs.read_tsv(tmp_path / "missing.tsv", TOKENIZER)
    (tmp_path / "gbk.tsv").write_bytes("ab\tcd\n春\t夏\n".encode("gbk"))
    with pytest.raises(CorpusError, match="line 2 is not UTF-8"):
        Pairs.read_tsv(tmp_path / "gbk.tsv", TOKENIZER)


def test_texts_are_what_the_pairs_were_made_from():
    texts = [(["天地。", "玄黄。"], "宇宙。"), (["日月。"], "盈昃。")]
    tokenizer = Tokenizer("天地玄黄宇宙日月。")
    assert Pairs.from_texts(texts, tokenizer).texts([1, 0], tokenizer) == [
        ("日月。", "盈昃。"),
        ("天地。\n玄黄。", "宇宙。"),
    ]


@given(rows, st.data())
def test_a_subset_holds_the_chosen_pairs(rows, data):
    pairs = Pairs.from_texts(rows, TOKENIZER)
    chosen = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    subset, places = pairs.subset(np.array(chosen)), np.flatnonzero(chosen)
    assert subset.texts(range(len(subset)), TOKENIZER) == pairs.texts(places, TOKENIZER)
    for mine, theirs in zip(subset.batch(range(len(subset))), pairs.batch(places), strict=True):
        assert np.array_equal(mine, theirs)


def test_a_sample_is_always_the_same_and_drawn_over_all_pairs():
    pairs = Pairs.from_texts([("春", "夏" * (1 + number % 9)) for number in range(800)], TOKENIZER)

    def places(count):
        """Where the pairs of a sample stand among all."""
        return np.searchsorted(pairs.target_starts, pairs.sample(count).target_starts)

    small, large = places(200), places(400)
    assert (len(small), len(large)) == (200, 400)
    assert np.array_equal(small, places(200))
    assert set(small.tolist()) < set(large.tolist())
    # As many of each quarter, as far as chance allows.
    assert np.abs(np.bincount(large // 200) - 100).max() < 30
    assert pairs.sample(800) is pairs
