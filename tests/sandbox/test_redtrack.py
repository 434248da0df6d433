"""RedTrack as VENDOR_APIS.md describes it, its traps included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sandbox import Agency
from tests.sandbox import calls
from tests.sandbox.calls import HTTP, LAST

ENOUGH = 100_000


@pytest.fixture(scope="module")
def agency() -> Iterator[Agency]:
    """An agency for this module, so that only the tests of the limit meet it."""
    with Agency() as patient:
        patient.caps.redtrack_reports_per_minute = ENOUGH
        yield patient


def test_a_key_in_the_header_opens(agency: Agency) -> None:
    url = agency.base_url("redtrack") + "/report"
    key = calls.variable(agency, "REDTRACK_API_KEY")
    answer = HTTP.get(url, headers={"X-API-Key": key, "Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert answer.json()["error"]
    assert calls.report(agency, api_key="wrong").status_code == 401
    assert calls.report(agency).status_code == 200


def test_a_report_can_be_posted(agency: Agency) -> None:
    key = calls.variable(agency, "REDTRACK_API_KEY")
    answer = HTTP.post(agency.base_url("redtrack") + f"/report?api_key={key}")
    assert answer.status_code == 404


def test_a_misspelt_zone_is_honoured(agency: Agency) -> None:
    day = {"date_from": "2026-11-12", "date_to": "2026-11-12"}
    eastern = calls.report(agency, **day).json()
    misspelt = calls.report(agency, **day, timezone="", tz="America/New_York").json()
    account = calls.report(agency, **day, timezone="UTC").json()
    assert misspelt == account
    assert eastern != account


def test_zones_lose_or_double_spend(agency: Agency) -> None:
    """Three days around one: what the zones cut differently is all there."""
    inner = {"date_from": "2026-11-05", "date_to": "2026-11-05"}
    outer = {"date_from": "2026-11-04", "date_to": "2026-11-06", "timezone": "UTC"}

    def cost(**asked: str) -> Decimal:
        return sum((Decimal(str(row["cost"])) for row in calls.spend(agency, **asked)), Decimal(0))

    assert 0 < cost(**inner) < cost(**outer)


def test_an_unknown_parameter_is_refused(agency: Agency) -> None:
    assert calls.report(agency, colour="blue").json() == calls.report(agency).json()


@pytest.mark.parametrize("name", ["group", "date_from", "date_to"])
def test_a_missing_parameter_is_forgiven(agency: Agency, name: str) -> None:
    answer = calls.report(agency, **{name: ""})
    assert answer.status_code == 400
    assert name in answer.json()["error"]


def test_a_report_comes_in_an_envelope(agency: Agency) -> None:
    assert isinstance(calls.report(agency).json(), list)


def test_pages_overlap_or_end_early(agency: Agency) -> None:
    """Exactly `per` rows, then an empty page; 100 by default and never more than 1,000."""
    whole = calls.spend(agency)
    per = next(size for size in range(7, 400) if len(whole) % size == 0)
    paged = calls.spend(agency, per=str(per))
    assert paged == whole
    last = str(len(whole) // per + 1)
    assert calls.report(agency, per=str(per), page=last).json() == []
    key = {"api_key": calls.variable(agency, "REDTRACK_API_KEY")}
    asked = key | {"group": "date,source", "date_from": "2026-01-01", "date_to": str(LAST)}
    url = agency.base_url("redtrack") + "/report"
    assert len(HTTP.get(url, params=asked).json()) == 100
    assert len(HTTP.get(url, params=asked | {"per": "5000"}).json()) == 1000


def test_no_conversions_means_no_others(agency: Agency) -> None:
    rows = calls.spend(agency)
    assert any(row["conversions"] == 0 and row["total_conversions"] > 0 for row in rows)


def test_every_row_has_every_metric(agency: Agency) -> None:
    rows = calls.spend(agency)
    full = {name for row in rows for name in row}
    assert any(full - set(row) for row in rows)
    assert all({"cost", "clicks", "conversions", "source_id"} <= set(row) for row in rows)
    assert all(value is not None for row in rows for value in row.values())


def test_without_the_date_days_are_not_summed(agency: Agency) -> None:
    asked = {"date_from": "2026-11-12", "date_to": "2026-11-13"}
    by_day = calls.spend(agency, **asked)
    whole = {row["source_id"]: row for row in calls.spend(agency, **asked, group="source")}
    assert "date" not in next(iter(whole.values()))
    for source in {row["source_id"] for row in by_day}:
        parts = [Decimal(str(row["cost"])) for row in by_day if row["source_id"] == source]
        assert sum(parts) == Decimal(str(whole[source]["cost"]))


def test_costs_of_the_past_never_change(own_agency: Agency) -> None:
    asked = {"date_to": "2026-11-15"}
    first = {
        (row["date"], row["source_id"]): row["cost"] for row in calls.spend(own_agency, **asked)
    }
    own_agency.set_now(own_agency.now() + timedelta(days=6))
    second = {
        (row["date"], row["source_id"]): row["cost"] for row in calls.spend(own_agency, **asked)
    }
    changed = {key for key in first.keys() & second.keys() if first[key] != second[key]}
    assert any(key[0] < "2026-11-10" for key in changed)


def test_a_vanished_row_stays(own_agency: Agency) -> None:
    day, row = next(
        (day, row)
        for day in (LAST - timedelta(days=age) for age in range(10, 35))
        for row in own_agency.stage.world.day("713", day).spend
        if row.hidden is not None
    )
    assert row.hidden is not None
    seen = []
    for moment in (row.hidden.start - 1, row.hidden.start + 1):
        own_agency.set_now(datetime.fromtimestamp(moment, UTC))
        told = calls.spend(own_agency, date_from=str(day), date_to=str(day))
        seen.append(row.source_id in {found["source_id"] for found in told})
    assert seen == [True, False]


def test_the_twenty_first_call_of_a_minute_is_answered(own_agency: Agency) -> None:
    own_agency.caps.redtrack_reports_per_minute = 20
    own_agency.stage.limit_clock.ticker = lambda: 1000.0  # no simulated minute passes
    asked = {"date_from": str(LAST), "date_to": str(LAST)}
    statuses = [calls.report(own_agency, **asked).status_code for _ in range(22)]
    assert statuses == [200] * 20 + [429] * 2
    assert calls.report(own_agency, "cti", **asked).status_code == 200
    key = {"api_key": calls.variable(own_agency, "REDTRACK_API_KEY")}
    sources = HTTP.get(own_agency.base_url("redtrack") + "/sources", params=key)
    assert sources.status_code == 200


def test_a_simulated_minute_takes_a_real_one(own_agency: Agency) -> None:
    own_agency.caps.redtrack_reports_per_minute = 1
    own_agency.stage.limit_clock.ticker = lambda: 1000.0
    asked = {"date_from": str(LAST), "date_to": str(LAST)}
    assert calls.report(own_agency, **asked).status_code == 200
    refused = calls.report(own_agency, **asked)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    own_agency.stage.limit_clock.ticker = lambda: 1001.0  # a real second at 60 times its speed
    assert calls.report(own_agency, **asked).status_code == 200


@pytest.mark.parametrize("kind", ["campaigns", "sources"])
def test_a_list_keeps_its_form(agency: Agency, kind: str) -> None:
    url = agency.base_url("redtrack") + f"/{kind}"
    key = {"api_key": calls.variable(agency, "REDTRACK_API_KEY")}
    plain = HTTP.get(url, params=key).json()
    wrapped = HTTP.get(url, params=key | {"total_stat": "true"}).json()
    assert isinstance(plain, list)
    assert plain == wrapped["items"]
    assert "total" in wrapped
    assert type(plain[0]["status"]) is (int if kind == "campaigns" else str)
