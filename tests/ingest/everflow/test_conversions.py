"""Single conversions: repeated pages, wrong counts, personal data."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingest import registry
from ingest.model import Window, days
from ingest.sources.everflow.settings import REQUESTS_AT_ONCE
from sandbox import Agency
from signalroom.errors import AnswerError
from tests.ingest.reading import extract, plain, pull_of, rows_of
from tests.support.vendor import Answer, Request, scripted_vendor

SOURCE = registry.source("everflow")

DAY = date(2026, 11, 12)
NOON = int(datetime(2026, 11, 12, 17, tzinfo=UTC).timestamp())
ONLY = ("conversions",)
Entry = dict[str, Any]


def read(window: Window | None = None) -> list[dict[str, Any]]:
    pull = pull_of("everflow", window=window or Window(DAY, DAY), resources=ONLY)
    return rows_of(extract(pull, "everflow")["conversions"])


def entry(number: int, **more: Any) -> Entry:
    return {
        "conversion_id": f"c{number}",
        "conversion_unix_timestamp": NOON + number,
        "status": "approved",
        "payout": 0,
        "revenue": 0,
        **more,
    }


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Read the day from a vendor with these pages; `paging` is the vendor's paging information."""

    def run(pages: list[list[Entry]], **paging: int) -> list[dict[str, Any]]:
        def give(request: Request) -> Answer:
            if request.path.endswith("/timezones"):
                return Answer({"timezones": []})
            assert "page" not in request.body
            page = int(request.query["page"])
            rows = pages[page - 1] if page <= len(pages) else []
            return Answer({"conversions": rows, "paging": {"page": page, **paging}})

        with scripted_vendor(give) as vendor:
            monkeypatch.setenv("EVERFLOW_API_KEY", "key")
            monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
            monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
            return read()

    return run


def test_a_row_on_two_pages_is_one_row(own_agency: Agency) -> None:
    own_agency.caps.everflow_page = 50
    expected = own_agency.truth("713", DAY, DAY).conversions
    found = read()
    columns = list(expected[0])
    assert plain(found, columns) == plain(expected, columns)
    asked = [one for one in own_agency.requests if one.path.endswith("/conversions")]
    assert len(asked) == len(expected) // 50 + 1


def test_days_of_a_month_are_asked_for_at_once_and_come_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The number of parallel requests stays within the vendor's limit."""
    lock = threading.Lock()
    running, most = 0, 0

    def give(request: Request) -> Answer:
        nonlocal running, most
        if request.path.endswith("/timezones"):
            return Answer({"timezones": []})
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.03)
        with lock:
            running -= 1
        day = date.fromisoformat(request.body["from"][:10])
        found = [entry((day - DAY).days * 86_400)]
        return Answer({"conversions": found, "paging": {"total_count": 1}})

    with scripted_vendor(give) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
        month = Window(DAY - timedelta(days=29), DAY)
        assert [row["date"] for row in read(month)] == list(days(month))
    assert 1 < most <= REQUESTS_AT_ONCE


@pytest.mark.parametrize(
    ("pages", "paging"),
    [
        pytest.param([2, 2, 1], {"page_size": 2, "total_count": 2}, id="count too small"),
        pytest.param([2, 2], {"page_size": 2, "total_count": 4}, id="the last page is full"),
        pytest.param([5], {}, id="no paging at all"),
        pytest.param([3, 2], {"total_count": -1}, id="a count below zero"),
        pytest.param([1, 4], {"total_count": 5}, id="a short page in between"),
        pytest.param([], {"total_count": 0}, id="nothing"),
    ],
)
def test_a_count_that_is_too_small_or_missing_loses_nothing(
    answering: Callable[..., list[dict[str, Any]]], pages: list[int], paging: dict[str, int]
) -> None:
    numbers = iter(range(100))
    found = answering([[entry(next(numbers)) for _ in range(size)] for size in pages], **paging)
    assert {row["conversion_id"] for row in found} == {f"c{one}" for one in range(sum(pages))}


def test_amounts_are_exact_and_types_are_ours(
    answering: Callable[..., list[dict[str, Any]]],
) -> None:
    odd = {
        "payout": 0.1, "revenue": "12.340000000000000001", "is_event": 0,
        "is_scrub": "false", "previous_network_offer_id": "7", "dma": 635,
        "sub1": 12345678901234567,
        "click_unix_timestamp": 0, "order_id": "0042", "coupon_code": " ", "new_flag": True,
        "relationship": {"offer": {"network_offer_id": "310"}, "affiliate": {}},
    }  # fmt: skip
    row = answering([[entry(1, **odd)]])[0]
    assert row["date"] == DAY
    assert row["payout"] == Decimal("0.1")
    assert row["revenue"] == Decimal("12.340000000000000001")
    assert (row["is_event"], row["is_scrub"], row["is_view_through"]) == (False, False, None)
    assert (row["offer_id"], row["affiliate_id"], row["dma"]) == (310, None, "635")
    assert (row["sub1"], row["order_id"], row["coupon_code"]) == ("12345678901234567", "0042", None)
    assert (row["click_at"], row["conversion_at"].tzinfo) == (None, UTC)
    assert row["new_flag"] == "true"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"conversion_id": ""}, "no id"),
        ({"conversion_unix_timestamp": None}, "no time"),
        ({"conversion_unix_timestamp": NOON - 86_400}, "asked for conversions of 2026-11-12"),
        ({"payout": "a lot"}, "payout: 'a lot' is not a number"),
        ({"is_event": "perhaps"}, "neither yes nor no"),
    ],
)
def test_what_cannot_be_a_conversion_fails_loudly(
    answering: Callable[..., list[dict[str, Any]]], bad: Entry, message: str
) -> None:
    with pytest.raises(AnswerError, match=message):
        answering([[entry(1, **bad)]])


@pytest.mark.parametrize("measure", ["status", "payout", "revenue"])
def test_a_measure_that_one_day_lacks_altogether_is_no_zero(
    answering: Callable[..., list[dict[str, Any]]], measure: str
) -> None:
    few = [entry(1), entry(2, **{measure: None})]  # one row without it is loaded
    assert [row[measure] for row in answering([few])][1] is None
    every = [entry(number, **{measure: None, f"new_{measure}": "5"}) for number in (1, 2)]
    with pytest.raises(AnswerError, match=f"no {measure} in 2 rows; the vendor renamed"):
        answering([every])


def test_personal_data_does_not_pass(own_agency: Agency) -> None:
    found = read()
    text = "\n".join(str(value) for row in found for value in row.values())
    assert not re.search(r"203\.0\.113\.|@example\.org|Mozilla", text)
    assert not {"http_user_agent", "session_user_ip", "url"} & set(found[0])
    hashes = {row["email"] for row in found}
    assert len(hashes) == len({row["order_id"] for row in found})
    assert all(re.fullmatch(r"[0-9a-f]{64}", one) for one in hashes)


def test_a_card_number_stops_the_table_and_is_not_repeated(
    answering: Callable[..., list[dict[str, Any]]],
) -> None:
    with pytest.raises(AnswerError, match="column coupon_code holds full card numbers") as caught:
        answering([[entry(1, coupon_code="card 4111 1111 1111 1111")]])
    assert "4111" not in str(caught.value)


def test_days_that_the_vendor_no_longer_keeps_are_not_emptied(own_agency: Agency) -> None:
    today = own_agency.calendar.today()
    old = Window(date(2025, 6, 1), date(2025, 6, 3))
    said: list[str] = []
    pull = pull_of("everflow", window=old, resources=ONLY, said=said)
    assert extract(pull, "everflow") == {}
    assert SOURCE.plan(pull).requests == 0
    assert "no longer keeps 2025-06-01..2025-06-03" in said[0]
    assert own_agency.requests == []
    edge = replace(pull, window=Window(today - timedelta(days=366), today - timedelta(days=362)))
    landing = extract(edge, "everflow")["conversions"]
    asked = sorted(total.partition_key for total in landing.totals)
    assert asked == [(today - timedelta(days=back)).isoformat() for back in (363, 362)]


def test_one_table_that_fails_holds_no_other(own_agency: Agency) -> None:
    own_agency.faults.plan("everflow", "status", status=403, match="reporting/conversions")
    pull = pull_of("everflow", window=Window(DAY, DAY))
    landings = extract(pull, "everflow")
    lists = {"affiliates", "advertisers", "offers", "tracking_codes"}
    assert set(landings) == {"daily_stats", "adjustments", *lists}
    assert [one.split(":")[0] for one in landings["daily_stats"].failures] == [
        "conversions keeps its rows"
    ]


def test_a_vendor_that_is_away_is_not_asked_for_every_table(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.http.MAX_ATTEMPTS", 2)
    own_agency.faults.plan("everflow", "status_500", times=100, match="reporting/conversions")
    landings = extract(pull_of("everflow", window=Window(DAY, DAY)), "everflow")
    assert set(landings) == {"daily_stats"}
    assert "failed 2 times" in landings["daily_stats"].failures[0]
    assert not [one for one in own_agency.requests if one.path.endswith("/affiliates")]
