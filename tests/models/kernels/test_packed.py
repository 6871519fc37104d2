"""The rows of a batch without their padding, and the threads that share them."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from novelgen.models.kernels.packed import by_rows, in_threads, numpy_view, pack_rows


def batch(lengths, width=2):
    """Rows (B, T, width) of numbers all of which differ, and where they are real."""
    steps = max(lengths)
    padded = torch.arange(1.0, len(lengths) * steps * width + 1).view(len(lengths), steps, width)
    return padded, torch.arange(steps) < torch.tensor(lengths).unsqueeze(1)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.integers(1, 4), st.booleans())
def test_packed_buffers_hold_every_real_step_once(lengths, parts, is_reversed):
    padded, is_real = batch(lengths)
    rows = pack_rows(padded, torch.tensor(lengths), parts)
    if is_reversed:
        rows = rows.reversed()
    packed = rows.pack(padded)
    assert sorted(packed[:, 0]) == padded[is_real][:, 0].tolist()
    assert torch.equal(rows.pad(packed), padded.masked_fill(~is_real.unsqueeze(2), 0.0))
    # Step t of a part is a block: its rows are the part's first, in their order.
    for part in rows.parts:
        for t in range(len(part.offsets) - 1):
            own = part.rows[: part.offsets[t + 1] - part.offsets[t]]
            assert all(lengths[row] > t for row in own)
            places = [lengths[row] - 1 - t if is_reversed else t for row in own]
            block = slice(part.offsets[t], part.offsets[t + 1])
            assert torch.equal(packed[block], padded[own, places])
            assert rows.owners[block].tolist() == own.tolist()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.integers(1, 4))
def test_parts_share_the_rows_and_have_enough_of_them(lengths, parts):
    rows = pack_rows(batch(lengths)[0], torch.tensor(lengths), parts)
    assert len(rows.parts) == max(1, min(parts, len(lengths) // 4))
    assert sorted(row for part in rows.parts for row in part.rows) == list(range(len(lengths)))
    first = 0
    for part in rows.parts:
        own = [lengths[row] for row in part.rows]
        assert own == sorted(own, reverse=True)
        assert part.offsets[0] == first
        assert len(part.offsets) == len(part.states) == own[0] + 1
        first = part.offsets[-1]
    assert first == sum(lengths)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.integers(1, 4))
def test_states_stand_where_the_steps_before_and_behind_them_look(lengths, parts):
    """Each state counts the steps of its row, whose number is the fraction."""
    rows = pack_rows(batch(lengths)[0], torch.tensor(lengths), parts)
    names = torch.arange(len(lengths)) / 64
    states = rows.new_states(names[rows.order].unsqueeze(1))
    for part in rows.parts:
        for t in range(len(part.offsets) - 1):
            count = part.offsets[t + 1] - part.offsets[t]
            before = states[part.states[t] : part.states[t] + count]
            assert torch.equal(before[:, 0], t + names[part.rows[:count]])
            states[part.states[t + 1] : part.states[t + 1] + count] = before + 1
    assert torch.equal(states[rows.lasts, 0], torch.tensor(lengths) + names)
    # Those before each step, step by step, and those behind it.
    assert torch.equal(states[rows.befores] + 1, states[len(lengths) :])


def test_parts_have_equal_shares_of_every_length():
    lengths = torch.tensor([9] * 10 + [1] * 10)
    for part in pack_rows(torch.zeros(20, 9), lengths, 2).parts:
        assert lengths[part.rows].tolist() == [9] * 5 + [1] * 5


def test_without_lengths_every_step_is_real():
    (part,) = pack_rows(torch.zeros(3, 4), None, 1).parts
    assert part.rows.tolist() == [0, 1, 2]
    assert part.offsets.tolist() == [0, 3, 6, 9, 12]


def test_packing_and_padding_have_gradients():
    padded = batch([3, 1, 2])[0].double().requires_grad_()
    rows = pack_rows(padded, torch.tensor([3, 1, 2]), 1)
    assert torch.autograd.gradcheck(lambda padded: rows.pad(rows.pack(padded) ** 2), padded)


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


@pytest.mark.parametrize("rows", [0, 1, 3, 7, 8, 9, 50])
def test_the_parts_are_all_rows_once_in_their_order(two_threads, rows):
    parts = by_rows(lambda first, last: list(range(first, last)), rows)
    assert [row for part in parts for row in part] == list(range(rows))


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (7, 1), (8, 2), (64, 2)])
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
