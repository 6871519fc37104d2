import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from novelgen.config import DecodingConfig
from novelgen.decoding.filters import apply, build_rules
from novelgen.decoding.history import History
from novelgen.decoding.lexical import KEEPING, ban, favour, keep, name_keeper, sparing
from novelgen.decoding.repetition import no_repeat_ngram, repetition_penalty
from novelgen.decoding.vocabulary import Vocabulary
from novelgen.errors import ConfigError
from novelgen.text.tokenizers import FIRST_BYTE, Tokenizer

SOME = settings(max_examples=50)
# 龘 and 龙 are spelled in bytes, with two bytes in common.
LETTERS = "宝玉钗，"
WORDS = ["宝玉", "玉钗，", "钗钗"]
TOKENIZERS = {
    "char": Tokenizer(LETTERS),
    "word": Tokenizer(LETTERS, WORDS),
    "bytes": Tokenizer("，"),
}
SPELLED = st.lists(st.sampled_from([*LETTERS, *WORDS, "龘", "龙"]), max_size=6)
LISTS = st.lists(st.text("宝玉钗龘龙", min_size=1, max_size=3), min_size=1, max_size=3, unique=True)


def tokens_of(tokenizer, piece):
    """A piece as one token where there is one, else by characters and bytes."""
    (token,) = tokenizer.ids_of([piece]).tolist()
    if token >= 0:
        return [token]
    if len(piece) > 1:
        return [token for character in piece for token in tokens_of(tokenizer, character)]
    return [FIRST_BYTE + byte for byte in piece.encode()]


def written(tokenizer, tokens):
    history = History(Vocabulary.of(tokenizer), 1, 60)
    for token in tokens:
        history.append(np.array([token]))
    return history


def values(rule, tokenizer, tokens):
    """What the rule adds to each token."""
    return rule(np.zeros((1, tokenizer.size), np.float32), written(tokenizer, tokens))[0]


def text_bytes(tokenizer, tokens):
    return b"".join(Vocabulary.of(tokenizer).spelling[token] for token in tokens)


@pytest.mark.parametrize("kind", TOKENIZERS)
@SOME
@given(SPELLED, LISTS, st.integers(0, 2))
@example(["宝", "玉"], ["玉宝玉"], 0)
def test_what_would_complete_a_banned_word_is_forbidden_however_it_is_spelled(
    kind, pieces, banned, cut
):
    tokenizer = TOKENIZERS[kind]
    tokens = [token for piece in pieces for token in tokens_of(tokenizer, piece)]
    tokens = tokens[: len(tokens) - cut]
    found = np.isneginf(values(ban(banned, Vocabulary.of(tokenizer)), tokenizer, tokens))
    before = text_bytes(tokenizer, tokens)
    for token in range(tokenizer.size):
        longer = before + text_bytes(tokenizer, [token])
        completes = any(
            longer[:end].endswith(word.encode())
            for word in banned
            for end in range(len(before) + 1, len(longer) + 1)
        )
        assert found[token] == completes, tokenizer.labels([token])


@pytest.mark.parametrize("decoder", ["sample", "beam", "greedy"])
def test_no_decoder_writes_a_banned_word(toy, decoder):
    letters = [*range(toy.first + 8, toy.first + 14)]
    generator = toy.generator(allowed=letters, states=7)
    options = {"decoder": decoder, "seed": 1, "max_length": 40, "no_repeat_ngram": 0}
    text = generator.generate("宝玉。", **options).text
    pair = text[3:5]
    without = generator.generate("宝玉。", ban=f"{pair}，{text[0]}", **options).text
    assert len(without) == 40
    assert pair not in without
    assert text[0] not in without


@SOME
@given(st.integers(1, 4), st.floats(0.1, 9))
def test_a_favoured_word_gets_the_same_however_it_is_spelled(length, strength):
    word = "宝玉龘钗"[:length]
    totals = []
    for tokenizer in [*TOKENIZERS.values(), Tokenizer(LETTERS, ["宝玉龘钗", "宝玉龘", "宝玉"])]:
        rule = favour({word: strength}, Vocabulary.of(tokenizer))
        tokens = tokens_of(tokenizer, word)
        totals.append(
            sum(
                values(rule, tokenizer, tokens[:place])[token] for place, token in enumerate(tokens)
            )
        )
    expected = strength if length == 1 else strength * (length - 0.75)
    assert totals == pytest.approx([expected] * len(totals), rel=1e-4)


def test_the_first_character_of_a_favoured_word_gets_a_quarter_and_the_others_all():
    tokenizer = TOKENIZERS["char"]
    jewel, jade, hairpin, comma = tokenizer.encode("宝玉钗，")
    rule = favour({"宝玉": 2.0, "宝钗": 4.0, "钗": 1.0}, Vocabulary.of(tokenizer))
    at_first = values(rule, tokenizer, [])
    assert at_first[[jewel, jade, hairpin, comma]].tolist() == [1.0, 0.0, 1.0, 0.0]
    begun = values(rule, tokenizer, [jewel])
    assert begun[[jewel, jade, hairpin, comma]].tolist() == [1.0, 2.0, 4.0, 0.0]


@pytest.mark.parametrize(
    ("text", "share"), [("", 1.0), ("宝玉来了，宝钗也来了。", 1.0), ("宝玉有一宝，是个宝。", 0.5)]
)
def test_a_name_is_kept_less_where_its_first_character_is_also_another_word(text, share):
    tokenizer = TOKENIZERS["char"]
    jewel, jade, hairpin, comma = tokenizer.encode("宝玉钗，")
    rule = keep(name_keeper(["宝玉", "宝钗"], Vocabulary.of(tokenizer), text))
    assert not values(rule, tokenizer, []).any()
    found = values(rule, tokenizer, [comma, jewel])
    assert found[[jewel, jade, hairpin, comma]] == pytest.approx(
        [0, KEEPING * share, KEEPING * share, 0]
    )


def test_rules_against_repetition_spare_a_name_that_has_begun():
    tokenizer = TOKENIZERS["char"]
    vocabulary = Vocabulary.of(tokenizer)
    jewel, jade, hairpin, comma = tokenizer.encode("宝玉钗，")
    history = written(tokenizer, [hairpin, jewel, jade, hairpin, jewel])
    logits = np.zeros((1, tokenizer.size), np.float32)
    logits[0, jade] = 3
    names = name_keeper(["宝玉"], vocabulary)
    assert np.isneginf(no_repeat_ngram(3)(logits, history)[0, jade])
    for rule in (no_repeat_ngram(3), repetition_penalty(5, 9)):
        after = sparing(names, rule)(logits, history)[0]
        assert after[jade] - after[comma] == pytest.approx(3, abs=1e-5)
    # Which have not begun are not spared.
    assert np.isneginf(sparing(names, no_repeat_ngram(1))(logits, history)[0, jewel])


def test_words_look_as_the_text_does(toy):
    rules = build_rules(
        DecodingConfig(ban="寶"), toy.vocabulary, clean=lambda word: word.replace("寶", "宝")
    )
    history = History(toy.vocabulary, 1, 160)
    after = apply(rules, np.zeros((1, toy.vocabulary.size), np.float32), history)[0]
    assert np.isneginf(after[toy.tokenizer.encode("宝")[0]])


def test_a_banned_name_cannot_be_in_the_cast():
    with pytest.raises(ConfigError, match="--cast 宝玉: --ban 玉"):
        DecodingConfig(ban="玉", cast="宝玉")
