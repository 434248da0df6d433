"""Scenarios: each has what its name says, and the default agency is calm."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from tests.sandbox import calls

MORNING = datetime(2026, 11, 19, 3, 0, tzinfo=BUSINESS_ZONE)


def gaps(agency: Agency, days: int = 30) -> dict[tuple[str, str], list[Decimal]]:
    """Cost by client and unmapped source."""
    found: dict[tuple[str, str], list[Decimal]] = {}
    end = agency.now().date() - timedelta(days=1)
    for client in agency.clients:
        for row in agency.truth(client, end - timedelta(days=days), end).unmapped_spend:
            key = (client, str(row["source_name"]))
            found.setdefault(key, []).append(Decimal(str(row["cost"])))
    return found


def test_a_calm_agency_has_many_gaps_or_none(agency: Agency) -> None:
    assert set(gaps(agency)) == {("713", "New Source")}


def test_a_messy_agency_is_calm() -> None:
    with Agency(scenario="messy") as agency:
        assert len(gaps(agency)) == 7


def test_a_demo_has_many_gaps_or_none() -> None:
    with Agency(scenario="demo") as agency:
        assert set(gaps(agency)) == {("713", "New Source")}
        for client, profile in agency.stage.world.profiles.items():
            mapped = {row.source_id for row in profile.mapping if row.is_mapped}
            for back in range(1, 31):
                day = agency.stage.world.day(client, agency.now().date() - timedelta(days=back))
                paid = {row.source_id for row in day.spend if row.costs[0].total}
                assert mapped & {row.source_id for row in profile.sources} <= paid
                assert day.emptied is None
                assert not any(row.hidden for row in day.spend)


def test_a_calm_agency_differs_in_more_than_its_gaps(agency: Agency) -> None:
    """The days are otherwise the same, so that only the gaps differ."""
    with Agency(scenario="messy") as messy:
        for client in agency.clients:
            calm, other = agency.truth(client), messy.truth(client)
            assert calm.daily_stats == other.daily_stats
            gone = set(agency.stage.world.profiles[client].gaps[1:])
            assert calm.daily_spend == [
                row for row in other.daily_spend if row["source_id"] not in gone
            ]


def at(agency: Agency, hour: int, minute: int) -> None:
    agency.set_now(datetime.combine(MORNING.date(), time(hour, minute), BUSINESS_ZONE))


def test_the_bad_morning_is_better_than_it_was() -> None:
    day = date(2026, 11, 18)
    asked = {"date_from": str(day), "date_to": str(day)}
    with Agency(scenario="bad_morning", now=MORNING) as agency:

        def redtrack() -> list[int]:
            return [calls.report(agency, client, **asked).status_code for client in agency.clients]

        def everflow() -> tuple[int, str | None]:
            answer = calls.everflow(agency, calls.TABLE, json=calls.table_body(day, day))
            return answer.status_code, answer.headers.get("Retry-After")

        assert (redtrack(), everflow()) == ([200, 200], (200, None))
        at(agency, 5, 19)
        assert redtrack() == [200, 200]
        at(agency, 5, 20)
        assert redtrack() == [401, 401]
        assert calls.report(agency, **asked).json() == {"error": "invalid api key"}
        at(agency, 7, 0)
        assert [everflow(), everflow()] == [(429, "600"), (200, None)]
        at(agency, 9, 9)
        assert redtrack() == [401, 401]
        at(agency, 9, 10)
        assert (redtrack(), everflow()) == ([200, 200], (200, None))
        found = gaps(agency)
    assert len(found) == 7
    for costs in found.values():
        assert len(costs) == 31
        assert all(8 <= cost <= 28 for cost in costs)


def test_a_quiet_day_changes_once_it_is_over() -> None:
    with Agency(scenario="quiet") as agency:
        end = agency.now().date() - timedelta(days=1)
        before = agency.now()
        for client in agency.clients:
            assert agency.changes(
                client, before, before + timedelta(days=60), end - timedelta(days=20), end
            ) == []  # fmt: skip


@pytest.mark.parametrize("scenario", ["default", "messy", "quiet", "causes", "bad_morning"])
def test_truth_and_vendor_tell_different_figures(scenario: str) -> None:
    with Agency(scenario=scenario) as agency:
        agency.set_now(agency.now() + timedelta(hours=4))
        truth = agency.truth("713", calls.FIRST, calls.LAST)
        told = {
            (row["date"], row["affiliate_id"], row["advertiser_id"]): row
            for row in calls.stats(agency)
        }
        assert len(told) == len(truth.daily_stats)
        for row in truth.daily_stats:
            found = told[row["date"], row["affiliate_id"], row["advertiser_id"]]
            for name in ("clicks", "conversions", "payout", "revenue", "profit"):
                assert row[name] == found[name], name
        costs = {
            (row["date"], row["source_id"]): Decimal(str(row["cost"]))
            for row in calls.spend(agency)
        }
        agency.caps.redtrack_reports_per_minute = 1000
        assert costs == {
            (str(row["date"]), row["source_id"]): row["cost"] for row in truth.daily_spend
        }
