"""Reading entries column by column gives the same rows, types and errors as one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.columns import (
    COUNT_TYPE,
    FLAG_TYPE,
    INSTANT_TYPE,
    MONEY_TYPE,
    TEXT_TYPE,
    Entries,
    Field,
    Shape,
)
from ingest.model import Pull, Window
from signalroom.errors import AnswerError

DAY = date(2026, 11, 18)
PULL = Pull("713", Window(DAY, DAY), datetime(2026, 11, 19, tzinfo=UTC), ("things",), source="own")
SHAPE = Shape(
    {
        "name": Field("name", TEXT_TYPE),
        "cost": Field("cost", MONEY_TYPE),
        "count": Field("count", COUNT_TYPE),
        "is_on": Field("is_on", FLAG_TYPE),
        "at": Field("at", INSTANT_TYPE),
        "whose": Field("owner.person.id", COUNT_TYPE),
        "owner": Field("owner.person.name", TEXT_TYPE),
        "left_out": Field("old", TEXT_TYPE),
    },
    documents={"groups": "groups", "none": "old"},
    skipped=("old", "hidden"),
)
# Values that are equal but not identical (1, True, 1.0), and values that no column can hold.
VALUES: list[Any] = [
    None, "", " ", "\t\n", "a", "a\x00b", "\x00", "\ud800", "\u00a0", "1", "1.0", "0", "true", "no",
    1, 0, -1, 2**63, True, False, Decimal("1"), Decimal("1.0"), Decimal("0.10"), Decimal("1e-19"),
    "1e999999999", "1763500000", 1763500000000, "2026-11-18 10:00:00 +0000 UTC", "0000-00-00",
    [], [1], {}, {"a": 1}, {"person": None}, {"person": "x"}, {"person": {"id": "7", "name": 1}},
    {"person": {"id": 1.5, "name": [1]}}, {"person": {"id": True, "name": " "}},
]  # fmt: skip
KEYS = (
    "name", "cost", "count", "is_on", "at", "owner", "old", "groups", "hidden", "date", "New Key",
    "new_key", "7th", "_", "whose", "name.full",
)  # fmt: skip
PLAIN = {"name": "a", "cost": Decimal("1.0"), "count": 1, "is_on": True, "at": 1763500000}
ENTRIES = st.lists(
    st.one_of(
        st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=8),
        st.just(PLAIN),
        st.just([]),
    ),
    max_size=6,
)


@given(ENTRIES)
@example([{"cost": Decimal("1.0")}, {"cost": Decimal("1")}, {"cost": 1}, {"cost": True}])
@example([{"name": 1}, {"name": True}, {"name": "1"}, {"name": Decimal("1.0")}])
@example([{"name": "a\x00b"}, {"name": "\x00"}, {"name": " "}])
@example([{"count": "1"}, {"count": "x"}, {"count": "y"}, {"cost": "z"}])
@example([{"New Key": 1}, {"new_key": 2, "New Key": 3}, {"new_key": [4]}])
@example([PLAIN, [], {"count": "x"}])
@example([{"old": "a", "groups": [1]}, {"groups": {"b": 2}, "hidden": 3}])
def test_rows_and_errors_are_those_of_one_entry_after_the_other(entries: list[Any]) -> None:
    entries_of_table = Entries("things", PULL, SHAPE)
    together = _told(entries_of_table.rows(entries))
    assert together == _told(map(entries_of_table.row, entries))


@pytest.mark.parametrize("values", [["x", "x"], [True, True], [3, 3], ["a", None], [None, None]])
def test_a_value_that_comes_often_is_read_as_if_it_came_once(values: list[Any]) -> None:
    entries_of_table = Entries("things", PULL, SHAPE)
    entries = [{"name": value, "further": value} for value in values]
    assert _told(entries_of_table.rows(entries)) == _told(map(entries_of_table.row, entries))


def _told(rows: Iterator[dict[str, Any]]) -> list[Any]:
    """The rows with the type and the text of each value, and the error that ends them."""
    told: list[Any] = []
    try:
        for row in rows:
            told.append({name: (type(value), str(value)) for name, value in row.items()})
    except AnswerError as error:
        told.append((str(error), error.payload))
    return told
