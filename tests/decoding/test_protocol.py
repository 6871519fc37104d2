from typing import NamedTuple

import numpy as np
import pytest
import torch

from novelgen.decoding.protocol import Hypothesis, normalized, predict, select, start
from novelgen.text.tokenizers import EOS

CPU = torch.device("cpu")
ONE, OTHER = [260, 261, EOS], [262, EOS]


class Memory(NamedTuple):
    keys: torch.Tensor


def test_equal_sources_are_read_once_and_every_row_has_its_own(toy):
    model = toy.Model(toy.vocabulary.size)
    rows = []
    begin = model.start
    model.start = lambda source, lengths: rows.append(len(source)) or begin(source, lengths)
    memory, state = start(model, [ONE, OTHER, ONE], CPU)
    assert rows == [2]
    for row, source in enumerate((ONE, OTHER, ONE)):
        alone_memory, alone_state = start(model, [source], CPU)
        assert torch.equal(memory.source[row, : len(source)], alone_memory.source[0])
        assert torch.equal(state[0][row], alone_state[0][0])


def test_rows_are_chosen_of_every_tensor_and_the_type_is_kept():
    tensor = torch.arange(6).view(3, 2)
    rows = torch.tensor([2, 0, 0])
    chosen = select(Memory(tensor), rows)
    assert isinstance(chosen, Memory)
    assert chosen.keys.tolist() == [[4, 5], [0, 1], [0, 1]]
    assert select((tensor, tensor + 1), rows)[1].tolist() == [[5, 6], [1, 2], [1, 2]]


@pytest.mark.parametrize(("penalty", "score"), [(0.0, -6.0), (1.0, -2.0), (2.0, -6 / 9)])
def test_a_score_is_divided_by_a_power_of_the_length(penalty, score):
    log_probabilities = np.array([-1.0, -2.0, -3.0])
    hypothesis = Hypothesis(np.array([5, 6, EOS]), log_probabilities, np.zeros((3, 0)), True)
    assert hypothesis.score(penalty) == pytest.approx(score)


def test_an_empty_hypothesis_counts_as_one_token():
    assert normalized(-3.0, 0, 1.0) == -3.0


def test_a_prediction_is_a_distribution(toy):
    model = toy.Model(toy.vocabulary.size)
    memory, state = start(model, [ONE, OTHER], CPU)
    prediction, _ = predict(model, np.array([1, 1]), memory, state, CPU)
    assert np.exp(prediction.log_probabilities).sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert prediction.at(np.array([1]), np.array([7])) == prediction.log_probabilities[1, 7]
