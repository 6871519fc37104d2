"""Where attention goes, on weights made by hand and on a small model."""

import numpy as np
import pytest

from novelgen.evaluation.attention import (
    Hits,
    Span,
    entropy_bits,
    find_spans,
    heaviest_share,
    name_hits,
)


def test_entropy_is_that_of_the_distribution_and_zero_weights_add_nothing():
    weights = np.array([[0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25], [0, 1, 0, 0]])
    assert entropy_bits(weights) == pytest.approx([1, 2, 0])


def test_the_heaviest_place_is_one_for_all_steps():
    # Every step has a place of weight 1, but no place has it in more than half of the steps.
    weights = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1.0]])
    assert heaviest_share(weights) == 0.5


def test_a_longer_name_takes_the_shorter_one_s_place():
    tokens = [*"宝玉和林黛玉", "<EOS>"]
    spans = find_spans(tokens, ["黛玉", "宝玉", "林黛玉"])
    assert spans == [Span("宝玉", 0, 2), Span("林黛玉", 3, 6)]


def test_a_name_is_whole_tokens():
    assert find_spans(["林黛玉", "说"], ["黛玉"]) == []
    assert find_spans(["林黛玉", "说"], ["林黛玉"]) == [Span("林黛玉", 0, 1)]


def test_a_name_is_found_at_its_first_character_or_at_any():
    source = [Span("宝玉", 0, 2), Span("宝玉", 3, 5), Span("凤姐", 6, 8)]
    target = [Span("宝玉", 0, 2), Span("宝玉", 2, 4), Span("黛玉", 4, 6)]
    # Looks at 0 (first), 4 (within), 7 (another name), 5 (none); what is written of a name that the
    # source has not is no case.
    weights = np.eye(8)[[0, 4, 7, 5, 1, 1]]
    assert name_hits(weights, source, target) == Hits(4, 1, 2, 3, pytest.approx(4 * 4 / 8))
