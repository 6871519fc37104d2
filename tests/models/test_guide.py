"""The guide: where it points, what it leaves alone, and that it counts in training only."""

import math

import pytest
import torch

from novelgen.models.guide import FIRST_SYMBOL, copy_nll
from novelgen.text.tokenizers import EOS, FIRST_CHARACTER

COMMON = FIRST_SYMBOL
RARE = FIRST_SYMBOL + 900
VOCABULARY = FIRST_SYMBOL + 1000


def term(weights, source, target):
    """The guide's term of one row."""
    source, target = torch.tensor([source]), torch.tensor([target])
    is_token = torch.ones_like(target, dtype=torch.bool)
    return copy_nll(torch.tensor([weights]), source, target, is_token, VOCABULARY).item()


def test_symbols_begin_where_the_tokenizers_begin_them():
    assert FIRST_SYMBOL == FIRST_CHARACTER


def test_it_is_the_logarithm_of_the_weight_on_all_occurrences():
    source = [RARE, RARE + 1, RARE, EOS]
    one = term([[0.1, 0.6, 0.3, 0.0]], source, [RARE])
    other = term([[0.2, 0.0, 0.6, 0.2]], source, [RARE])
    assert one / other == pytest.approx(math.log(0.4) / math.log(0.8))


def test_where_the_source_goes_on_as_the_target_does_only_that_counts():
    source = [RARE, RARE + 1, RARE + 2, RARE + 1, EOS]
    weights = [[0.2] * 5, [0.0, 0.5, 0.1, 0.3, 0.1]]
    after_the_same = term(weights, source, [RARE, RARE + 1]) - term(weights[:1], source, [RARE])
    after_another = term(weights[1:], source, [RARE + 1])
    assert after_the_same / after_another == pytest.approx(math.log(0.5) / math.log(0.8))


def test_a_rare_token_counts_nearly_whole_and_a_common_one_little():
    source = [RARE, COMMON] + [RARE + 1] * 97 + [EOS]
    weights = [[0.5, 0.5] + [0.0] * 98]
    rare = term(weights, source, [RARE])
    common = term(weights, source, [COMMON])
    assert 0.9 * math.log(2) < rare < math.log(2)
    assert 0 < common < 0.25 * math.log(2)


@pytest.mark.parametrize("target", [EOS, FIRST_SYMBOL - 1, RARE + 5])
def test_what_is_no_symbol_or_not_in_the_source_is_left_alone(target):
    assert term([[0.5, 0.2, 0.3]], [RARE, FIRST_SYMBOL - 1, EOS], [target]) == 0


def test_the_term_of_a_batch_is_the_sum_of_its_rows_whatever_is_padded():
    weights = torch.rand(2, 3, 4).softmax(-1)
    source = torch.tensor([[RARE, RARE + 1, RARE, EOS], [COMMON, EOS, 0, 0]])
    target = torch.tensor([[RARE + 1, RARE, EOS], [COMMON, 0, 0]])
    is_token = target > 0
    both = copy_nll(weights, source, target, is_token, VOCABULARY)
    alone = [
        copy_nll(weights[:1], source[:1], target[:1], is_token[:1], VOCABULARY),
        copy_nll(weights[1:, :1, :2], source[1:, :2], target[1:, :1], is_token[1:, :1], VOCABULARY),
    ]
    assert both.item() == pytest.approx(sum(alone).item())


def test_in_training_it_moves_the_gradients_and_not_the_value(make):
    network = make(guide=0.5, vocabulary=VOCABULARY)
    source = torch.tensor([[RARE, COMMON, EOS]])
    target = torch.tensor([[RARE, EOS]])
    is_token = torch.ones(1, 2, dtype=torch.bool)

    def loss(source_of_guide):
        network.zero_grad()
        start = network.start(source, torch.tensor([3]))
        value = network.nll_sum(target, is_token, *start, source=source_of_guide)
        value.backward()
        return value.item(), network.decoder.query.weight.grad.clone()

    for is_training in (True, False):
        network.train(is_training)
        plain, plain_gradient = loss(None)
        guided, guided_gradient = loss(source)
        assert guided == pytest.approx(plain)
        assert torch.equal(guided_gradient, plain_gradient) is not is_training
