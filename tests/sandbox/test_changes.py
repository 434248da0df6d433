"""Planned changes of the past, and the truth about why a day's figures changed."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from sandbox import Agency, SandboxError
from sandbox.plans import Plan
from tests.sandbox import calls

MEASURES = ("conversions", "everflow_payout", "everflow_revenue", "redtrack_cost", "cost")
FIRST_SOURCE = "64f1a20b9c3d5e0001a4c001"
Line = tuple[object, object, object, str]


def lines(
    agency: Agency, client: str, moment: datetime, start: date, end: date
) -> dict[Line, Decimal]:
    """Measures of `daily_performance` by line, as of an instant."""
    agency.set_now(moment)
    return {
        (row["date"], row["advertiser_id"], row["affiliate_label"], measure): Decimal(
            str(row[measure])
        )
        for row in agency.truth(client, agency.first_day, None).daily_performance
        if start <= date.fromisoformat(str(row["date"])) <= end
        for measure in MEASURES
    }


def told(
    agency: Agency, client: str, before: datetime, after: datetime, start: date, end: date
) -> dict[Line, Decimal]:
    found: defaultdict[Line, Decimal] = defaultdict(Decimal)
    agency.set_now(after)
    for row in agency.changes(client, before, after, start, end):
        key = (row["date"], row["advertiser_id"], row["affiliate_label"], str(row["measure"]))
        found[key] += Decimal(str(row["amount"]))
    return {key: amount for key, amount in found.items() if amount}


@pytest.mark.parametrize("scenario", ["messy", "causes"])
@pytest.mark.parametrize("client", ["713", "cti"])
def test_causes_do_not_add_up_to_the_change(scenario: str, client: str) -> None:
    """Every line of three weeks, with every trap of the messy scenario or with planned causes."""
    with Agency(scenario=scenario) as agency:
        before, after = agency.now(), agency.now() + timedelta(days=4)
        end = before.date() - timedelta(days=1)
        start = end - timedelta(days=20)
        first = lines(agency, client, before, start, end)
        second = lines(agency, client, after, start, end)
        nothing = Decimal(0)
        changed = {
            key: amount
            for key in first.keys() | second.keys()
            if (amount := second.get(key, nothing) - first.get(key, nothing))
        }
        assert len(changed) > 15
        assert told(agency, client, before, after, start, end) == changed


@pytest.mark.parametrize("client", ["713", "cti"])
def test_a_cause_alone_or_beside_another_has_another_name(client: str) -> None:
    with Agency(scenario="causes") as agency:
        before, after = agency.now(), agency.now() + timedelta(hours=3)
        end = before.date() - timedelta(days=1)
        planned: defaultdict[date, set[str]] = defaultdict(set)
        for plan in agency.stage.world.plans:
            if plan.client == client:
                planned[plan.day].add(plan.cause)
        found: defaultdict[object, set[str]] = defaultdict(set)
        for row in agency.changes(client, before, after, min(planned), end):
            found[row["date"]].add(str(row["cause"]))
        assert found == planned
        assert sorted(map(len, planned.values())) == [1] * 5 + [2] * 10
        # before and after that moment nothing changes
        quiet = agency.changes(client, after, after + timedelta(days=60), min(planned), end)
        assert quiet == []


def test_the_vendors_tell_another_story_than_the_plan(own_agency: Agency) -> None:
    """An adjustment is in Everflow's totals and its own list, but not among the conversions."""
    day = calls.LAST - timedelta(days=3)
    asked = {"from": str(day), "to": str(day)}
    at = int((own_agency.now() + timedelta(hours=1)).timestamp())
    own_agency.plan(
        Plan("adjustment", "713", day, at, 21, 1, count=-2, payout=Decimal("-60")),
        Plan("spend_rewrite", "713", day, at, source_id=FIRST_SOURCE, cost=Decimal("9.99")),
        Plan("late_conversion", "713", day, at, 24, 1, count=3),
    )
    path = "/v1/networks/reportingadjustments"

    def seen() -> tuple[dict[int, dict[str, object]], set[str], dict[str, float], list[object]]:
        rows = {
            row["affiliate_id"]: row
            for row in calls.stats(own_agency, **asked)
            if row["advertiser_id"] == 1
        }
        ids = {
            row["conversion_id"]
            for row in calls.conversions(
                own_agency, **{"from": f"{day} 00:00:00", "to": f"{day} 23:59:59"}
            )
        }
        costs = {
            row["source_id"]: row["cost"]
            for row in calls.spend(own_agency, date_from=str(day), date_to=str(day))
        }
        return (
            rows,
            ids,
            costs,
            calls.everflow(own_agency, path, params=asked).json()["adjustments"],
        )

    first = seen()
    own_agency.set_now(own_agency.now() + timedelta(hours=2))
    second = seen()
    assert int(str(second[0][21]["conversions"])) == int(str(first[0][21]["conversions"])) - 2
    assert second[0][21]["payout"] == Decimal(str(first[0][21]["payout"])) - 60
    assert int(str(second[0][24]["conversions"])) >= int(str(first[0][24]["conversions"])) + 3
    assert len(second[1]) == len(first[1]) + 3
    source = FIRST_SOURCE
    assert Decimal(str(second[2][source])) - Decimal(str(first[2][source])) == Decimal("9.99")
    assert (first[3], len(second[3])) == ([], 1)
    truth = own_agency.truth("713", day, day)
    [adjustment] = truth.adjustments
    assert (adjustment["conversions"], adjustment["payout"]) == (-2, -60)
    stats = {row["affiliate_id"]: row for row in truth.daily_stats if row["advertiser_id"] == 1}
    assert stats[21]["conversions"] == second[0][21]["conversions"]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan("late_conversion", "713", calls.LAST, 0, 999, 1), "no row"),
        (Plan("spend_rewrite", "713", calls.LAST, 0, source_id="nowhere"), "no spend"),
        (Plan("reversed_conversion", "713", calls.LAST, 2_000_000_000, 21, 1, count=99), "not 99"),
    ],
)
def test_an_impossible_plan_is_taken(own_agency: Agency, plan: Plan, words: str) -> None:
    before = own_agency.stage.world.day("713", calls.LAST)
    with pytest.raises(SandboxError, match=words):
        own_agency.plan(plan)
    assert own_agency.stage.world.day("713", calls.LAST) == before


def test_the_causes_cannot_be_seen_from_outside() -> None:
    with Agency(scenario="causes") as agency:
        url = f"{agency.control_url}/_sandbox/changes/713"
        asked = {"before": "2026-11-19T09:30", "after": "2026-11-19T12:00", "end": "2026-11-18"}
        rows = calls.HTTP.get(url, params=asked).json()
        assert {row["cause"] for row in rows} == {
            "late_conversion", "reversed_conversion", "payout_change", "adjustment",
            "spend_rewrite",
        }  # fmt: skip
        assert calls.HTTP.get(url, params=asked | {"before": "soon"}).status_code == 400
