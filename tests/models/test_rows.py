import pytest
import torch

from novelgen.models.kernels.rows import by_rows


@pytest.mark.parametrize("rows", [1, 7, 15, 16, 17, 50])
def test_the_parts_are_all_rows_once_in_their_order(two_threads, rows):
    parts = by_rows(lambda first, last: list(range(first, last)), rows)
    assert [row for part in parts for row in part] == list(range(rows))


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (15, 1), (16, 2), (64, 2)])
def test_a_part_is_not_too_small_and_no_thread_has_two(two_threads, rows, count):
    assert len(by_rows(lambda first, last: last - first, rows)) == count


def test_no_gradient_is_recorded_in_any_part(two_threads):
    weight = torch.ones(3, requires_grad=True)
    assert not any(part.requires_grad for part in by_rows(lambda *_: weight * 2, 32))
    assert not any(part.requires_grad for part in by_rows(lambda *_: weight * 2, 1))


def test_an_error_in_a_part_reaches_the_caller(two_threads):
    with pytest.raises(ZeroDivisionError):
        by_rows(lambda first, last: 1 // first, 32)
