"""The noisy scenario: as irregular as a real agency, but without any anomaly."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from sandbox import Agency, anomalies
from sandbox.clock import BUSINESS_ZONE, days_between
from sandbox.noise import holidays, overdispersed, season
from sandbox.scenarios import world_of
from sandbox.world import World
from tests.sandbox import calls

DAYS = days_between(date(2026, 7, 6), date(2026, 11, 18))


@pytest.fixture(scope="module")
def world() -> World:
    return world_of("noisy", 713)


@pytest.mark.parametrize("mean", [3, 20, 80])
def test_counts_vary_as_chance_alone_would_have_it(mean: int) -> None:
    rng = random.Random(1)
    drawn = [overdispersed(rng, mean) for _ in range(4000)]
    assert statistics.mean(drawn) == pytest.approx(mean, rel=0.1)
    assert statistics.variance(drawn) / statistics.mean(drawn) >= 3


def test_an_affiliates_days_vary_too_little(world: World) -> None:
    """With the season removed, so that only noise is left."""
    usual = [day for day in DAYS if day not in holidays(2026)]
    for affiliate in (11, 21, 24):
        counts = [
            sum(row.affiliate_id == affiliate for row in world.day("713", day).conversions)
            / season(day)
            for day in usual
        ]
        assert statistics.variance(counts) / statistics.mean(counts) >= 3, affiliate


def test_the_calendar_leaves_no_trace(world: World) -> None:
    totals = {day: len(world.day("713", day).conversions) for day in DAYS}

    def mean(wanted: Callable[[date], bool]) -> float:
        return statistics.mean(count for day, count in totals.items() if wanted(day))

    assert mean(lambda day: day.weekday() == 6) < 0.9 * mean(lambda day: day.weekday() == 4)
    assert season(date(2026, 10, 15)) > season(date(2026, 10, 8))  # a payday, an ordinary Thursday
    assert season(date(2026, 11, 13)) > season(date(2026, 11, 6))  # the 15th is a Sunday
    assert season(date(2026, 11, 26)) < 0.7 < 1.4 < season(date(2026, 11, 27))


def test_hours_have_no_shape(world: World) -> None:
    hours = Counter(
        datetime.fromtimestamp(row.at, BUSINESS_ZONE).hour
        for day in DAYS[:40]
        for row in world.day("713", day).conversions
    )
    assert hours[20] > 4 * hours[3]


def test_a_week_launches_or_stops_no_campaign(world: World) -> None:
    for client in ("713", "cti"):
        launched = [row for row in world.profiles[client].campaigns if row.first_day is not None]
        for monday in DAYS[::7]:
            week = set(days_between(monday, monday + timedelta(days=6)))
            assert sum(row.first_day in week for row in launched) == 1
            assert sum(row.last_day in week for row in launched) == 1


def test_campaigns_and_truth_differ() -> None:
    with Agency(scenario="noisy") as agency:
        agency.caps.redtrack_reports_per_minute = 1000
        key = {"api_key": calls.variable(agency, "REDTRACK_API_KEY"), "per": "1000"}
        rows = calls.HTTP.get(agency.base_url("redtrack") + "/campaigns", params=key).json()
        told = {(row["id"], str(row["status"])) for row in rows}
        truth = agency.truth("713", calls.RECENT, calls.LAST)
        assert told == {(row["id"], row["status"]) for row in truth.campaigns}
        asked = {"date_from": str(calls.RECENT), "group": "date,source,campaign,offer"}
        spent = [Decimal(str(row["cost"])) for row in calls.spend(agency, **asked)]
        assert sum(spent) == sum(Decimal(str(row["cost"])) for row in truth.campaign_spend)
        assert len({row["campaign_id"] for row in truth.campaign_spend}) > 15
        assert len({row["source_name"] for row in truth.unmapped_spend}) == 1


def test_both_trackers_see_other_sales(world: World) -> None:
    for day in DAYS[:30]:
        log = world.day("713", day)
        everflow = sum((row.affiliate_id, row.advertiser_id) == (13, 1) for row in log.conversions)
        [redtrack] = [row.conversions for row in log.spend if row.source_name == "Google Ads CCW"]
        assert abs(everflow - redtrack) <= 2 + 0.25 * everflow


DAY = date(2026, 11, 18)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("no rows", lambda row: row is None),
        ("broken pixel", lambda row: row["conversions"] == 0 and row["redtrack_cost"] > 0),
        ("no cost", lambda row: row["conversions"] > 0 and row["redtrack_cost"] == 0),
        ("dearer", lambda row: row["cpa"] > 60),
        ("less", lambda row: 0 < row["conversions"] < 12),
    ],
)
def test_an_anomaly_is_planted_elsewhere(
    name: str, check: Callable[[dict[str, object] | None], bool]
) -> None:
    with Agency(scenario="noisy") as agency:
        profile = agency.stage.world.profiles["713"]
        line = (profile, "SB - Meta", 1)
        alteration = {
            "no rows": anomalies.no_rows,
            "broken pixel": anomalies.spend_without_conversions(*line),
            "no cost": anomalies.conversions_without_spend(*line),
            "dearer": anomalies.dearer(*line, 3),
            "less": anomalies.volume(*line, 0.2),
        }[name]
        others = agency.truth("713", DAY, DAY).daily_performance
        agency.alter("713", DAY, alteration)
        rows = {
            row["affiliate_label"]: row for row in agency.truth("713", DAY, DAY).daily_performance
        }
        assert check(rows.get("SB - Meta"))
        if name != "no rows":
            for row in others:
                if row["affiliate_label"] != "SB - Meta":
                    assert rows[row["affiliate_label"]] in others


def test_a_drift_or_a_gap_is_planted_elsewhere() -> None:
    with Agency(scenario="noisy") as agency:
        profile = agency.stage.world.profiles["713"]
        before = agency.truth("713", DAY, DAY).daily_spend
        agency.alter("713", DAY, anomalies.drifting(profile, "SB - Meta", 1, 0.3))
        gap = anomalies.costly_gap("64f1a20b9c3d5e0001a4c0ff", "Surprise", Decimal("180.5"))
        agency.alter("713", DAY, gap)
        truth = agency.truth("713", DAY, DAY)
        costs = {row["source_name"]: row["cost"] for row in truth.unmapped_spend}
        assert costs["Surprise"] == Decimal("180.5")
        sources = anomalies.sources_of(profile, "SB - Meta", 1)
        for was, now in zip(before, truth.daily_spend[: len(before)], strict=True):
            is_less = int(str(now["conversions"])) < int(str(was["conversions"]))
            assert is_less == (was["source_id"] in sources)
