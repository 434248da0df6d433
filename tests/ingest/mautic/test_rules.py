"""Mautic's special cases: rows that move between pages, zero dates, null for an empty list."""

from __future__ import annotations

from typing import Any

import pytest

from ingest import pull as pipeline
from ingest import registry
from ingest.model import Pull
from ingest.sources.mautic.probe import probe
from sandbox import Agency
from signalroom.errors import AnswerError
from tests.ingest.mautic.conftest import Read
from tests.ingest.mautic.test_lists import contact, paged
from tests.ingest.reading import extract, pull_of, rows_of
from tests.support.vendor import Answer, Request
from tests.support.warehouse import DUCKDB_FIRST, Warehouse


@pytest.mark.parametrize("table", ["contacts", "emails", "email_stats"])
def test_rows_that_move_between_two_pages_are_neither_lost_nor_doubled(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr("ingest.sources.mautic.client.PAGE_ROWS", 5 if table == "emails" else 40)
    pull = pull_of("mautic", resources=(table,))
    still = rows_of(extract(pull, "mautic")[table])
    own_agency.quirks.mautic_rows_move = True
    moved = rows_of(extract(pull, "mautic")[table])
    assert sorted(row["id"] for row in moved) == sorted(row["id"] for row in still)


@pytest.mark.parametrize("rows", [4, 16])
def test_a_contact_that_is_deleted_between_two_pages_takes_nobody_along(
    read: Read, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Nor does it stay where the list was read in smaller pages before, as it was too large."""
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_ANSWER_MB", "0.02")
    monkeypatch.setattr("ingest.paging.SMALLEST_PAGE", 1)
    monkeypatch.setattr("ingest.sources.mautic.client.PAGE_ROWS", rows)
    people = [contact(number) for number in range(1, 12)]

    def answer(request: Request) -> Answer:
        start, limit = int(request.query["start"]), int(request.query["limit"])
        if limit > 4:
            return Answer({"total": str(len(people)), "contacts": [], "padding": "x" * 30_000})
        if start and people[1]["id"] == 2:
            del people[1]
        found = people[start : start + limit]
        return Answer({"total": str(len(people)), "contacts": found})

    assert [row["id"] for row in read(answer, "contacts")] == [1, *range(3, 12)]


def test_a_list_that_stays_short_of_its_total_is_no_load(read: Read) -> None:
    def answer(request: Request) -> Answer:
        found = [contact(1), contact(2)] if request.query["start"] == "0" else []
        return Answer({"total": 3, "contacts": found})

    with pytest.raises(AnswerError, match="2 of 3 received"):
        read(answer, "contacts")


ZERO = ("0000-00-00", "0000-00-00 00:00:00", "-0001-11-30T00:00:00+00:00", "0000-00-00T00:00:00Z",
        "-0001-11-30T04:56:02+00:00", "-0001-11-29T18:03:58-05:56", "-001-11-30 00:00:00",
        "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00", "00/00/0000", "-62169984000",
        "-62135596800")  # fmt: skip


@pytest.mark.parametrize("text", ZERO)
def test_a_zero_date_in_any_spelling_is_no_date(read: Read, text: str) -> None:
    one = contact(1) | {"dateModified": text, "lastActive": text, "dateAdded": text}
    [row] = read(paged([one], total=1), "contacts")
    assert (row["date_modified"], row["last_active"], row["date_added"]) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9999-12-31T23:59:59-05:00", "9999-12-31 23:59:59+00:00"),
        ("2026-01-15T10:00:00z", "2026-01-15 10:00:00+00:00"),
        ("2026-01-15 10:00:00 -0500 -05", "2026-01-15 15:00:00+00:00"),
        ("1768471200000000", "2026-01-15 10:00:00+00:00"),
        ("20260115", "2026-01-15 00:00:00+00:00"),
        ("20260115100000", "2026-01-15 10:00:00+00:00"),
    ],
)
def test_an_unusual_instant_holds_no_contact(read: Read, text: str, expected: str) -> None:
    [row] = read(paged([contact(1) | {"dateModified": text}], total=1), "contacts")
    assert str(row["date_modified"]) == expected


def test_zero_dates_of_the_simulated_instance_hold_no_contact(own_agency: Agency) -> None:
    own_agency.quirks.mautic_zero_dates = True
    rows = rows_of(extract(pull_of("mautic", resources=("contacts",)), "mautic")["contacts"])
    assert len(rows) == len(own_agency.truth("713").mautic_contacts)
    assert any(row["date_modified"] is None for row in rows)


@pytest.mark.parametrize("total", ["page", "all"])
def test_a_total_that_counts_the_page_alone_ends_no_list(
    read: Read, monkeypatch: pytest.MonkeyPatch, total: str
) -> None:
    monkeypatch.setattr("ingest.sources.mautic.client.PAGE_ROWS", 4)
    every = [contact(number) for number in range(1, 11)]

    def give(request: Request) -> Answer:
        start, limit = int(request.query["start"]), int(request.query["limit"])
        found = every[start : start + limit]
        return Answer({"contacts": found, "total": len(found) if total == "page" else len(every)})

    assert sorted(row["id"] for row in read(give, "contacts")) == list(range(1, 11))


@pytest.mark.parametrize("total", [0, "0", None])
def test_null_for_an_empty_list_is_an_empty_list(read: Read, total: Any) -> None:
    assert read(lambda _: Answer({"total": total, "contacts": None}), "contacts") == []


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_a_role_that_sees_less_than_before_is_said_by_load_and_doctor(
    own_agency: Agency, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    source = registry.source("mautic")
    said: list[str] = []

    def pull() -> Pull:
        return pipeline.make_pull(source, "713", resources=("contacts",), notice=said.append)

    pipeline.load(source, pull())
    assert probe(pull()) == said == []
    own_agency.quirks.mautic_own_contacts_only = True
    assert "'view others'" in " ".join(probe(pull()))
    pipeline.load(source, pull())
    [line] = said
    assert "check whether the key or its role still sees all of them" in line
