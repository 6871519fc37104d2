"""Mapping in processes: in order, and never far ahead of who takes the results."""

import operator
import os
from itertools import islice

import pytest

from novelgen.parallel import map_in_order, processors


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_tasks_are_taken_as_needed(workers):
    taken = []

    def tasks():
        for number in range(1000):
            taken.append(number)
            yield number

    results = map_in_order(operator.neg, tasks(), workers)
    assert list(islice(results, 5)) == [0, -1, -2, -3, -4]
    assert len(taken) <= 5 + workers + 2
    results.close()


def test_an_error_in_a_process_reaches_the_caller():
    with pytest.raises(TypeError):
        list(map_in_order(operator.neg, [1, "two", 3], 2))


def test_only_processors_that_this_process_may_use_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5, 7}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert processors() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert processors() == 64
