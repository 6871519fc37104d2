import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

pytest.importorskip("numba")

from novelgen.models.kernels.packed import (
    by_rows,
    clear_padding,
    gather,
    in_threads,
    numpy_view,
    pack_rows,
    put_rows,
    scatter,
    take_rows,
)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.integers(1, 4), st.booleans())
def test_packed_buffers_hold_every_real_step_once(lengths, parts, is_reversed):
    steps = max(lengths)
    sequence = torch.arange(1.0, len(lengths) * steps + 1).view(len(lengths), steps, 1)
    shared = [
        part._replace(is_reversed=is_reversed)
        for part in pack_rows(sequence, torch.tensor(lengths), parts)
    ]
    packed = np.zeros((sum(lengths), 1), dtype=np.float32)
    for part in shared:
        gather(sequence.numpy(), part, packed)
    is_real = torch.arange(steps) < torch.tensor(lengths).unsqueeze(1)
    assert sorted(packed.flatten()) == sequence[is_real].flatten().tolist()

    # Step t of a part is a block: its rows are the part's first, in their order.
    for part in shared:
        for t in range(len(part.offsets) - 1):
            rows = part.rows[: part.offsets[t + 1] - part.offsets[t]]
            assert all(lengths[row] > t for row in rows)
            places = [lengths[row] - 1 - t if is_reversed else t for row in rows]
            block = packed[part.offsets[t] : part.offsets[t + 1]].flatten()
            assert block.tolist() == sequence[rows, places].flatten().tolist()

    # And back again.
    padded = np.full(sequence.shape, np.nan, dtype=np.float32)
    for part in shared:
        scatter(packed, part, padded)
    expected = sequence.masked_fill(~is_real.unsqueeze(2), 0.0)
    assert padded.tolist() == expected.tolist()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.integers(1, 4))
def test_parts_share_the_rows_and_have_enough_of_them(lengths, parts):
    shared = pack_rows(torch.zeros(len(lengths), max(lengths)), torch.tensor(lengths), parts)
    assert len(shared) == max(1, min(parts, len(lengths) // 8))
    assert sorted(row for part in shared for row in part.rows) == list(range(len(lengths)))
    first = 0
    for part in shared:
        assert part.lengths.tolist() == [lengths[row] for row in part.rows]
        assert part.lengths.tolist() == sorted(part.lengths, reverse=True)
        assert part.offsets[0] == first
        assert len(part.offsets) == part.lengths[0] + 1
        first = part.offsets[-1]
    assert first == sum(lengths)


def test_parts_have_equal_shares_of_every_length():
    lengths = torch.tensor([9] * 10 + [1] * 10)
    first, second = pack_rows(torch.zeros(20, 9), lengths, 2)
    assert first.lengths.tolist() == second.lengths.tolist() == [9] * 5 + [1] * 5


def test_without_lengths_every_step_is_real():
    (part,) = pack_rows(torch.zeros(3, 4), None, 1)
    assert part.rows.tolist() == [0, 1, 2]
    assert part.offsets.tolist() == [0, 3, 6, 9, 12]


def test_padding_is_cleared_and_nothing_else():
    lengths = [3, 1, 2]
    padded = np.full((3, 3, 2), 5.0, dtype=np.float32)
    for part in pack_rows(torch.zeros(3, 3), torch.tensor(lengths), 1):
        clear_padding(part, padded)
    assert padded[..., 0].tolist() == [[5, 5, 5], [5, 0, 0], [5, 5, 0]]
    assert np.array_equal(padded[..., 0], padded[..., 1])


def test_rows_are_taken_in_the_order_of_a_part_and_put_back():
    padded = np.arange(6.0, dtype=np.float32).reshape(3, 2)
    (part,) = pack_rows(torch.zeros(3, 3), torch.tensor([1, 3, 2]), 1)
    taken = np.empty_like(padded)
    take_rows(padded, part, taken)
    assert taken.tolist() == padded[[1, 2, 0]].tolist()
    back = np.empty_like(padded)
    put_rows(taken, part, back)
    assert back.tolist() == padded.tolist()


def test_an_array_shares_the_memory_of_its_tensor():
    tensor = torch.zeros(2, 3, requires_grad=True)
    numpy_view(tensor)[1, 2] = 5
    assert tensor[1, 2].item() == 5


def test_bfloat16_is_its_sixteen_bits():
    tensor = torch.tensor([1.0, -2.0, 0.5], dtype=torch.bfloat16)
    bits = numpy_view(tensor)
    assert bits.dtype == np.uint16
    # They are the upper half of those of the same number in float32.
    assert bits.tolist() == (tensor.float().numpy().view(np.uint32) >> 16).tolist()


@pytest.mark.parametrize("rows", [0, 1, 7, 15, 16, 17, 50])
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


def test_results_come_in_the_order_of_their_tasks(two_threads):
    assert in_threads([lambda number=number: number for number in range(9)]) == list(range(9))


def test_threads_multiply_alone(two_threads):
    """A product inside a thread that shared itself out again would wait for itself."""
    assert in_threads([torch.get_num_threads] * 2) == [1, 1]
    assert torch.get_num_threads() == 2
