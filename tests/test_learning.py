"""Learning is real: tasks that only a working model with working attention solves."""

import itertools
import random
from pathlib import Path

import pytest
import torch

from novelgen.config import Config, DecodingConfig
from novelgen.data.pairs import Pairs
from novelgen.decoding.filters import build_rules
from novelgen.decoding.history import History
from novelgen.decoding.sampling import Task, greedy, write
from novelgen.decoding.vocabulary import Vocabulary
from novelgen.text.tokenizers import EOS, Tokenizer
from novelgen.training.checkpoint import build_model
from novelgen.training.loss import evaluate_loss
from novelgen.training.run_directory import RunDirectory
from novelgen.training.trainer import Trainer

pytestmark = pytest.mark.slow

NOVEL = Path(__file__).parents[1] / "corpus" / "novel.txt"
CPU = torch.device("cpu")
SYMBOLS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳"
PLAIN = DecodingConfig(decoder="greedy", repetition_penalty=1.0, no_repeat_ngram=0, min_length=0)


def fit(directory, texts, valid, tokenizer, **options):
    """A model trained on pairs of texts; the weights of the last step."""
    sizes = {"embedding_size": 64, "encoder_size": 64, "decoder_size": 128, "attention_size": 64}
    config = Config().replace(
        **{
            **sizes,
            "precision": "float32",
            "device": "cpu",
            "patience": 1000,
            "dropout": 0.0,
            **options,
        }
    )
    run = RunDirectory(directory)
    run.create(overwrite=False)
    torch.manual_seed(1)
    model = build_model(config, tokenizer)
    run.save_info({"config": config.to_dict(), "tokenizer": tokenizer.fingerprint})
    Trainer(
        model,
        config.training,
        Pairs.from_texts(texts, tokenizer),
        {"next": Pairs.from_texts(valid, tokenizer)},
        run,
    ).fit()
    return model.eval()


def answers(model, tokenizer, sources):
    """The greedy answer to every source."""
    vocabulary = Vocabulary.of(tokenizer)
    task = Task(
        model,
        CPU,
        [[*tokenizer.encode(source), EOS] for source in sources],
        History(vocabulary, len(sources), 20),
        build_rules(PLAIN, vocabulary),
        20,
    )
    draft = list(write(task, greedy))[-1]
    return [tokenizer.decode(found.tokens.tolist()) for (found,) in draft.hypotheses()]


@pytest.mark.parametrize(
    "answer", [lambda text: text, lambda text: text[::-1]], ids=["copy", "reverse"]
)
def test_copies_and_reverses_unseen_sequences(tmp_path, answer):
    chance = random.Random(5)
    texts = list(
        dict.fromkeys(
            "".join(chance.choices(SYMBOLS, k=chance.randint(4, 12))) for _ in range(6500)
        )
    )
    pairs = [(text, answer(text)) for text in texts]
    tokenizer = Tokenizer(sorted(SYMBOLS))
    model = fit(
        tmp_path / "run",
        pairs[:6000],
        pairs[6000:6100],
        tokenizer,
        batch_tokens=800,
        max_steps=1000,
        learning_rate=4e-3,
        validate_every=500,
    )
    found = answers(model, tokenizer, [source for source, _ in pairs[6000:6400]])
    right = sum(mine == target for mine, (_, target) in zip(found, pairs[6000:6400], strict=True))
    assert right / 400 >= 0.99


def test_learns_fifty_pairs_by_heart_and_uses_the_source(tmp_path):
    lines = NOVEL.read_text(encoding="utf-8").splitlines()
    pairs = list(
        itertools.pairwise([line[:60] for line in lines if line and not line.startswith("第")][:51])
    )
    tokenizer = Tokenizer(
        sorted({character for pair in pairs for text in pair for character in text})
    )
    model = fit(
        tmp_path / "run",
        pairs,
        pairs[:5],
        tokenizer,
        batch_tokens=400,
        max_steps=900,
        learning_rate=6e-3,
        validate_every=450,
    )
    known = Pairs.from_texts(pairs, tokenizer)
    found = evaluate_loss(model, known, batch_tokens=2000, device=CPU)
    assert found.nll_sum / found.tokens < 0.05
    shuffled = evaluate_loss(model, known.shuffled_sources(seed=1), batch_tokens=2000, device=CPU)
    assert shuffled.bits_per_character > 2 + found.bits_per_character
