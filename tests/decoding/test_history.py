import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.decoding.history import History, content_units, following
from novelgen.decoding.vocabulary import Vocabulary
from novelgen.text.tokenizers import BOS, EOS, FIRST_BYTE, PAD

SOME = settings(max_examples=50)
TEXTS = st.text(st.sampled_from("宝玉，。！龘é😀A"), max_size=20)


def naive_units(toy, text):
    known = set(toy.tokenizer.characters)
    return [
        toy.tokenizer.encode(character)[0]
        if character in known
        else toy.tokenizer.size + ord(character)
        for character in text
        if character not in "，。！"
    ]


def filled(toy, tokens, capacity=120):
    history = History(toy.vocabulary, 1, capacity)
    for token in tokens:
        history.append(np.array([token]))
    return history


@SOME
@given(TEXTS)
def test_units_are_characters_however_they_are_spelled(toy, text):
    assert content_units(toy.vocabulary, toy.tokenizer.encode(text)).units.tolist() == naive_units(
        toy, text
    )


@SOME
@given(TEXTS)
def test_run_length_counts_the_marks_at_the_end(toy, text):
    history = filled(toy, toy.tokenizer.encode(text))
    assert history.run_lengths[0] == len(text) - len(text.rstrip("，。！"))
    assert history.tokens[0].tolist() == toy.tokenizer.encode(text)


@SOME
@given(st.lists(TEXTS, min_size=2, max_size=4))
def test_rows_do_not_touch_each_other(toy, texts):
    rows = [toy.tokenizer.encode(text) for text in texts]
    longest = max(map(len, rows))
    history = History(toy.vocabulary, len(rows), longest)
    for place in range(longest):
        history.append(np.array([row[place] if place < len(row) else PAD for row in rows]))
    for row, text in enumerate(texts):
        assert history.units[row, : history.unit_counts[row]].tolist() == naive_units(toy, text)


def test_special_tokens_are_no_content(toy):
    assert content_units(toy.vocabulary, [BOS, toy.first + 8, PAD, EOS]).units.tolist() == [
        toy.first + 8
    ]


def test_selected_rows_go_their_own_ways(toy):
    first = filled(toy, [toy.first + 8, FIRST_BYTE + 0xE9])
    twice = first.select(np.array([0, 0]))
    twice.append(np.array([FIRST_BYTE + 0xBE, FIRST_BYTE + 0xBD]))
    twice.append(np.array([FIRST_BYTE + 0x98, FIRST_BYTE + 0x99]))
    size = toy.vocabulary.size
    assert twice.units[:, :2].tolist() == [
        [toy.first + 8, size + ord("龘")],
        [toy.first + 8, size + int.from_bytes("\u9f59".encode("utf-16-be"), "big")],
    ]
    assert (first.length, first.pending, first.unit_counts.tolist()) == (2, [b"\xe9"], [1])


def test_a_broken_character_in_a_given_opening_is_dropped(toy):
    history = filled(toy, [FIRST_BYTE + 0xE9, FIRST_BYTE + 0x41, FIRST_BYTE + 0x42])
    assert history.pending == [b""]
    assert history.units[0].tolist() == [toy.vocabulary.size + ord("B")]


def test_following_lists_what_came_after_each_context():
    assert following([[1, 2, 3, 1, 2], [2, 3, 4]], 3) == {(1, 2): {3}, (2, 3): {1, 4}, (3, 1): {2}}
    assert following([[1, 2]], 3) == {}
    assert following([[7, 8]], 1) == {(): {7, 8}}


def test_bytes_are_never_punctuation_of_the_vocabulary(toy):
    is_byte = toy.vocabulary.is_byte(np.arange(toy.vocabulary.size))
    assert is_byte.sum() == 256
    assert is_byte[FIRST_BYTE]
    assert is_byte[toy.first - 1]
    assert not is_byte[toy.first]
    assert isinstance(toy.vocabulary, Vocabulary)
    assert set(np.flatnonzero(toy.vocabulary.is_punctuation)) == set(toy.tokenizer.punctuation_ids)


@SOME
@given(st.data())
def test_the_units_of_a_paragraph_are_those_of_its_history(toy, data):
    letters, spelled = (
        range(toy.first, toy.tokenizer.size),
        [FIRST_BYTE + byte for byte in "龘a。".encode()],
    )
    tokens = data.draw(
        st.lists(
            st.sampled_from([EOS, *letters, *data.draw(st.sampled_from([[], spelled]))]),
            max_size=20,
        )
    )
    assert (
        content_units(toy.vocabulary, tokens).units.tolist()
        == filled(toy, tokens).units[0].tolist()
    )
