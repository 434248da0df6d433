"""Changed headers, and one bad range among several."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ingest import pull as pipeline
from ingest import registry
from ingest.probes import check_sources
from sandbox import Agency
from signalroom.errors import AnswerError
from tests.ingest.google_sheets.conftest import ID
from tests.support.warehouse import Warehouse

SOURCE = registry.source("google_sheets")
# the header is checked before anything is loaded, so one engine is enough
pytestmark = pytest.mark.parametrize(
    "warehouse", ["duckdb", pytest.param("postgres", marks=pytest.mark.deep)], indirect=True
)

Put = Callable[..., Agency]


@pytest.fixture(autouse=True)
def activated(
    own_agency: Agency, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Warehouse:
    warehouse.activate(monkeypatch)
    return warehouse


def load(said: list[str] | None = None) -> pipeline.Loaded:
    pull = pipeline.make_pull(SOURCE, "713", notice=(said if said is not None else []).append)
    return pipeline.load(SOURCE, pull)


def rows(warehouse: Warehouse, columns: str = "_row_id, a, b") -> list[tuple[Any, ...]]:
    return warehouse.rows(f"select {columns} from google_sheets.plan order by _row_id")


def test_a_range_that_begins_below_its_header_makes_no_column_of_a_person(
    put: Put, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the load nor doctor prints the cell's content."""
    agency = put(plan=[["a", "b"], ["1", "2"]])
    load()
    for name in agency.environment():
        if not name.startswith(("GOOGLE_", "SIGNALROOM_")):  # doctor checks no other source
            monkeypatch.delenv(name)
    told = "the range's first row holds a person's data"
    for cell in ("ada@example.org", "+1 (202) 555-0121", "202-555-0121"):
        put(plan=[["CCW", cell], ["EXP", "x"]])
        with pytest.raises(AnswerError, match=told) as refused:
            load()
        assert cell not in str(refused.value)
        assert rows(warehouse) == [(0, "1", "2")]
        found = [one for one in check_sources({}, offline=False) if one.source == "google_sheets"]
        [fault] = [one for one in found if one.client == "713"]
        assert (fault.state, told in fault.message, cell in fault.line) == ("fault", True, False)


@pytest.mark.fault(30)
def test_the_header_may_grow_at_its_end_and_not_change_otherwise(
    put: Put, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(plan=[["a", "b"], ["1", 2], ["3", 4]])
    load()
    good = [(0, "1", "2"), (1, "3", "4")]
    assert rows(warehouse) == good

    # a column inserted, one renamed, one removed: the last good rows stay
    for changed in (["a", "x", "b"], ["a", "c"], ["a"], ["b", "a"]):
        put(plan=[changed, ["9"]])
        with pytest.raises(AnswerError, match=r"713, plan: the header changed .*last good rows"):
            load()
        assert rows(warehouse) == good

    # an added column is accepted, with one notice
    put(plan=[["a", "b", "New One"], ["1", 2, 5]])
    first: list[str] = []
    second: list[str] = []
    load(first)
    load(second)
    assert "plan: new columns new_one" in first
    assert not [one for one in second if "new columns" in one]
    assert rows(warehouse, "_row_id, a, b, new_one") == [(0, "1", "2", "5")]

    # and a changed header can be accepted, for that range only
    put(plan=[["a", "renamed"], ["7", 8]])
    with pytest.raises(AnswerError) as caught:
        load()
    assert "gone: b, new_one; new: renamed" in str(caught.value)
    told = re.search(r"GOOGLE_SHEETS_ACCEPTED_HEADERS=(\S+)\.$", str(caught.value))
    assert told is not None
    monkeypatch.setenv("GOOGLE_SHEETS_ACCEPTED_HEADERS", told[1])
    load()
    assert rows(warehouse, "_row_id, a, b, renamed") == [(0, "7", None, "8")]
    put(plan=[["other", "renamed"], ["7", 8]])
    with pytest.raises(AnswerError, match="gone: a; new: other"):
        load()

    # a cleared range is an empty table; its header is remembered
    put(plan=[])
    load()
    assert rows(warehouse) == []
    put(plan=[["a"], ["1"]])
    with pytest.raises(AnswerError, match="gone: renamed"):
        load()


def test_one_bad_range_holds_no_other(put: Put, warehouse: Warehouse) -> None:
    put(plan=[["a", "b"], ["1", "2"]], wide=[["a"], ["1"]])
    load()
    agency = put(plan=[["a", "b"], ["1", "3"]], wide=[["a"], ["1", "beyond"]])
    loaded = load()
    assert loaded.failures == (
        "wide keeps its rows: google_sheets for client 713, wide: row 2 of the range has cells "
        "beyond the header's 1 columns; the table keeps its rows. Give every column a header.",
    )
    assert rows(warehouse) == [(0, "1", "3")]
    # a missing tab spoils the answer for all ranges, so they are requested one by one
    put(plan=[["a", "b"], ["1", "4"]], wide=[["a"], ["1"]])
    del agency.google_sheets.tabs["713"]["wide"]
    loaded = load()
    assert "Unable to parse range: wide!A1:Z" in loaded.failures[0]
    assert rows(warehouse) == [(0, "1", "4")]
    assert warehouse.rows("select a from google_sheets.wide") == [("1",)]
    assert ID in loaded.failures[0]
