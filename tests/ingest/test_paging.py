"""Lists that change while they are read: no entry is lost or doubled, or the read fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ingest.paging import Page, beyond, whole
from signalroom.errors import AnswerError, TooLargeError

SIZES = (10, 7, 5)
IDS = list(range(1, 26))


class Lists:
    """A list by pages; `shift` moves the start of each page after the first by this many rows."""

    def __init__(self, *, ceiling: int = 99, shift: int = 0, total: int | None = None) -> None:
        self.ids = list(IDS)
        self.ceiling, self.shift, self.total = ceiling, shift, total
        self.sizes: list[int] = []

    def read(self, size: int) -> Iterator[Page]:
        self.sizes.append(size)
        given = min(size, self.ceiling)
        for page in range(99):
            start = page * given + (self.shift if page else 0)
            found = self.ids[start : start + given]
            yield [{"id": one} for one in found], self.total
            if not found:
                return

    def all(self) -> list[Any]:
        return sorted(one["id"] for one in whole(self.read, SIZES, lambda e: e["id"], "here"))


@pytest.mark.parametrize("shift", [0, 1, -1])
@pytest.mark.parametrize("total", [None, 25, 12, 1])
@pytest.mark.parametrize("ceiling", [99, 8, 5])
def test_rows_that_move_are_neither_lost_nor_doubled(
    shift: int, total: int | None, ceiling: int
) -> None:
    assert Lists(ceiling=ceiling, shift=shift, total=total).all() == IDS


@pytest.mark.parametrize("count", [9, 10, 11])
def test_a_full_page_hides_nothing_behind_it(count: int) -> None:
    """Due to the shift the eleventh row is not on the second page, which is empty."""
    lists = Lists(shift=1)
    lists.ids = IDS[:count]
    assert lists.all() == IDS[:count]


def test_one_page_is_one_snapshot() -> None:
    lists = Lists()
    lists.ids = IDS[:9]
    assert lists.all() == IDS[:9]
    assert lists.sizes == [10]


def test_a_row_that_is_on_no_page_at_any_size_is_said() -> None:
    lists = Lists(total=26)
    with pytest.raises(
        AnswerError, match="here: 25 of 26 received, in pages of 5 too; nothing was"
    ):
        lists.all()
    assert lists.sizes == [10, 7, 5]


def test_nothing_is_no_answer_where_rows_are_counted() -> None:
    lists = Lists(total=3)
    lists.ids = []
    with pytest.raises(AnswerError, match="0 of 3 received"):
        lists.all()


def test_a_row_that_was_deleted_meanwhile_does_not_stay() -> None:
    lists = Lists()

    def read(size: int) -> Iterator[Page]:
        total = len(lists.ids)
        for page in lists.read(size):
            yield page[0], total
            if 3 in lists.ids:  # it is deleted after the first page, and the others move up
                lists.ids.remove(3)
            total = len(lists.ids)

    found = sorted(one["id"] for one in whole(read, SIZES, lambda entry: entry["id"], "here"))
    assert found == [one for one in IDS if one != 3]


def test_a_list_that_never_stands_still_is_no_load() -> None:
    numbers = iter(range(1000))

    def read(size: int) -> Iterator[Page]:
        yield [{"id": next(numbers)} for _ in range(size)], None
        yield [{"id": next(numbers)}], None

    with pytest.raises(AnswerError, match="each time the list is read it has other entries"):
        whole(read, SIZES, lambda entry: entry["id"], "here")


@pytest.mark.parametrize("largest", [1000, 400, 100, 99])
def test_pages_that_are_too_large_are_halved_down_to_a_hundred(largest: int) -> None:
    ids = list(range(950))
    sizes: list[int] = []

    def read(size: int) -> Iterator[Page]:
        sizes.append(size)
        if size > largest:
            raise TooLargeError("here answers more than 64 MB")
        for start in range(0, len(ids) + size, size):
            yield [{"id": one} for one in ids[start : start + size]], len(ids)

    def all_of() -> list[Any]:
        return [one["id"] for one in whole(read, (1000, 700), lambda e: e["id"], "here")]

    if largest < 100:
        with pytest.raises(TooLargeError):
            all_of()
        assert sizes == [1000, 500, 250, 125, 100]
    else:
        assert all_of() == ids


def test_a_row_that_is_added_before_the_second_page_asks_for_no_smaller_list() -> None:
    """Each report would be halved down to single days, at 20 requests a minute."""
    rows = [{"id": number} for number in range(40)]
    requested: list[tuple[int, int]] = []

    def page(number: int, size: int) -> list[dict[str, Any]]:
        requested.append((number, size))
        start = (number - 1) * size - 1
        return rows[start : start + size]

    assert beyond(rows, 100, lambda row: row["id"], page) == []
    assert requested == [(2, 30)]
