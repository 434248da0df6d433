"""Events: equal timestamps at the edge of a page, copies, time zones, invalid answers."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest

from ingest import registry
from ingest.model import Window
from sandbox import Agency
from signalroom.errors import AnswerError, DeferredError
from tests.ingest.posthog.conftest import Read
from tests.ingest.reading import extract, pull_of, rows_of
from tests.support.vendor import Answer, Request

SOURCE = registry.source("posthog")

DAYS = Window(date(2026, 11, 16), date(2026, 11, 17))
EVENTS = ("events",)
COLUMNS = ["uuid", "event", "timestamp", "distinct_id", "properties", "created_at"]
ONE = "01952f3e-9a57-7c1e-8d55-0f3b6f1c2a10"
NOON = "2026-11-19T17:00:00.000001Z"


def event(uuid: str = ONE, at: str = NOON, **more: Any) -> list[Any]:
    cells = {"event": "purchase", "distinct_id": "user-7", "properties": '{"value": 25.5}'}
    named = {"uuid": uuid, "timestamp": at, "created_at": at, **cells, **more}
    return [named[name] for name in COLUMNS]


def answered(*events: list[Any], **more: Any) -> Answer:
    body = {"results": list(events), "columns": COLUMNS, "hasMore": False, "error": None}
    return Answer(body | more)


@pytest.mark.parametrize("size", [4, 11, 12, 13, 150])
def test_ties_at_the_edge_of_a_page_are_neither_lost_nor_doubled(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Twelve events of one instant; pages that end before, within and after them."""
    monkeypatch.setattr("ingest.sources.posthog.events.PAGE_ROWS", size)
    rows = rows_of(extract(pull_of("posthog", window=DAYS, resources=EVENTS), "posthog")["events"])
    expected = own_agency.truth("713", DAYS.start, DAYS.end).posthog_events
    instants = Counter(row["timestamp"] for row in expected)
    assert max(instants.values()) == 12
    assert Counter(row["uuid"] for row in rows) == Counter(row["uuid"] for row in expected)


def test_the_plan_counts_the_pages(own_agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.sources.posthog.events.PAGE_ROWS", 50)
    pull = pull_of("posthog", window=DAYS)
    planned = SOURCE.plan(pull)
    before = len(own_agency.requests)
    extract(pull, "posthog")
    assert planned.requests == len(own_agency.requests) - before > 8
    assert (planned.days, planned.tables) == (2, SOURCE.resources)


def test_an_instance_that_allows_less_is_asked_more_often(own_agency: Agency) -> None:
    own_agency.caps.posthog_rows = 30
    rows = rows_of(extract(pull_of("posthog", window=DAYS, resources=EVENTS), "posthog")["events"])
    assert len(rows) == len(own_agency.truth("713", DAYS.start, DAYS.end).posthog_events)


def test_a_vendor_that_does_not_know_the_second_condition_is_read_all_the_same(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It returns the end of the last page again: rows that were already read are not doubled."""
    monkeypatch.setattr("ingest.sources.posthog.events.PAGE_ROWS", 3)
    uuids = [ONE[:-1] + digit for digit in "0123456"]
    moments = [f"2026-11-19T17:00:0{second}.000000Z" for second in (0, 0, 1, 1, 2, 3, 3)]
    every = [event(uuid, at) for uuid, at in zip(uuids, moments, strict=True)]

    def answer(request: Request) -> Answer:
        found = re.search(r"timestamp >= toDateTime\('([^']+)'", request.body["query"]["query"])
        assert found
        start = found[1].replace(" ", "T") + "Z"
        left = [one for one in every if one[2] >= start]
        return answered(*left[:3], hasMore=len(left) > 3)

    assert [row["uuid"] for row in read(answer)] == uuids


def test_every_question_names_its_zone_and_wants_no_cached_answer(read: Read) -> None:
    asked = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return answered(event())

    read(answer)
    [request] = asked
    assert request.path == "/api/projects/9001/query/"
    assert request.body["refresh"] == "force_blocking"
    assert request.body["query"]["query"] == (
        "SELECT uuid, event, timestamp, distinct_id, properties, created_at FROM events "
        "WHERE timestamp >= toDateTime('2026-11-19 05:00:00.000000', 'UTC') "
        "AND timestamp < toDateTime('2026-11-20 05:00:00.000000', 'UTC') "
        "ORDER BY timestamp, uuid LIMIT 10000"
    )


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        (NOON, "UTC"),
        ("2026-11-19T12:00:00.000001-05:00", "America/New_York"),
        ("2026-11-19 12:00:00.000001", "America/New_York"),
        ("2026-11-19 17:00:00.000001", None),
    ],
)
def test_an_instant_is_the_same_in_every_form(read: Read, text: str, zone: str | None) -> None:
    [row] = read(lambda _: answered(event(at=text), timezone=zone))
    assert row["timestamp"] == datetime(2026, 11, 19, 17, 0, 0, 1, tzinfo=UTC)
    assert row["date"] == date(2026, 11, 19)


def test_properties_may_come_parsed_and_columns_in_another_order(read: Read) -> None:
    order = [3, 0, 5, 4, 2, 1]
    cells = event(properties={"b": 25.5, "a": None})
    shuffled = answered([cells[at] for at in order], columns=[COLUMNS[at] for at in order])
    [row] = read(lambda _: shuffled)
    assert row["properties"] == '{"a":null,"b":25.5}'
    assert (row["event"], row["distinct_id"]) == ("purchase", "user-7")


def test_an_event_that_was_sent_twice_stands_once_as_it_was_known_last(read: Read) -> None:
    later = "2026-11-19T18:00:00Z"
    twice = [event(created_at=None), event(created_at=later, properties="{}"), event()]
    [row] = read(lambda _: answered(*twice))
    assert row["created_at"] == datetime(2026, 11, 19, 18, tzinfo=UTC)


OTHER = "01952f3e-9a57-7c1e-8d55-0f3b6f1c2a11"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(Answer([]), "has no results", id="a list"),
        pytest.param(Answer({"query_status": {"complete": False}}), "has no results", id="async"),
        pytest.param(answered(event(), error="timeout"), "the query failed", id="error inside 200"),
        pytest.param(answered(event(), columns=None), "lacks some of uuid", id="no columns"),
        pytest.param(
            answered(event(), columns=[[], *COLUMNS[1:]]), "lacks some", id="a list in it"
        ),
        pytest.param(answered(event()[:-1]), "not a list of 6 values", id="a value too few"),
        pytest.param(
            answered(event(), event(OTHER, "2026-11-19T16:00:00Z")), "order of time", id="order"
        ),
        pytest.param(
            answered(event(at="2026-11-18T16:00:00Z")), "answered for 2026-11-18", id="another day"
        ),
        pytest.param(answered(event("'; DROP")), "no uuid or no time", id="no uuid"),
        pytest.param(answered(event(at="")), "no uuid or no time", id="no time"),
        pytest.param(answered(event(at="soon")), "is not a valid time", id="a time that is none"),
        pytest.param(answered(hasMore=True), "has nothing new", id="more, but nothing"),
        pytest.param(answered(event(), hasMore=True), "has nothing new", id="the same again"),
    ],
)
def test_what_is_no_complete_answer_fails_loudly(read: Read, answer: Answer, message: str) -> None:
    with pytest.raises(AnswerError, match=message) as caught:
        read(lambda _: answer)
    assert str(caught.value).startswith("posthog for client 713")
    assert "\n" not in str(caught.value)


def test_a_wait_of_half_an_hour_defers_at_once(own_agency: Agency) -> None:
    own_agency.faults.plan("posthog", "status_429", times=9, retry_after=2202)
    with pytest.raises(DeferredError, match=r"posthog for client 713.*2202 s"):
        extract(pull_of("posthog", window=DAYS), "posthog")
    assert len(own_agency.requests) == 2  # one for each of the vendor's two limits


def test_a_short_wait_that_is_told_in_words_is_kept(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One list per minute, on a clock that advances 42 seconds per call: the second must wait."""
    own_agency.caps.posthog_lists_per_minute = 1
    monkeypatch.setattr(own_agency.stage.limit_clock, "ticker", count(step=0.7).__next__)
    assert set(extract(pull_of("posthog", window=DAYS), "posthog")) == set(SOURCE.resources)
    # flags, experiments and archived experiments
    statuses = [request.status for request in own_agency.requests]
    assert statuses == [200, 200, 429, 200, 429, 200]
