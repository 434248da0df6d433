"""Parallel requests: the limits, the order of results, and how a failure ends them."""

from __future__ import annotations

import threading
import weakref

import pytest

from ingest.sources.everflow.conversions import in_order


def test_as_many_run_at_once_as_may_and_results_keep_their_order() -> None:
    lock = threading.Lock()
    begun: list[int] = []
    everyone = threading.Barrier(3)  # fewer than three in parallel would wait here

    def ask(number: int) -> list[int]:
        with lock:
            begun.append(number)
        if number:  # the first is alone: it tells how large they are
            everyone.wait(20)
        return [number * number]

    assert list(in_order(ask, range(10), 3, 100)) == [[number * number] for number in range(10)]
    assert sorted(begun) == list(range(10))


def test_no_more_run_at_once_than_may() -> None:
    lock = threading.Lock()
    running, most = 0, 0

    def ask(_: int) -> list[int]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.002)
        with lock:
            running -= 1
        return []

    assert len(list(in_order(ask, range(50), 4, 100))) == 50
    assert 1 < most <= 4


class Rows(list[int]):
    """A list that can be counted while anything refers to it."""


@pytest.mark.parametrize(("rows_each", "most"), [(10, 5), (24, 2), (1000, 2), (1, 11)])
def test_no_more_rows_are_held_than_fit(rows_each: int, most: int) -> None:
    """Ten days at once, each with thousands of rows, took half a gigabyte."""
    made: list[weakref.ref[Rows]] = []
    lock = threading.Lock()
    held = 0

    def ask(number: int) -> Rows:
        nonlocal held
        rows = Rows([number] * rows_each)
        with lock:
            made.append(weakref.ref(rows))
            held = max(held, sum(one() is not None for one in made))
        return rows

    seen = 0
    for found in in_order(ask, range(60), 10, 50):
        assert set(found) == {seen}
        threading.Event().wait(0.005)  # a slow consumer: all that may begin have ended
        seen += 1
    assert seen == 60
    assert most - 1 <= held <= most


def test_the_first_failure_in_order_is_raised_and_ends_the_rest() -> None:
    asked: list[int] = []

    def ask(number: int) -> list[int]:
        asked.append(number)
        if number in (2, 3):
            raise ValueError(number)
        return [number]

    found = in_order(ask, range(100), 4, 100)
    assert [next(found), next(found)] == [[0], [1]]
    with pytest.raises(ValueError, match="2"):
        next(found)
    assert len(asked) < 10
