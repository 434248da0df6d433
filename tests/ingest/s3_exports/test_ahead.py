"""Work done ahead: in order, one item ahead, and finished once it is closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import closing

import pytest

from ingest.sources.s3_exports.download import begun, one_ahead


def test_items_and_an_error_come_in_order() -> None:
    def numbers() -> Generator[int]:
        yield from range(3)
        raise OSError("the disk is full")

    items = one_ahead(numbers())
    assert [next(items), next(items), next(items)] == [0, 1, 2]
    with pytest.raises(OSError, match="the disk is full"):
        next(items)


def test_one_item_is_made_while_the_one_before_is_used_and_no_more() -> None:
    made: list[int] = []
    second = threading.Event()

    def numbers() -> Generator[int]:
        for number in range(9):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    with closing(one_ahead(numbers())) as items:
        next(items)
        assert second.wait(10), "the second is made before it is asked for"
        time.sleep(0.05)
        assert made == [0, 1]


def test_once_closed_no_thread_is_still_reading() -> None:
    at_work = threading.Event()
    ended: list[str] = []

    def numbers() -> Generator[int]:
        try:
            yield 0
            at_work.set()
            time.sleep(0.2)
            ended.append("second made")
            yield 1
        finally:
            ended.append("closed")

    with closing(one_ahead(numbers())) as items:
        next(items)
        assert at_work.wait(10)
    assert ended == ["second made", "closed"]


def test_work_that_is_not_asked_for_keeps_its_error_to_itself() -> None:
    def fails() -> None:
        raise ValueError("no")

    assert isinstance(begun(fails).exception(10), ValueError)
