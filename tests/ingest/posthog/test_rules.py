"""PostHog's special cases: archived experiments, invalid events, queries that are throttled."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ingest import dead_letters, registry
from ingest import loads as ledger
from ingest import pull as pipeline
from ingest.model import Tables, Window
from sandbox import Agency
from signalroom.errors import AnswerError
from tests.ingest.posthog.conftest import Read
from tests.ingest.posthog.test_events import NOON, ONE, answered, event
from tests.ingest.posthog.test_lists import PATH, flag, here
from tests.ingest.reading import dicts, extract, pull_of, rows_of
from tests.support.vendor import Answer, Request
from tests.support.warehouse import DUCKDB_FIRST, Warehouse

SOURCE = registry.source("posthog")
DAYS = Window(date(2026, 11, 15), date(2026, 11, 17))
OTHER = ONE[:-1] + "f"
DEEP = '{"a":' * 990 + "1" + "}" * 990
POISON = {
    "5,000 digits": '{"n": ' + "7" * 5000 + "}",
    "a fraction of 400 digits": '{"n": 0.' + "7" * 400 + "}",
    "990 objects": DEEP,
    "990 lists": "[" * 990 + "]" * 990,
    "20,000 lists": "[" * 20_000 + "]" * 20_000,
    "1e999": '{"n": 1e999}',
    "-1E+400": '{"n": [-1E+400]}',
    "no JSON": '{"n": ',
}


def test_archived_experiments_stay_in_the_table(own_agency: Agency) -> None:
    pull = pull_of("posthog", resources=("experiments",))
    before = rows_of(extract(pull, "posthog")["experiments"])
    one = before[0]["id"]
    own_agency.quirks.posthog_archived = {one}
    after = rows_of(extract(pull, "posthog")["experiments"])
    assert sorted(row["id"] for row in after) == sorted(row["id"] for row in before)
    assert {row["id"] for row in after if row["archived"]} >= {one}


def test_an_instance_that_is_too_old_is_told_so_and_its_lists_are_read(own_agency: Agency) -> None:
    own_agency.quirks.posthog_is_old = True
    with pytest.raises(AnswerError, match="update it to a version of 2025 or later"):
        extract(pull_of("posthog", window=DAYS, resources=("events",)), "posthog")
    found = extract(pull_of("posthog", window=DAYS), "posthog")
    assert set(found) == {"feature_flags", "experiments"}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_one_poisoned_event_is_kept_aside_and_the_others_land(read: Read, poison: str) -> None:
    good = event(OTHER, properties='{"big": 12345678901234567890123, "f": 0.1000000000000000055}')
    [row] = read(lambda _: answered(event(properties=poison), good))
    assert row["uuid"] == OTHER
    assert row["properties"] == '{"big":12345678901234567890123,"f":0.1000000000000000055}'


def test_a_text_that_does_not_end_is_read_once(read: Read) -> None:
    """Not again from each of its quotes."""
    endless = '{"n": "' + '\\"' * 20_000
    started = time.monotonic()
    found = read(lambda _: answered(event(properties=endless), event(OTHER)))
    assert [row["uuid"] for row in found] == [OTHER]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("parsed", [10**350, [[[]]] * 2, {"n": [1e300, True]}])
def test_properties_that_come_parsed_are_looked_at_too(read: Read, parsed: Any) -> None:
    deep: Any = parsed
    for _ in range(150):
        deep = [deep]
    found = read(lambda _: answered(event(properties={"a": deep}), event(OTHER)))
    assert [row["uuid"] for row in found] == [OTHER]


def test_a_field_that_cannot_be_read_costs_its_event_alone(read: Read) -> None:
    found = read(lambda _: answered(event(created_at="soon"), event(OTHER)))
    assert [row["uuid"] for row in found] == [OTHER]


@pytest.mark.parametrize(
    "lost",
    [
        event(at="soon"),
        event(at=""),
        event("no-uuid"),
        event(None),
        event(at="99999-01-01T00:00:00Z"),
        event(properties='{"n": NaN, "n": Infinity, "n": -0.0, "d": "\\ud800"}'),
        event(properties="[" + "1," * 50_000 + "1]", created_at="0000-00-00 00:00:00"),
    ],
    ids=["time", "no time", "uuid", "no uuid", "year", "odd JSON", "long"],
)
def test_an_event_that_is_odd_costs_itself_at_most(
    read: Read, monkeypatch: pytest.MonkeyPatch, lost: list[Any]
) -> None:
    """The event is between two others, on a full page: what follows it is also read."""
    monkeypatch.setattr("ingest.sources.posthog.events.PAGE_ROWS", 2)
    first, last = ONE[:-1] + "5", ONE[:-1] + "f"
    later = NOON.replace("17:", "18:")
    pages = iter([[event(first), lost], [event(last, later)], []])
    found = read(lambda _: answered(*next(pages)))
    assert [row["uuid"] for row in found if row["uuid"] != lost[0]] == [first, last]


def test_what_is_kept_of_a_poisoned_event_names_it(own_agency: Agency) -> None:
    uuid = own_agency.truth("713", DAYS.start, DAYS.end).posthog_events[5]["uuid"]
    own_agency.quirks.posthog_properties = {uuid: POISON["1e999"]}
    pull = pull_of("posthog", window=DAYS, resources=("events",))
    landed = extract(pull, "posthog")["events"]
    [letter] = landed.dead_letters
    assert uuid in letter.reason
    assert "1e999" in letter.reason
    assert set(json.loads(letter.payload)) == {"uuid", "event", "timestamp"}
    assert uuid not in {row["uuid"] for row in rows_of(landed)}
    truth = own_agency.truth("713", DAYS.start, DAYS.end).posthog_events
    assert len(rows_of(landed)) == len(truth) - 1


def throttled(agency: Agency, monkeypatch: pytest.MonkeyPatch, queries: int) -> None:
    """Allow this many queries per hour from now on, of 40 events each."""
    monkeypatch.setattr("ingest.sources.posthog.events.PAGE_ROWS", 40)
    agency.caps.posthog_queries_per_hour = queries
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "1")


def test_a_throttled_query_keeps_whole_days_and_blocks_no_list(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttled(own_agency, monkeypatch, 10)
    made = SOURCE.dlt_source(
        replace(pull_of("posthog", window=DAYS), source="posthog", tables=Tables())
    ).selected_resources
    events = [row for row in dicts(made["events"]) if not row.get("_deleted")]
    got = {row["date"] for row in events}
    assert got
    assert max(got) < DAYS.end
    truth = own_agency.truth("713", DAYS.start, max(got)).posthog_events
    assert sorted(row["uuid"] for row in events) == sorted(row["uuid"] for row in truth)
    assert made["events"].custom_metrics["failure"]["until"] is not None
    for table in ("feature_flags", "experiments"):
        assert [row for row in dicts(made[table]) if not row.get("_deleted")]


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_the_next_pull_goes_on_behind_what_a_throttled_one_read(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    """A history with more pages than the vendor allows per hour is complete after some hours."""
    warehouse.activate(monkeypatch)
    throttled(own_agency, monkeypatch, 0)
    for module in ("signalroom.settings", "ingest.model"):
        monkeypatch.setattr(f"{module}.window_days", lambda kind, _: 7 if kind == "initial" else 2)
    starts = []
    for _ in range(5):
        pull = pipeline.make_pull(SOURCE, "713", resources=("events",))
        starts.append(pull.window.start)
        own_agency.caps.posthog_queries_per_hour += 25  # an hour later
        if not pipeline.load(SOURCE, pull).deferred_until:
            break
    assert len(starts) > 1
    assert starts == sorted(set(starts)), "each begins behind the one before"
    truth = own_agency.truth("713", starts[0], pull.window.end).posthog_events
    assert warehouse.rows("select count(*) from posthog.events") == [(len(truth),)]


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_a_day_that_fails_is_the_only_one_that_waits(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    warehouse.activate(monkeypatch)
    monkeypatch.setattr("ingest.sources.posthog.events.PAGE_ROWS", 40)
    own_agency.faults.plan("posthog", "status", status=400, match="2026-11-16")
    pull = replace(
        pipeline.make_pull(SOURCE, "713", window=DAYS, resources=("events",)), is_backfill=False
    )
    assert pipeline.load(SOURCE, pull).failures
    [letter] = dead_letters.waiting()
    assert dead_letters.window_of(letter.partition_key).start > DAYS.start
    covered = ledger.coverage("713", "posthog", ("events",))
    assert covered
    assert covered.end < DAYS.end
    rest = dead_letters.window_of(letter.partition_key)
    pipeline.load(SOURCE, pipeline.make_pull(SOURCE, "713", window=rest, resources=("events",)))
    assert dead_letters.waiting() == []


def test_a_list_that_moves_between_two_pages_is_read_again(read: Read) -> None:
    """A flag before the next page is deleted, so that the page starts one flag too late."""
    flags = [flag(number) for number in range(1, 8)]
    asked: list[int] = []

    def answer(request: Request) -> Answer:
        size, offset = int(request.query["limit"]), int(request.query.get("offset", 0))
        asked.append(size)
        shift = 1 if offset and size == 100 else 0
        size = 4 if size == 100 else 3
        found = flags[offset + shift : offset + shift + size]
        more = offset + size < len(flags)
        link = here(request, f"{PATH}?limit={request.query['limit']}&offset={offset + size}")
        return Answer({"count": 7, "next": link if more else None, "results": found or None})

    rows = read(answer, "feature_flags")
    assert [row["id"] for row in rows] == list(range(1, 8))
    assert asked[:2] == [100, 100]
    assert asked[2] < 100


def test_null_for_an_empty_list_is_a_list_without_flags(read: Read) -> None:
    assert (
        read(lambda _: Answer({"count": 0, "next": None, "results": None}), "feature_flags") == []
    )


def test_pages_that_go_back_in_time_are_no_order(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sources.posthog.events.PAGE_ROWS", 1)
    turns = iter([event(), event(OTHER, NOON.replace("17:", "16:"))])
    with pytest.raises(AnswerError, match="order of time"):
        read(lambda _: answered(next(turns), hasMore=True))
