"""Everflow as VENDOR_APIS.md describes it, including its traps."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from sandbox import Agency
from sandbox.vendors.everflow import FOREIGN_KEY
from tests.sandbox import calls
from tests.sandbox.calls import FIRST, HTTP, LAST, RECENT, TABLE

UTC_ID, LONDON_ID, KOLKATA_ID = 67, 58, 112


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({}, 401, "No Authentication Method Found"),
        ({"X-Eflow-API-Key": "wrong"}, 401, "No Authentication Method Found"),
        ({"X-Eflow-API-Key": FOREIGN_KEY}, 403, "Out Of Realm"),
    ],
)
def test_a_stranger_is_let_in(
    agency: Agency, headers: dict[str, str], status: int, text: str
) -> None:
    answer = HTTP.post(
        agency.base_url("everflow") + TABLE, headers=headers, json=calls.table_body()
    )
    assert (answer.status_code, answer.json()) == (status, {"error": text})


def test_a_key_shows_another_clients_rows(agency: Agency) -> None:
    advertisers = {
        client: {row["advertiser_label"] for row in calls.stats(agency, client)}
        for client in agency.clients
    }
    assert advertisers == {"713": {"CCW", "EXP"}, "cti": {"CTI Coaching"}}


def test_ids_come_as_numbers(agency: Agency) -> None:
    for client in agency.clients:
        for row in calls.table_rows(agency, client):
            assert all(isinstance(column["id"], str) for column in row["columns"])


def test_a_metric_is_always_of_one_type_or_always_known(agency: Agency) -> None:
    rows = calls.table_rows(agency)
    assert {type(row["reporting"]["revenue"]) for row in rows} == {int, float}
    assert "custom_metric_17" in rows[0]["reporting"]
    assert isinstance(rows[0]["reporting"]["public_events"], dict)


def test_columns_stand_in_the_order_asked_for(agency: Agency) -> None:
    orders = {
        client: [column["column_type"] for column in calls.table_rows(agency, client)[0]["columns"]]
        for client in agency.clients
    }
    assert orders["713"] == ["date", "affiliate", "advertiser"]
    assert orders["cti"] == ["advertiser", "affiliate", "date"]


def _dates(agency: Agency, client: str, zone_id: int = calls.NEW_YORK) -> list[dict[str, str]]:
    columns = [{"column": "date"}]
    rows = calls.table_rows(agency, client, columns=columns, timezone_id=zone_id)
    return [calls.columns_of(row)["date"] for row in rows]


def test_the_date_has_one_form_only(agency: Agency) -> None:
    """Epoch of UTC midnight for one network, of local midnight for the other; three labels."""
    moments = {
        client: {datetime.fromtimestamp(int(row["id"]), UTC).hour for row in _dates(agency, client)}
        for client in agency.clients
    }
    assert moments == {"713": {0}, "cti": {4, 5}}
    dates = _dates(agency, "713")
    assert any("label" not in row for row in dates)
    assert any(row.get("label") == row["id"] for row in dates)
    assert any("-" in row.get("label", "") for row in dates)


def test_local_midnight_east_of_greenwich_reads_as_the_same_day(agency: Agency) -> None:
    ids = [int(row["id"]) for row in _dates(agency, "cti", KOLKATA_ID)]
    assert {datetime.fromtimestamp(number, UTC).hour for number in ids} == {18}
    local = {datetime.fromtimestamp(number, ZoneInfo("Asia/Kolkata")).date() for number in ids}
    assert max(local) <= LAST
    assert min(local) >= FIRST


def test_days_are_cut_in_new_york_whatever_zone_is_asked(agency: Agency) -> None:
    day = {"from": "2026-11-10", "to": "2026-11-10"}
    eastern = calls.stats(agency, **day)
    universal = calls.stats(agency, **day, timezone_id=UTC_ID)
    assert eastern != universal
    # over a long time the zone only matters at both ends
    clicks = [
        sum(row["clicks"] for row in calls.stats(agency, timezone_id=zone))
        for zone in (calls.NEW_YORK, UTC_ID)
    ]
    assert abs(clicks[0] - clicks[1]) < clicks[0] / 30


def test_an_unknown_filter_filters(agency: Agency) -> None:
    everything = calls.stats(agency)
    known = {"filters": [{"resource_type": "advertiser", "filter_id_value": "2"}]}
    unknown = {"filters": [{"advertiser_id": 2}]}
    assert calls.stats(agency, query=unknown) == everything
    filtered = calls.stats(agency, query=known)
    assert filtered == [row for row in everything if row["advertiser_id"] == 2]
    assert 0 < len(filtered) < len(everything)


def test_offers_do_not_add_up(agency: Agency) -> None:
    columns = [{"column": name} for name in (*calls.DIMENSIONS, "offer")]
    parts = calls.table_rows(agency, columns=columns)
    whole = calls.table_rows(agency)
    assert len(parts) > len(whole)
    for metric in ("total_click", "cv", "payout", "revenue"):
        sums = [
            sum(Decimal(str(row["reporting"][metric])) for row in rows) for rows in (parts, whole)
        ]
        assert sums[0] == sums[1], metric


@pytest.mark.parametrize("column", ["week", "month", "year"])
def test_a_longer_bucket_is_not_the_sum_of_its_days(agency: Agency, column: str) -> None:
    rows = calls.table_rows(agency, columns=[{"column": column}])
    assert sum(row["reporting"]["cv"] for row in rows) == sum(
        row["conversions"] for row in calls.stats(agency)
    )


@pytest.mark.parametrize("name", ["from", "to", "timezone_id", "currency_id", "columns"])
def test_a_missing_field_is_forgiven(agency: Agency, name: str) -> None:
    body = calls.table_body()
    del body[name]
    answer = calls.everflow(agency, TABLE, json=body)
    assert answer.status_code == 400
    assert name in answer.json()["error"]


@pytest.mark.parametrize(
    "changes",
    [
        {"from": "2025-10-01"},
        {"from": "18/11/2026"},
        {"timezone_id": 90},
        {"timezone_id": "80"},
        {"columns": [{"column": "date"}, {"column": "month"}]},
        {"columns": [{"column": "sales_person"}]},
        {"columns": [{"column": "affiliate"}] * 11},
    ],
    ids=["long", "date", "zone", "zone text", "two times", "column", "eleven"],
)
def test_a_wrong_request_is_answered(agency: Agency, changes: dict[str, Any]) -> None:
    answer = calls.everflow(agency, TABLE, json=calls.table_body(**changes))
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_longest_window_is_refused(agency: Agency) -> None:
    body = calls.table_body(LAST - timedelta(days=366), columns=[{"column": "year"}])
    assert calls.everflow(agency, TABLE, json=body).status_code == 200


def test_too_many_rows_come_whole_or_unmarked(own_agency: Agency) -> None:
    whole = len(calls.table_rows(own_agency))
    own_agency.caps.everflow_rows = 50
    answer = calls.everflow(own_agency, TABLE, json=calls.table_body())
    assert answer.status_code == 200
    assert (len(answer.json()["table"]), answer.json()["incomplete_results"]) == (50, True)
    own_agency.caps.everflow_rows = whole
    assert len(calls.table_rows(own_agency)) == whole


def test_paging_works_on_the_table(agency: Agency) -> None:
    path = TABLE + "?page=2&page_size=10"
    assert len(calls.everflow(agency, path, json=calls.table_body()).json()["table"]) == len(
        calls.table_rows(agency)
    )


def test_the_rate_limit_never_bites_or_never_ends(own_agency: Agency) -> None:
    own_agency.caps.everflow_burst = 3
    own_agency.stage.limit_clock.ticker = lambda: 1000.0  # no simulated time passes
    answers = [calls.everflow(own_agency, "/v1/meta/timezones") for _ in range(6)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 3
    assert refused[0].json() == {"error": "Too Many Requests"}
    assert "Retry-After" not in refused[0].headers
    assert answers[0].headers["X-RateLimit-Limit"] == "3"
    own_agency.stage.limit_clock.ticker = lambda: 1001.0
    assert calls.everflow(own_agency, "/v1/meta/timezones").status_code == 200


def test_the_zone_must_be_known_by_heart(agency: Agency) -> None:
    zones = calls.everflow(agency, "/v1/meta/timezones").json()["timezones"]
    numbers = {row["timezone"]: row["timezone_id"] for row in zones}
    assert (numbers["UTC"], numbers["America/New_York"]) == (UTC_ID, calls.NEW_YORK)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("affiliates", "network_affiliate_id"),
        ("advertisers", "network_advertiser_id"),
        ("offers", "network_offer_id"),
    ],
)
def test_a_list_repeats_or_drops_entities_between_pages(
    agency: Agency, kind: str, key: str
) -> None:
    found: list[int] = []
    page, total = 1, 1
    while (page - 1) * 2 < total:
        answer = calls.everflow(agency, f"/v1/networks/{kind}?page={page}&page_size=2").json()
        total = answer["paging"]["total_count"]
        found += [row[key] for row in answer[kind]]
        page += 1
    assert len(found) == len(set(found)) == total > 1


def test_a_page_is_longer_than_allowed(agency: Agency) -> None:
    body = {
        "from": f"{FIRST} 00:00:00", "to": f"{LAST} 23:59:59", "timezone_id": calls.NEW_YORK,
        "show_conversions": True,
    }  # fmt: skip
    path = "/v1/networks/reporting/conversions?page_size=99999"
    answer = calls.everflow(agency, path, json=body).json()
    assert answer["paging"]["page_size"] == len(answer["conversions"]) == 2000


@pytest.mark.parametrize("client", ["713", "cti"])
def test_conversions_and_the_table_differ(agency: Agency, client: str) -> None:
    rows = calls.conversions(agency, client)
    unique = {row["conversion_id"]: row for row in rows}
    assert len(rows) - len(unique) == 1  # one row is on two pages
    approved = [
        row for row in unique.values() if row["status"] == "approved" and not row["is_view_through"]
    ]
    told = calls.stats(agency, client, **{"from": str(RECENT)})
    assert len(approved) == sum(row["conversions"] for row in told)
    for name in ("payout", "revenue"):
        amounts = [Decimal(str(row[name])) for row in approved]
        assert sum(amounts) == sum(row[name] for row in told)
    assert {row["status"] for row in rows} == {"approved", "rejected", "pending"}


def test_events_count_as_conversions(agency: Agency) -> None:
    events = calls.conversions(agency, show_conversions=False, show_events=True)
    assert {row["event"] for row in events} == {"Upsell"}
    approved = [row for row in events if row["status"] == "approved"]
    assert len(approved) == sum(
        row["events"] for row in calls.stats(agency, **{"from": str(RECENT)})
    )


def test_asking_for_nothing_is_answered(agency: Agency) -> None:
    body = {"from": f"{FIRST} 00:00:00", "to": f"{LAST} 23:59:59", "timezone_id": 80}
    answer = calls.everflow(agency, "/v1/networks/reporting/conversions", json=body)
    assert answer.status_code == 400


def _clicks(agency: Agency, start: date, end: date) -> httpx.Response:
    body = {"from": f"{start} 00:00:00", "to": f"{end} 23:59:59", "timezone_id": calls.NEW_YORK}
    return calls.everflow(agency, "/v1/networks/reporting/clicks/stream", json=body)


def test_the_click_stream_is_cut_off_with_a_word(agency: Agency) -> None:
    answer = _clicks(agency, LAST - timedelta(days=13), LAST).json()
    assert list(answer) == ["clicks"]
    assert len(answer["clicks"]) == 10_000
    moments = [row["unix_timestamp"] for row in answer["clicks"]]
    assert moments == sorted(moments, reverse=True)
    assert _clicks(agency, LAST - timedelta(days=15), LAST).status_code == 400


def test_a_days_clicks_differ_from_the_table(agency: Agency) -> None:
    day = date(2026, 11, 17)
    rows = _clicks(agency, day, day).json()["clicks"]
    told = calls.stats(agency, **{"from": str(day), "to": str(day)})
    assert len(rows) == sum(row["clicks"] for row in told)
    assert sum(row["is_unique"] for row in rows) == sum(row["unique_clicks"] for row in told)
    assert len({row["transaction_id"] for row in rows}) == len(rows)


def test_a_conversion_is_scrubbed_without_trace(own_agency: Agency) -> None:
    """Statuses change between two reads; an emptied day returns."""
    first = {row["conversion_id"]: row["status"] for row in calls.conversions(own_agency)}
    own_agency.set_now(own_agency.now() + timedelta(days=2))
    second = {row["conversion_id"]: row["status"] for row in calls.conversions(own_agency)}
    flips = Counter((first[key], second[key]) for key in first.keys() & second.keys())
    assert flips[("approved", "rejected")] > 2
    assert flips[("pending", "approved")] > 0
    late = second.keys() - first.keys()
    assert len(late) > 50


def test_an_emptied_day_stays_empty_or_never_was(own_agency: Agency) -> None:
    world = own_agency.stage.world
    day = next(
        day
        for day in (LAST - timedelta(days=age) for age in range(3, 35))
        if world.day("713", day).emptied is not None
    )
    window = world.day("713", day).emptied
    assert window is not None
    assert window.end is not None
    asked = {"from": str(day), "to": str(day)}
    rows = []
    for moment in (window.start - 1, window.start, window.end - 1, window.end):
        own_agency.set_now(datetime.fromtimestamp(moment, UTC))
        rows.append(len(calls.stats(own_agency, **asked)))
    assert rows[0] > 10
    assert rows[1] == rows[2] == 0
    assert rows[3] > 10


def test_a_vanished_affiliate_stays(own_agency: Agency) -> None:
    world = own_agency.stage.world
    day, cell = next(
        (day, cell)
        for day in (LAST - timedelta(days=age) for age in range(10, 35))
        for cell in world.day("713", day).cells
        if cell.hidden is not None
    )
    assert cell.hidden is not None
    asked = {"from": str(day), "to": str(day)}
    seen = []
    for moment in (cell.hidden.start - 1, cell.hidden.start + 1):
        own_agency.set_now(datetime.fromtimestamp(moment, UTC))
        seen.append(
            (cell.affiliate_id, cell.advertiser_id)
            in {
                (row["affiliate_id"], row["advertiser_id"])
                for row in calls.stats(own_agency, **asked)
            }
        )
    assert seen == [True, False]


def test_an_answer_is_no_json(agency: Agency) -> None:
    answer = calls.everflow(agency, TABLE, json=calls.table_body())
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.content)
    missing = calls.everflow(agency, "/v1/networks/nothing")
    assert (missing.status_code, missing.json()) == (404, {"error": "Not Found"})
