import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from novelgen.config import ModelConfig
from novelgen.data.pairs import Pairs
from novelgen.models.build import build_model
from novelgen.text.tokenizers import Tokenizer
from novelgen.training.loss import LossStats, batch_loss, evaluate_loss

counts = st.builds(
    LossStats, st.floats(0, 1e3), st.integers(0, 100), st.integers(0, 100), st.integers(0, 9)
)


@given(counts, counts)
def test_loss_stats_are_added_before_they_are_divided(one, other):
    both = one + other
    assert both.characters == one.characters + other.characters
    assert both.pairs == one.pairs + other.pairs
    if both.characters:
        assert both.bits_per_character == pytest.approx(
            (one.nll_sum + other.nll_sum) / both.characters / math.log(2)
        )
    if both.tokens:
        mean = (one.nll_sum + other.nll_sum) / both.tokens
        assert both.perplexity == pytest.approx(math.exp(mean) if mean < 700 else math.inf)


@pytest.fixture
def task():
    """A model, its tokenizer and pairs of different lengths.

    A rare character is spelled in bytes.
    """
    texts = [
        ("天下大势。", "分久必合。"),
        ("合久必分。", "周末七国分争，并入于秦。"),
        ("天。", "龘势。"),
    ]
    tokenizer = Tokenizer(
        sorted({character for pair in texts for text in pair for character in text} - {"龘"})
    )
    torch.manual_seed(0)
    model = build_model(
        ModelConfig(
            embedding_size=6, encoder_size=5, decoder_size=8, attention_size=4, dropout=0.4
        ),
        tokenizer.size,
    )
    return model, tokenizer, Pairs.from_texts(texts, tokenizer)


def test_batch_loss_is_the_cross_entropy_of_the_real_tokens(task):
    model, _, pairs = task
    batch = pairs.batch([0, 1, 2])
    model.eval()
    logits, _ = model.unroll(
        torch.from_numpy(batch.target),
        *model.start(torch.from_numpy(batch.source), torch.from_numpy(batch.source_lengths)),
    )
    truth = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1),
        torch.from_numpy(batch.target).flatten(),
        ignore_index=0,
        reduction="sum",
    )
    assert batch_loss(model, batch, torch.device("cpu")).item() == pytest.approx(
        truth.item(), rel=1e-5
    )


def test_evaluate_loss_counts_characters_and_does_not_depend_on_the_batches(task):
    model, _, pairs = task
    model.train()
    whole, single = (
        evaluate_loss(model, pairs, batch_tokens=size, device=torch.device("cpu"))
        for size in (1000, 1)
    )
    assert whole.nll_sum == pytest.approx(single.nll_sum, rel=1e-5)
    assert (whole.characters, whole.pairs) == (5 + 12 + 3, 3)
    assert whole.tokens == 6 + 13 + 6  # 龘 takes three bytes; EOS counts
    assert model.training


def test_a_uniform_model_costs_the_logarithm_of_the_vocabulary(task):
    model, tokenizer, pairs = task
    torch.nn.init.zeros_(model.embedding.weight)
    found = evaluate_loss(model, pairs, batch_tokens=100, device=torch.device("cpu"))
    assert found.perplexity == pytest.approx(tokenizer.size, rel=1e-4)
    assert found.bits_per_character == pytest.approx(25 * math.log2(tokenizer.size) / 20, rel=1e-4)
