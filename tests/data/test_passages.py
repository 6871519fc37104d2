"""The index of a training text's passages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.config import DataConfig, TextConfig
from novelgen.data.passages import PASSAGE_LENGTH, PassageIndex
from novelgen.data.prepare import open_or_build

lines = st.lists(st.text("天地𠀀", max_size=40), max_size=6)


@given(lines, st.lists(st.text("天地𠀀", min_size=8, max_size=8), max_size=5))
def test_passage_is_found_where_it_stands_first(training, wanted):
    index = PassageIndex.build(training)
    assert len(index.places) == sum(max(len(line) - PASSAGE_LENGTH + 1, 0) for line in training)
    text = "\n".join(training)
    # Those of the text itself too, of which more occur.
    wanted += [line[:PASSAGE_LENGTH] for line in training if len(line) >= PASSAGE_LENGTH]
    for passage, place in zip(wanted, index.find(wanted), strict=True):
        assert place == (text.index(passage) if passage in text else None)
        if place is not None:
            number = index.line_at(place)
            assert index.line(number) == training[number]
            assert passage in training[number]
            assert not any(passage in line for line in training[:number])


def test_nothing_is_found_over_the_end_of_a_line_or_in_nothing():
    assert PassageIndex.build(["一二三四五", "六七八九十"]).find(["一二三四五六七八"]) == [None]
    assert PassageIndex.build([]).find(["一二三四五六七八"]) == [None]
    assert PassageIndex.build(["一二三四五六七八"]).find([]) == []


@pytest.mark.parametrize("hold_out", [True, False])
def test_store_comes_with_the_index_of_its_training_text(novel, make_novel, tmp_path, hold_out):
    corpus = novel if hold_out else make_novel([2])
    store = open_or_build([corpus], TextConfig(), DataConfig(), tmp_path / "stores")
    path = store.directory / "passages.bin"
    lines = list(store.texts("train"))
    built = PassageIndex.build(lines)
    assert path.read_bytes() == built.places.tobytes()
    wanted = [line[-PASSAGE_LENGTH:] for line in lines if len(line) >= PASSAGE_LENGTH]
    expected = built.find(wanted)
    assert None not in expected
    assert store.passages().find(wanted) == expected
    assert "MB" in store.summary()
    # One that was cut short, and a store that has none.
    path.write_bytes(path.read_bytes()[:-4])
    assert store.passages().find(wanted) == expected
    path.unlink()
    assert store.passages().find(wanted) == expected
    assert "MB" not in store.summary()
