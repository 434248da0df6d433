"""A day with more pages of events than PostHog answers in an hour."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from ingest import backfill, registry
from ingest import loads as ledger
from ingest import pull as pipeline
from ingest.model import Loaded, Pull, Window
from ingest.privacy import forgotten
from ingest.pull import Extracted
from ingest.registry import SourceSettings
from sandbox import Agency
from signalroom import retention
from signalroom.errors import AnswerError, CredentialsError, DeferredError
from tests.ingest.posthog.test_rules import POISON, throttled
from tests.support.warehouse import DUCKDB_FIRST, Warehouse

SOURCE = registry.source("posthog")
EVENTS = ("events",)
DAY = date(2026, 11, 16)
NEXT = date(2026, 11, 17)
PAGES, ROWS = 3, 25  # queries that are answered in an hour, and events of each

Attempt = Callable[..., Loaded]


@pytest.fixture
def attempt(own_agency: Agency, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse) -> Attempt:
    """Another attempt, an hour later."""
    warehouse.activate(monkeypatch)
    throttled(own_agency, monkeypatch, 0)
    monkeypatch.setattr("ingest.sources.posthog.events.PAGE_ROWS", ROWS)

    def run(start: date = DAY, end: date = DAY) -> Loaded:
        own_agency.caps.posthog_queries_per_hour += PAGES
        own_agency.requests.clear()
        return pipeline.load(SOURCE, due(start, end))

    return run


def due(start: date = DAY, end: date = DAY, resources: tuple[str, ...] = EVENTS) -> Pull:
    """A pull of days that are due; no person named them."""
    pull = pipeline.make_pull(SOURCE, "713", window=Window(start, end), resources=resources)
    return replace(pull, is_named=False)


def behind(agency: Agency) -> list[str]:
    """The event behind which each answered question begins; empty at the start of a day."""
    asked = [json.loads(one.body)["query"]["query"] for one in agency.requests if one.status == 200]
    return [text.partition("toUUID('")[2][:36] for text in asked]


def truth(agency: Agency, start: date = DAY, end: date = DAY) -> list[str]:
    return sorted(row["uuid"] for row in agency.truth("713", start, end).posthog_events)


def pages(agency: Agency, day: date) -> int:
    """The queries that a whole day needs."""
    return len(truth(agency, day, day)) // ROWS + 1


def landed(warehouse: Warehouse) -> list[str]:
    return sorted(uuid for (uuid,) in warehouse.rows("select uuid from posthog.events"))


def kept(warehouse: Warehouse) -> list[pa.Table]:
    """The pages of unfinished days."""
    found = warehouse.rows("select content from ops.unfinished_days order by day, position")
    return [pa.ipc.open_stream(base64.b64decode(one)).read_all() for (one,) in found]


def test_a_day_of_more_pages_than_an_hour_allows_is_whole_after_some_hours(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse
) -> None:
    """Each attempt goes on behind the last page of the one before; a part is never a day."""
    expected = truth(own_agency)
    assert len(expected) > 2 * PAGES * ROWS
    read: list[str] = [""]
    for hour in (1, 2):
        with pytest.raises(DeferredError, match="; the part of 2026-11-16 that was read"):
            attempt()
        assert behind(own_agency)[0] == read[-1]
        read = [uuid for page in kept(warehouse) for uuid in page["uuid"].to_pylist()]
        assert len(read) == hour * PAGES * ROWS
        assert warehouse.rows("select * from ops.loads") == []
        assert warehouse.rows("select * from ops.control_totals") == []
    own_agency.caps.posthog_queries_per_hour += 100
    loaded = attempt()
    assert behind(own_agency)[0] == read[-1]
    assert not loaded.failures
    assert landed(warehouse) == expected
    assert warehouse.rows("select total from ops.control_totals where measure = 'rows'") == [
        (len(expected),)
    ]
    assert kept(warehouse) == []
    assert ledger.coverage("713", "posthog", EVENTS) == Window(DAY, DAY)


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_the_days_of_a_window_are_read_in_turn(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse
) -> None:
    """Not the first one again and again, although each pull wants all of them."""
    expected = truth(own_agency, DAY, NEXT)
    pages = 0
    for _ in range(20):
        with suppress(DeferredError):
            if not attempt(DAY, NEXT).failures:
                break
        pages += len(behind(own_agency))
    assert pages <= len(expected) // ROWS + 1
    assert landed(warehouse) == expected
    with pytest.raises(DeferredError):
        attempt(DAY, NEXT)
    assert behind(own_agency)[0] == "", "a finished pull leaves nothing behind"


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_a_day_that_was_whole_before_keeps_its_rows_until_it_is_whole_again(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse
) -> None:
    own_agency.caps.posthog_queries_per_hour = 100
    attempt()
    own_agency.caps.posthog_queries_per_hour = len(behind(own_agency))
    loads = warehouse.rows("select * from ops.loads")
    with pytest.raises(DeferredError):
        attempt()
    assert len(behind(own_agency)) == PAGES
    assert landed(warehouse) == truth(own_agency)
    assert warehouse.rows("select * from ops.loads") == loads


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_what_is_kept_of_a_day_is_as_private_as_raw_and_not_kept_for_long(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse
) -> None:
    with pytest.raises(DeferredError):
        attempt()
    texts = " ".join(str(page.to_pylist()) for page in kept(warehouse))
    people = {row["email"] for row in own_agency.truth("713", DAY, DAY).posthog_events}
    assert people - {None}
    assert not [address for address in people - {None} if address in texts]
    forgotten.forget(["no such hash"])
    assert kept(warehouse) == [], "the pages of a person are read again"

    for _ in range(2):
        with pytest.raises(DeferredError):
            attempt()
        assert behind(own_agency)[0] == "", "the clock that dated them may be minutes fast"
    warehouse.execute("update ops.forgotten set forgotten_at = forgotten_at - interval '3 days'")
    warehouse.execute("update ops.unfinished_days set read_at = read_at - interval '25 hours'")
    with pytest.raises(DeferredError):
        attempt()
    assert behind(own_agency)[0] != "", "a daily pull continues"
    a_day_later = "update ops.unfinished_days set read_at = read_at - interval '27 hours'"
    warehouse.execute(a_day_later)
    with pytest.raises(DeferredError):
        attempt()
    assert behind(own_agency)[0] == "", "what the vendor restated since would be missing"
    warehouse.execute(f"{a_day_later} where position = 1")
    with pytest.raises(DeferredError):
        attempt()
    assert behind(own_agency)[0] == "", "a day is as old as its first page"
    with pytest.raises(DeferredError):
        attempt()
    assert len(kept(warehouse)) == 2 * PAGES
    warehouse.execute(f"{a_day_later} where position = 1")
    retention.prune_warehouse()
    assert kept(warehouse) == []


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_what_was_read_by_other_rules_or_of_another_project_is_no_part_of_a_day(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeferredError):
        attempt()
    pages = kept(warehouse)
    warehouse.execute("update ops.unfinished_days set rules = 'old', first_day = date '2026-11-01'")
    with pytest.raises(DeferredError):
        attempt()
    assert behind(own_agency)[0] == ""
    assert len(kept(warehouse)) == len(pages)
    first = "select distinct first_day from ops.unfinished_days"
    assert warehouse.rows(first) == [(DAY,)], "days were loaded by the old rules"

    host = os.environ["POSTHOG_HOST"]
    monkeypatch.setenv("POSTHOG_HOST", host.replace("127.0.0.1", "localhost"))
    assert host != os.environ["POSTHOG_HOST"]
    with pytest.raises(DeferredError):
        attempt()
    assert behind(own_agency)[0] == "", "one day of two projects"


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_a_rejected_event_of_an_early_page_is_named_with_the_whole_day(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse
) -> None:
    uuid = truth(own_agency)[1]
    own_agency.quirks.posthog_properties = {uuid: POISON["1e999"]}
    for _ in range(10):
        with suppress(DeferredError):
            attempt()
            break
    assert sorted([*landed(warehouse), uuid]) == truth(own_agency)
    [(reason,)] = warehouse.rows("select reason from ops.dead_letters where resolved_at is null")
    assert uuid in reason


@pytest.mark.deep
@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_an_answer_that_cannot_be_used_begins_the_day_again(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse
) -> None:
    with pytest.raises(DeferredError):
        attempt()
    own_agency.faults.plan("posthog", "status", status=400)
    with pytest.raises(AnswerError):
        attempt()
    assert kept(warehouse) == []
    with pytest.raises(DeferredError):
        attempt()
    assert behind(own_agency)[0] == ""


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_a_slice_of_a_backfill_that_a_limit_cut_off_is_not_done(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse
) -> None:
    source = replace(SOURCE, backfill_days=2)
    whole, calls = Window(DAY - timedelta(days=2), NEXT), 0
    for _ in range(20):
        own_agency.caps.posthog_queries_per_hour += 4 * PAGES
        parts = backfill.left(source, "713", whole)
        calls += 1
        pull = pipeline.make_pull(SOURCE, "713", window=whole, resources=EVENTS)
        with suppress(DeferredError):
            if not any(one.failures for one in backfill.run(source, pull, parts)):
                break
    assert calls > 2
    assert landed(warehouse) == truth(own_agency, whole.start, whole.end)


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_nothing_is_requested_ahead_of_a_slice_that_a_limit_cut_off(
    own_agency: Agency, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = replace(SOURCE, backfill_days=2)
    windows: list[Window] = []
    extract = pipeline.extract

    def heard(given: SourceSettings, pull: Pull, *rest: Any) -> Extracted:
        windows.append(pull.window)
        return extract(given, pull, *rest)

    monkeypatch.setattr(pipeline, "extract", heard)
    own_agency.caps.posthog_queries_per_hour += pages(own_agency, DAY) + 1
    whole = Window(DAY - timedelta(days=2), NEXT)
    pull = pipeline.make_pull(SOURCE, "713", window=whole, resources=EVENTS)
    [cut] = backfill.run(source, pull, backfill.left(source, "713", whole))
    assert cut.deferred_until
    assert windows == [Window(DAY, NEXT)]

    own_agency.requests.clear()
    own_agency.caps.posthog_queries_per_hour += 1
    with pytest.raises(DeferredError):
        list(backfill.run(source, pull, backfill.left(source, "713", whole)))
    assert behind(own_agency)[0] != "", "a slice goes on, although a person named the range"


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_days_that_were_read_but_not_loaded_are_read_again(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse
) -> None:
    """A later table's failure loads nothing of the pull."""
    tables = ("events", "feature_flags")
    own_agency.caps.posthog_queries_per_hour += pages(own_agency, DAY) + PAGES
    own_agency.faults.plan("posthog", "status", times=20, match="feature_flags", status=401)
    with pytest.raises(CredentialsError):
        pipeline.load(SOURCE, due(DAY, NEXT, tables))
    assert kept(warehouse), "the part of the second day"
    own_agency.faults.clear()
    own_agency.caps.posthog_queries_per_hour += 100
    assert not pipeline.load(SOURCE, due(DAY, NEXT, tables)).failures
    assert landed(warehouse) == truth(own_agency, DAY, NEXT)


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_a_table_that_was_dropped_within_its_history_is_filled_whole(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse
) -> None:
    own_agency.caps.posthog_queries_per_hour += pages(own_agency, DAY)
    assert attempt(DAY, NEXT).failures
    assert landed(warehouse) == truth(own_agency)
    warehouse.execute("drop table posthog.events")
    own_agency.caps.posthog_queries_per_hour += 100
    assert not attempt(DAY, NEXT).failures
    assert landed(warehouse) == truth(own_agency, DAY, NEXT)


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_loaded_days_are_skipped_neither_for_a_person_nor_for_longer_than_a_window(
    own_agency: Agency, attempt: Attempt
) -> None:
    own_agency.caps.posthog_queries_per_hour += pages(own_agency, DAY)
    assert attempt(DAY, NEXT).failures
    named = pipeline.make_pull(SOURCE, "713", window=Window(DAY, NEXT), resources=EVENTS)
    own_agency.requests.clear()
    own_agency.caps.posthog_queries_per_hour += 1
    with pytest.raises(DeferredError, match="backfill` reads a long one in slices"):
        pipeline.load(SOURCE, named)
    assert behind(own_agency) == [""]

    third = NEXT + timedelta(days=1)
    own_agency.caps.posthog_queries_per_hour += pages(own_agency, NEXT)
    assert attempt(NEXT, third).failures
    assert behind(own_agency)[0] != ""
    with pytest.raises(DeferredError):
        attempt(NEXT, third)
    assert behind(own_agency)[0] == "", "the vendor may have restated that day"


@pytest.mark.deep
@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_two_processes_that_continue_one_day_keep_each_page_once(
    own_agency: Agency, attempt: Attempt, warehouse: Warehouse
) -> None:
    with pytest.raises(DeferredError):
        attempt()
    both = []
    for _ in range(2):
        own_agency.caps.posthog_queries_per_hour += PAGES
        pull = pipeline.make_pull(SOURCE, "713", window=Window(DAY, DAY), resources=EVENTS)
        both.append(pipeline.extract(SOURCE, pull))
    for one in both:
        with pytest.raises(DeferredError):
            pipeline.load_extracted(one)
    uuids = [uuid for page in kept(warehouse) for uuid in page["uuid"].to_pylist()]
    assert len(uuids) == 2 * PAGES * ROWS
    own_agency.caps.posthog_queries_per_hour += 100
    attempt()
    assert landed(warehouse) == truth(own_agency)
