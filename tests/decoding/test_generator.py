import dataclasses
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.config import Config, DecodingConfig
from novelgen.decoding.generator import Generator
from novelgen.decoding.history import content_units
from novelgen.decoding.inspection import whole_characters
from novelgen.decoding_styles import STYLES
from novelgen.errors import ConfigError
from novelgen.models.build import build_model
from novelgen.text.tokenizers import EOS, FIRST_BYTE, FIRST_CHARACTER, Tokenizer

SOME = settings(max_examples=8)
DECODERS = pytest.mark.parametrize("decoder", ["sample", "beam", "greedy"])
PROMPT = "宝玉笑道：“我来了。”"
LETTERS = range(FIRST_CHARACTER, FIRST_CHARACTER + 40)
# The toy model ends a paragraph after some ten tokens, and spells something in bytes now and then.
FAVOUR = {"favour": {EOS: 3.5, **dict.fromkeys(LETTERS, 2.0)}}


@DECODERS
@SOME
@given(st.integers(0, 10**6), st.booleans())
def test_the_stream_grows_into_what_generate_writes(toy, decoder, seed, with_opening):
    generator = toy.generator(seed=seed, favour={EOS: 2})
    prefix = "黛玉龘" if with_opening else ""
    options = {
        "decoder": decoder,
        "seed": seed,
        "paragraphs": 2,
        "max_length": 16,
        "prefix": prefix,
    }
    whole, before = generator.generate(PROMPT, **options), ""
    for snapshot in generator.stream(PROMPT, **options):
        assert snapshot.text.startswith(before)
        assert "�" not in snapshot.text or "�" in whole.text
        before = snapshot.text
    assert snapshot.finished
    assert snapshot.text == whole.text
    assert snapshot.score == whole.score
    assert snapshot.seed == whole.seed


@DECODERS
def test_snapshots_before_the_last_are_unfinished(toy, decoder):
    *early, last = toy.generator(**FAVOUR).stream(PROMPT, decoder=decoder, seed=1)
    assert early
    assert not any(snapshot.finished for snapshot in early)
    assert last.finished


@DECODERS
@SOME
@given(st.integers(0, 10**6), st.integers(0, 10), st.integers(0, 10))
def test_length_limits_hold(toy, decoder, seed, shortest, more):
    generator = toy.generator(seed=seed, favour={EOS: 5})
    paragraph = generator.generate(
        PROMPT, decoder=decoder, seed=seed, min_length=shortest, max_length=max(shortest + more, 1)
    ).paragraphs[0]
    assert shortest <= len(paragraph.tokens) - paragraph.finished
    assert len(paragraph.tokens) <= max(shortest + more, 1)
    assert paragraph.finished == (paragraph.tokens[-1] == "<EOS>")


@DECODERS
@SOME
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_no_ngram_comes_twice_in_any_decoder(toy, decoder, seed, size):
    letters = LETTERS[:14]  # seven marks and seven characters, so that repetition suggests itself
    generator = toy.generator(seed=seed, allowed=[EOS, *letters], states=7, favour={EOS: -2})
    text = generator.generate(
        PROMPT, decoder=decoder, seed=seed, no_repeat_ngram=size, max_length=30
    ).text
    units = content_units(toy.vocabulary, toy.tokenizer.encode(text)).units.tolist()
    grams = [tuple(units[start : start + size]) for start in range(len(units) - size + 1)]
    assert len(grams) == len(set(grams))


@DECODERS
def test_without_the_rule_ngrams_do_come_twice(toy, decoder):
    generator = toy.generator(allowed=[*LETTERS[8:10]])
    units = generator.generate(
        PROMPT, decoder=decoder, seed=0, no_repeat_ngram=0, max_length=12
    ).text
    assert len({units[start : start + 2] for start in range(11)}) < 11


@DECODERS
def test_a_strong_repetition_penalty_makes_any_decoder_vary_its_words(toy, decoder):
    generator = toy.generator(allowed=[*LETTERS[8:28]], favour={LETTERS[8]: 4, LETTERS[9]: 4})
    options = {"decoder": decoder, "seed": 3, "no_repeat_ngram": 0, "max_length": 16}
    plain = generator.generate(PROMPT, repetition_penalty=1, **options).text
    varied = generator.generate(PROMPT, repetition_penalty=8, repetition_window=16, **options).text
    assert len(set(varied)) > len(set(plain))


TO_ONE_TOKEN = pytest.mark.parametrize(
    "option", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}, {"temperature": 1e-9}]
)


@TO_ONE_TOKEN
def test_filters_to_one_token_make_sampling_greedy(toy, option):
    generator = toy.generator(**FAVOUR)
    greedy = generator.generate(PROMPT, decoder="greedy")
    assert generator.generate(PROMPT, **option).text == greedy.text


@TO_ONE_TOKEN
def test_beam_search_is_not_narrowed_by_the_filters_of_sampling(toy, option):
    generator = toy.generator(**FAVOUR)
    beam = generator.generate(PROMPT, decoder="beam").text
    assert generator.generate(PROMPT, decoder="beam", **option).text == beam
    assert beam != generator.generate(PROMPT, decoder="greedy").text


@DECODERS
def test_a_given_opening_stands_at_the_beginning_of_the_first_paragraph(toy, decoder):
    generation = toy.generator(**FAVOUR).generate(
        PROMPT, decoder=decoder, seed=2, paragraphs=2, prefix="黛玉龘道"
    )
    first, second = generation.paragraphs
    assert first.text.startswith("黛玉龘道")
    assert not second.text.startswith("黛玉")
    assert first.tokens[:6] == ["黛", "玉", "<E9>", "<BE>", "<98>", "道"]
    assert len(first.log_probabilities) == len(first.tokens) == len(first.attention)
    assert all(value < 0 for value in first.log_probabilities)


def test_an_opening_that_leaves_no_room_is_refused(toy):
    with pytest.raises(ConfigError, match="--prefix"):
        toy.generator().generate(PROMPT, prefix="宝玉笑道说", max_length=5, min_length=0)
    assert (
        toy.generator()
        .generate(PROMPT, prefix="宝玉笑道", max_length=5, min_length=0)
        .text.startswith("宝玉笑道")
    )


@SOME
@given(st.integers(0, 10**6))
def test_each_candidate_is_the_single_one_of_its_own_seed(toy, seed):
    generator = toy.generator(favour={EOS: 3})
    candidates = generator.candidates(PROMPT, num_samples=3, seed=seed, paragraphs=2, max_length=20)
    for row, candidate in enumerate(candidates):
        alone = generator.generate(PROMPT, seed=seed + row, paragraphs=2, max_length=20)
        assert candidate.seed == alone.seed == seed + row
        assert candidate.text == alone.text
        assert candidate.score == alone.score


def test_a_seed_is_drawn_when_none_is_given_and_reproduces_the_text(toy):
    generator = toy.generator(**FAVOUR)
    first, second = generator.generate(PROMPT), generator.generate(PROMPT)
    assert first.seed != second.seed
    assert first.text != second.text
    assert generator.generate(PROMPT, seed=first.seed).text == first.text


def test_the_n_best_of_a_beam_are_in_order_and_go_on_by_themselves(toy):
    generator = toy.generator(**FAVOUR)
    best = generator.candidates(PROMPT, decoder="beam", num_samples=4, max_length=12)
    scores = [candidate.score for candidate in best]
    assert scores == sorted(scores, reverse=True)
    assert len({candidate.text for candidate in best}) == 4
    stories = generator.candidates(
        PROMPT, decoder="beam", num_samples=4, max_length=12, paragraphs=2
    )
    assert [story.paragraphs[0].text for story in stories] == [candidate.text for candidate in best]
    for story in stories:
        first, second = story.paragraphs
        assert second.source_tokens == [
            *(token for token in first.tokens if token != "<EOS>"),
            "<EOS>",
        ]


@DECODERS
@pytest.mark.parametrize("context", [1, 2, 3])
def test_each_paragraph_becomes_the_next_source(toy, decoder, context):
    generator = toy.generator(Config().replace(context_paragraphs=context), **FAVOUR)
    story = generator.generate(
        "宝玉。\n" + PROMPT, decoder=decoder, seed=4, paragraphs=3, max_length=15
    )
    paragraphs = story.paragraphs
    ended = [
        [token for token in paragraph.tokens if token != "<EOS>"] + ["<EOS>"]
        for paragraph in paragraphs
    ]
    prompt = [[*"宝玉。", "<EOS>"], [*toy.tokenizer.labels(toy.tokenizer.encode(PROMPT)), "<EOS>"]]
    for number, paragraph in enumerate(paragraphs):
        expected = [*prompt, *ended][: number + 2][-context:]
        assert paragraph.source_tokens == [token for segment in expected for token in segment]
        assert paragraph.attention.shape == (len(paragraph.tokens), len(paragraph.source_tokens))
        assert paragraph.attention.sum(axis=1) == pytest.approx(
            np.ones(len(paragraph.tokens)), abs=1e-5
        )


def test_an_empty_paragraph_leaves_the_source_as_it_was(toy):
    paragraphs = (
        toy.generator(favour={EOS: 99}).generate(PROMPT, min_length=0, paragraphs=2).paragraphs
    )
    assert [paragraph.tokens for paragraph in paragraphs] == [["<EOS>"]] * 2
    assert paragraphs[1].source_tokens == paragraphs[0].source_tokens


def test_a_long_phrase_of_the_prompt_is_not_copied(toy):
    """A model that can only recite: the rule stops it at the prompt's own eight-gram."""
    prompt = "宝玉黛钗凤贾母笑"
    letters = toy.tokenizer.encode(prompt)
    copier = toy.generator(allowed=letters)
    copier.model.step = lambda token, memory, state: (
        copier.model.table[0]
        .repeat(len(token), 1)
        .index_fill(
            1,
            torch.tensor(
                [letters[(letters.index(int(token[0])) + 1) % 8 if int(token[0]) in letters else 0]]
            ),
            50.0,
        ),
        state,
        torch.ones(len(token), memory.source.shape[1]),
    )
    assert not copier.generate(prompt, decoder="greedy", max_length=8).text.startswith(prompt)
    assert copier.generate(prompt, decoder="greedy", max_length=8, no_repeat_ngram=0).text == prompt


@pytest.mark.parametrize("prompt", ["", "  \n\t", "\u200b\ufeff", "\x00\x07"])
def test_a_prompt_without_text_is_refused_in_one_line(toy, prompt):
    with pytest.raises(ConfigError) as error:
        toy.generator().stream(prompt)
    assert "--prompt" in str(error.value)
    assert "\n" not in str(error.value)


def test_of_a_long_prompt_the_last_segments_are_read_and_a_note_says_so(toy):
    generation = toy.generator(**FAVOUR).generate("宝玉。\n黛玉。\n凤来了。", seed=1)
    assert generation.paragraphs[0].source_tokens == [*"凤来了。", "<EOS>"]
    assert generation.notes == ["the prompt has 3 segments; the model reads the last 1 of them"]
    assert toy.generator(**FAVOUR).generate("凤来了。", seed=1).notes == []


def test_unseen_characters_and_lone_surrogates_do_no_harm(toy):
    generation = toy.generator(**FAVOUR).generate("龘\ud800凤😀", seed=1, prefix="𠮷\udfff")
    assert generation.paragraphs[0].source_tokens[:4] == ["<E9>", "<BE>", "<98>", "凤"]
    assert generation.text.startswith("𠮷")


def test_unknown_and_impossible_options_are_named(toy):
    with pytest.raises(ConfigError, match="temperature"):
        toy.generator().generate(PROMPT, temprature=1)
    for option in ({"top_p": 1.5}, {"temperature": -1}, {"beam_size": 0}, {"decoder": "beem"}):
        with pytest.raises(ConfigError):
            toy.generator().stream(PROMPT, **option)


def test_several_threads_may_use_one_generator(toy):
    generator, found = toy.generator(**FAVOUR), {}
    expected = {seed: generator.generate(PROMPT, seed=seed, paragraphs=2).text for seed in range(4)}

    def work(seed):
        *_, last = generator.stream(PROMPT, seed=seed, paragraphs=2)
        found[seed] = last.text

    threads = [threading.Thread(target=work, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_closing_the_stream_stops_the_writing(toy):
    generator, steps = toy.generator(**FAVOUR), []
    step = generator.model.step
    generator.model.step = lambda *arguments: steps.append(1) or step(*arguments)
    stream = generator.stream(PROMPT, seed=1, paragraphs=50)
    for _ in range(3):
        next(stream)
    stream.close()
    assert len(steps) == 3


@given(st.text("宝é龘😀�A", max_size=6), st.integers(0, 3))
def test_half_spelled_characters_are_held_back(text, cut):
    tokens = [FIRST_BYTE + byte for byte in text.encode()]
    kept = whole_characters(tokens[: len(tokens) - cut])
    decoded = bytes(token - FIRST_BYTE for token in kept).decode()
    assert text.startswith(decoded)
    assert len(text) - len(decoded) <= cut


@DECODERS
@pytest.mark.parametrize("layers", [1, 2])
def test_the_real_model_keeps_the_contract(toy, decoder, layers):
    config = Config().replace(
        embedding_size=16,
        encoder_size=12,
        decoder_size=20,
        attention_size=8,
        encoder_layers=layers,
        decoder_layers=layers,
        context_paragraphs=2,
    )
    torch.manual_seed(0)
    model = build_model(config.model, toy.tokenizer.size).eval()
    generator = Generator(model, toy.tokenizer, config, torch.device("cpu"))
    count = 1 if decoder == "greedy" else 3
    options = {
        "decoder": decoder,
        "seed": 6,
        "max_length": 12,
        "paragraphs": 2,
        "num_samples": count,
    }
    candidates = generator.candidates("黛玉。\n" + PROMPT, **options)
    *_, last = generator.stream("黛玉。\n" + PROMPT, **options)
    assert last.text == candidates[0].text
    for paragraph in (paragraph for candidate in candidates for paragraph in candidate.paragraphs):
        assert paragraph.attention.shape == (len(paragraph.tokens), len(paragraph.source_tokens))
        assert paragraph.attention.sum(axis=1) == pytest.approx(
            np.ones(len(paragraph.tokens)), abs=1e-4
        )
    first = candidates[0].paragraphs[0]
    source = torch.tensor(
        [[*toy.tokenizer.encode("黛玉。"), EOS, *toy.tokenizer.encode(PROMPT), EOS]]
    )
    memory, state = model.start(source, torch.tensor([source.shape[1]]))
    ids = {
        label: token for token, label in enumerate(toy.tokenizer.labels(range(toy.tokenizer.size)))
    }
    target = torch.tensor([[ids[label] for label in first.tokens]])
    with torch.no_grad():
        logits, weights = model.unroll(target, memory, state)
    expected = logits.log_softmax(-1).gather(2, target[..., None])[0, :, 0]
    assert first.log_probabilities == pytest.approx(expected.tolist(), abs=1e-4)
    assert first.attention == pytest.approx(weights[0].numpy(), abs=1e-5)


def test_words_are_written_as_well():
    pytest.importorskip("jieba")
    tokenizer = Tokenizer("宝玉笑道来了我，。", ["宝玉", "我们"])
    model = build_model(
        Config().replace(embedding_size=8, encoder_size=8, decoder_size=8, attention_size=8).model,
        tokenizer.size,
    ).eval()
    generator = Generator(model, tokenizer, Config(), torch.device("cpu"))
    generation = generator.generate("宝玉来了：龘。", seed=1, prefix="宝玉，我们", max_length=20)
    assert generation.text.startswith("宝玉，我们")
    assert generation.paragraphs[0].tokens[:3] == ["宝玉", "，", "我们"]
    assert generation.paragraphs[0].source_tokens[:3] == ["宝玉", "来", "了"]


def test_the_defaults_are_those_of_the_configuration(toy):
    assert (
        len(toy.generator(favour={EOS: -99}).generate(PROMPT).paragraphs[0].tokens)
        == DecodingConfig().max_length
    )


@DECODERS
def test_all_candidates_grow_side_by_side(toy, decoder):
    generator = toy.generator(**FAVOUR)
    count = 1 if decoder == "greedy" else 3
    options = {
        "decoder": decoder,
        "num_samples": count,
        "seed": 5,
        "paragraphs": 2,
        "max_length": 12,
    }
    *early, last = generator.stream_candidates(PROMPT, **options)
    assert [one.text for one in last] == [
        one.text for one in generator.candidates(PROMPT, **options)
    ]
    assert len(last) == count
    assert all(
        len(snapshot) == (1 if decoder == "beam" and len(snapshot[0].paragraphs) == 1 else count)
        for snapshot in early
    )
    whole = [snapshot for snapshot in early if len(snapshot) == count]
    assert whole
    for before, after in zip(whole, [*whole[1:], last], strict=True):
        assert all(new.text.startswith(old.text) for old, new in zip(before, after, strict=True))


def test_snapshots_with_text_are_a_pause_apart(toy):
    generator = toy.generator(favour={EOS: -99})
    step, seconds = generator.model.step, 0

    def step_of_a_second(*values):
        nonlocal seconds
        seconds += 1
        return step(*values)

    generator.model.step = step_of_a_second
    stream = generator.stream_candidates(
        PROMPT, pause=7, clock=lambda: seconds, seed=3, max_length=60
    )
    times = [seconds for snapshot in stream if snapshot[0].text]
    assert times == [*range(times[0], 61, 7), 60]


def test_with_a_pause_snapshots_are_fewer_and_the_text_is_the_same(toy):
    generator = toy.generator(favour={EOS: -9})
    options = {"seed": 3, "max_length": 60}
    *few, last = generator.stream_candidates(PROMPT, pause=3600.0, **options)
    *all_of_them, whole = generator.stream_candidates(PROMPT, **options)
    assert last[0].text == whole[0].text
    texts = [snapshot[0].text for snapshot in few]
    assert len(all_of_them) == 60 > len(few)
    assert texts[-1]
    assert not any(texts[:-1])


@pytest.mark.parametrize("length_penalty", [0.0, 2.5])
def test_the_length_penalty_reaches_the_search(toy, length_penalty):
    letters = LETTERS[20:22]
    generator = toy.generator(seed=75, allowed=[EOS, *letters])
    options = {
        "decoder": "beam",
        "max_length": 3,
        "min_length": 0,
        "repetition_penalty": 1.0,
        "no_repeat_ngram": 0,
        "temperature": 1.0,
        "top_p": 1.0,
    }

    def score(candidate):
        log_probabilities = candidate.paragraphs[0].log_probabilities
        return sum(log_probabilities) / len(log_probabilities) ** length_penalty

    # All paragraphs of at most three tokens: none to two letters and the end, or three letters.
    everything = generator.candidates(PROMPT, num_samples=15, beam_size=60, **options)
    assert len({candidate.text for candidate in everything}) == 15
    best = max(everything, key=score)
    found = generator.generate(PROMPT, beam_size=60, length_penalty=length_penalty, **options)
    assert found.text == best.text
    assert found.text != generator.generate(PROMPT, beam_size=60, **options).text


def test_the_beam_size_reaches_the_search(toy):
    generator = toy.generator(seed=2, **FAVOUR)
    greedy = generator.generate(PROMPT, decoder="greedy", max_length=12).text
    # What is likeliest at every step is not likeliest in all.
    filters_off = {"temperature": 1.0, "top_p": 1.0}
    narrow, wide = (
        generator.generate(
            PROMPT, decoder="beam", beam_size=size, max_length=12, **filters_off
        ).text
        for size in (1, 8)
    )
    assert narrow == greedy
    assert wide != greedy


def test_every_sample_has_a_seed_of_its_own_and_the_first_is_generated(toy):
    generator = toy.generator(**FAVOUR)
    options = {"seed": 5, "max_length": 12}
    samples = [sample.text for sample in generator.candidates(PROMPT, num_samples=3, **options)]
    alone = [generator.generate(PROMPT, seed=5 + row, max_length=12).text for row in range(3)]
    assert samples == alone
    assert len(set(samples)) == 3
    assert generator.generate(PROMPT, num_samples=3, **options).text == samples[0]


@pytest.mark.parametrize(
    ("prompt", "is_remarked"),
    [("Hello there!", True), ("Hello\nthere", True), ("Hello，宝玉", False), ("……", False)],
)
def test_a_prompt_without_chinese_is_remarked_where_the_model_knows_chinese(
    toy, prompt, is_remarked
):
    generator = toy.generator(**FAVOUR)
    notes = generator.generate(prompt, max_length=5).notes
    assert any("no Chinese characters" in note for note in notes) == is_remarked


def test_a_model_of_another_language_may_be_asked_in_it():
    tokenizer = Tokenizer("abcdehlo 宝")
    generator = Generator(None, tokenizer, Config(), torch.device("cpu"))
    assert not generator.reads_chinese


def test_a_style_stands_for_the_options_that_are_not_given(toy):
    generator = toy.generator(**FAVOUR)
    config = generator.decoding_config(style="bold", top_k=7)
    assert dataclasses.asdict(config) == {
        **dataclasses.asdict(DecodingConfig()),
        **STYLES["bold"],
        "top_k": 7,
    }
    assert generator.decoding_config(style="balanced") == DecodingConfig()
    assert len({tuple(style) for style in STYLES.values()}) == 1
    with pytest.raises(ConfigError, match="--style: there is no 'bald'; did you mean bold"):
        generator.generate(PROMPT, style="bald")
