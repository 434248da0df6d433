"""Parallel requests: the limit, the order of results, and how a failure ends them."""

from __future__ import annotations

import threading

import pytest

from ingest.at_once import in_order


def test_as_many_run_at_once_as_may_and_results_keep_their_order() -> None:
    lock = threading.Lock()
    begun: list[int] = []
    everyone = threading.Barrier(3)  # fewer than three in parallel would wait here

    def ask(number: int) -> int:
        with lock:
            begun.append(number)
        everyone.wait(20)
        return number * number

    assert list(in_order(ask, range(9), 3)) == [number * number for number in range(9)]
    assert sorted(begun) == list(range(9))


def test_no_more_run_at_once_than_may() -> None:
    lock = threading.Lock()
    running, most = 0, 0

    def ask(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.002)
        with lock:
            running -= 1

    assert len(list(in_order(ask, range(50), 4))) == 50
    assert 1 < most <= 4


def test_the_first_failure_in_order_is_raised_and_ends_the_rest() -> None:
    asked: list[int] = []

    def ask(number: int) -> int:
        asked.append(number)
        if number in (2, 3):
            raise ValueError(number)
        return number

    found = in_order(ask, range(100), 4)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(ValueError, match="2"):
        next(found)
    assert len(asked) < 10
