import numpy as np
import pytest

from novelgen.training import validation
from novelgen.training.distributed import Ranks
from novelgen.training.loss import LossStats
from novelgen.training.validation import Validator, affordable_characters, sample_size


def test_a_validation_reads_a_few_percent_of_what_was_trained_but_some_text_in_any_case():
    assert affordable_characters(10_000_000) == 1_200_000
    assert affordable_characters(0) == affordable_characters(1_000) == 5_000


@pytest.mark.parametrize(
    ("affordable", "expected"), [(1, 1), (250, 5), (251, 6), (999, 20), (1000, 20), (10**9, 20)]
)
def test_a_sample_has_its_share_of_the_pairs(affordable, expected):
    assert sample_size(20, 1000, affordable) == expected


def measured(workshop, monkeypatch, *trained, rank=0):
    """The pairs of each task in validations after so many characters, and whether all."""
    seen = []

    def evaluate_loss(_model, pairs, **_options):
        seen.append(pairs.target_starts.tolist())
        return LossStats(1.0, 1, 1, len(pairs))

    monkeypatch.setattr(validation, "evaluate_loss", evaluate_loss)
    many = workshop.valid.subset(np.tile(np.arange(20), 100))  # about 10,000 characters
    parts = {"next": many, "previous": workshop.valid}
    model = workshop.model()
    config = workshop.config().training
    device = next(model.parameters()).device
    validator = Validator(model, config, parts, device, Ranks(rank, 2))
    found = [validator.measure(characters) for characters in trained]
    return seen, [each.is_sample for each in found]


def test_every_validation_and_every_rank_measures_the_same_share_of_each_task(
    workshop, monkeypatch
):
    seen, is_sample = measured(workshop, monkeypatch, 100, 10**9)
    assert is_sample == [True, True]
    first, second = seen[:2], seen[2:]
    assert first == second
    assert len(first[1]) / 20 == pytest.approx(len(first[0]) / 2000, abs=0.05)
    assert measured(workshop, monkeypatch, 100, rank=1)[0] == first


def test_all_pairs_are_measured_where_they_are_few_beside_the_training(workshop, monkeypatch):
    seen, is_sample = measured(workshop, monkeypatch, 10**6)
    assert is_sample == [False]
    assert [len(pairs) for pairs in seen] == [2000, 20]
