"""The truth: it matches the hand figures, loses nothing, and equals the vendors' answers."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox import Agency, Truth
from sandbox.clock import BUSINESS_ZONE, DEFAULT_NOW
from tests.sandbox import calls

WORKED_DAY = date(2026, 11, 18)

# advertiser, label, internal, unmapped, conversions, payout, revenue, spend, cost, cpa, state,
# profit: WORKED_EXAMPLE.md
HAND_FIGURES = [
    (1, "G2 - Meta", True, False, 20, "0", "1900", "600", "600", "30", "ok", "1300"),
    (1, "SB - Meta", True, False, 10, "0", "950", "300", "300", "30", "ok", "650"),
    (1, "G2 - Google", True, False, 2, "0", "190", "0", "0", None, "missing_spend", "190"),
    (1, "Blue Bench", False, False, 12, "360", "1140", "0", "360", "30", "ok", "780"),
    (1, "Venture Beyond", False, False, 0, "0", "0", "0", "0", None, "no_conversions", "0"),
    (1, "AC Email", False, False, 3, "0", "285", "0", "0", "0", "zero_cost", "285"),
    (2, "G2 - Meta", True, False, 0, "0", "0", "75", "75", None, "no_conversions", "-75"),
    (None, "Unmapped: Facebook CTI", False, True, 0, "0", "0", "310.25", "310.25", None,
     "unmapped_spend", "-310.25"),
    (1, "Unmapped: Google Accounts", False, True, 0, "0", "0", "12", "12", None,
     "unmapped_spend", "-12"),
    (None, "Unmapped: New Source", False, True, 0, "0", "0", "20", "20", None,
     "unmapped_spend", "-20"),
]  # fmt: skip
SHOWN = ("advertiser_id", "affiliate_label", "is_internal", "is_unmapped", "conversions",
         "everflow_payout", "everflow_revenue", "redtrack_cost", "cost", "cpa", "cpa_state",
         "profit")  # fmt: skip


def _order(row: tuple[Any, ...]) -> tuple[int, str]:
    return row[0] or 0, row[1]


def test_the_worked_day_differs_from_the_hand_figures(worked_example: Agency) -> None:
    rows = worked_example.truth("713", WORKED_DAY, WORKED_DAY).daily_performance
    found = sorted((tuple(row[name] for name in SHOWN) for row in rows), key=_order)
    money = {5, 6, 7, 8, 9, 11}
    expected = [
        tuple(
            Decimal(value) if place in money and value is not None else value
            for place, value in enumerate(row)
        )
        for row in sorted(HAND_FIGURES, key=_order)
    ]
    assert found == expected


def test_the_worked_days_summary_differs_from_the_hand_figures(worked_example: Agency) -> None:
    [row] = worked_example.truth("713", WORKED_DAY, WORKED_DAY).daily_summary
    assert row["conversions"] == 47
    assert row["everflow_revenue"] == Decimal("4465.00")
    assert row["everflow_payout"] == Decimal("360.00")
    assert row["redtrack_cost"] == Decimal("1317.25")
    assert row["cost"] == Decimal("1677.25")
    assert row["unmapped_cost"] == Decimal("342.25")
    blended, mapped = row["blended_cpa"], row["mapped_cpa"]
    assert isinstance(blended, Decimal)
    assert isinstance(mapped, Decimal)
    assert round(blended, 2) == Decimal("35.69")
    assert round(mapped, 2) == Decimal("28.40")


def test_other_days_or_clients_of_the_worked_example_hold_something(
    worked_example: Agency,
) -> None:
    assert {row["date"] for row in worked_example.truth("713").daily_stats} == {WORKED_DAY}
    assert worked_example.truth("cti").daily_stats == []
    assert worked_example.truth("cti").daily_spend == []
    assert worked_example.truth("713").files == []
    assert len(worked_example.truth("cti").daily_summary) == 96


def test_the_worked_day_is_told_differently_over_http(worked_example: Agency) -> None:
    assert calls.stats(worked_example) == _by_cell(worked_example.truth("713").daily_stats)
    costs = {row["source"]: row["cost"] for row in calls.spend(worked_example)}
    assert costs["Meta CCW AWF2 "] == 250.5
    assert "Google Ads CCW" not in costs
    assert costs["New Source"] == 20


def _by_cell(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Raw rows in the order of `calls.stats`, without the client."""
    plain = [{name: row[name] for name in row if name != "_client_id"} for row in rows]
    return sorted(plain, key=lambda row: tuple(
        str(row[name]) if name == "date" else int(str(row[name]))
        for name in ("date", "advertiser_id", "affiliate_id")
    ))  # fmt: skip


@pytest.mark.parametrize("client", ["713", "cti"])
@pytest.mark.parametrize("hours", [0, 3, 40, 24 * 9])
def test_truth_and_vendor_tell_different_figures(client: str, hours: int) -> None:
    now = DEFAULT_NOW - timedelta(days=10) + timedelta(hours=hours, minutes=17)
    last = now.astimezone(BUSINESS_ZONE).date()
    with Agency(now=now) as agency:
        truth = agency.truth(client, calls.FIRST, last)
        assert calls.stats(agency, client, to=last.isoformat()) == _by_cell(truth.daily_stats)
        told = calls.spend(agency, client, date_to=last.isoformat())
    expected = {(str(row["date"]), row["source_id"]): row for row in truth.daily_spend}
    assert {(row["date"], row["source_id"]) for row in told} == set(expected)
    for row in told:
        known = expected[(row["date"], row["source_id"])]
        assert known["source_name"] == row["source"]
        for name in ("clicks", "unique_clicks", "lp_views", "lp_clicks", "impressions",
                     "conversions", "total_conversions", "approved", "other"):  # fmt: skip
            assert known[name] == row.get(name), name
        for name in ("cost", "revenue", "total_revenue"):
            assert known[name] == Decimal(str(row[name])), name


@pytest.mark.parametrize("client", ["713", "cti"])
def test_single_conversions_are_told_differently(agency: Agency, client: str) -> None:
    truth = agency.truth(client, calls.RECENT, calls.LAST)
    told = {row["conversion_id"]: row for row in calls.conversions(agency, client)}
    assert len(truth.conversions) == len(told)
    for row in truth.conversions:
        found = told[row["conversion_id"]]
        related = found["relationship"]
        assert row["status"] == found["status"]
        assert row["payout"] == Decimal(str(found["payout"]))
        assert row["revenue"] == Decimal(str(found["revenue"]))
        assert row["affiliate_id"] == related["affiliate"]["network_affiliate_id"]
        assert row["affiliate_label"] == related["affiliate"]["name"]
        assert row["offer_label"] == related["offer"]["name"]
        assert isinstance(row["conversion_at"], datetime)
        assert row["conversion_at"].timestamp() == found["conversion_unix_timestamp"]


@pytest.mark.parametrize(
    ("vendor", "table"),
    [
        ("everflow", "affiliates"), ("everflow", "advertisers"), ("everflow", "offers"),
        ("redtrack", "campaigns"), ("redtrack", "sources"),
    ],
)  # fmt: skip
def test_a_list_is_told_differently(agency: Agency, vendor: str, table: str) -> None:
    for client in agency.clients:
        if vendor == "everflow":
            path = f"/v1/networks/{table}?page_size=500"
            told = calls.everflow(agency, path, client).json()[table]
        else:
            key = calls.variable(agency, "REDTRACK_API_KEY", client)
            url = f"{agency.base_url(vendor)}/{table}"
            told = calls.HTTP.get(url, params={"api_key": key}).json()
        expected = getattr(agency.truth(client), table)
        names = [name for name in expected[0] if name != "_client_id"]

        def plain(rows: list[dict[str, Any]], names: list[str] = names) -> list[tuple[str, ...]]:
            return sorted(tuple(str(row[name]) for name in names) for row in rows)

        assert plain(told) == plain(expected)


@pytest.mark.parametrize("client", ["713", "cti"])
def test_a_mart_loses_or_doubles_what_raw_holds(agency: Agency, client: str) -> None:
    truth = agency.truth(client)

    def total(rows: list[dict[str, object]], name: str, day: object) -> Decimal:
        return sum((Decimal(str(row[name] or 0)) for row in rows if row["date"] == day), Decimal(0))

    assert len(truth.daily_summary) == 96
    for summary in truth.daily_summary:
        day = summary["date"]
        for mart, raw in (
            ("conversions", "conversions"),
            ("everflow_payout", "payout"),
            ("everflow_revenue", "revenue"),
        ):
            assert summary[mart] == total(truth.daily_stats, raw, day)
            assert summary[mart] == total(truth.daily_performance, mart, day)
        spent = total(truth.daily_spend, "cost", day)
        assert spent == summary["redtrack_cost"]
        assert spent == total(truth.daily_performance, "redtrack_cost", day)
        assert summary["unmapped_cost"] == total(truth.unmapped_spend, "cost", day)
        assert summary["cost"] == total(truth.daily_performance, "cost", day)


def test_a_grain_is_not_unique(messy: Agency) -> None:
    for client in messy.clients:
        truth = messy.truth(client)
        for rows, grain in (
            (truth.daily_stats, ("date", "affiliate_id", "advertiser_id")),
            (truth.daily_spend, ("date", "source_id")),
            (truth.daily_performance, ("date", "advertiser_id", "affiliate_label")),
            (truth.daily_summary, ("date",)),
            (truth.unmapped_spend, ("date", "source_id")),
            (truth.orders, ("order_id",)),
        ):
            keys = [tuple(row[name] for name in grain) for row in rows]
            assert len(set(keys)) == len(keys), grain
            assert {row["_client_id"] for row in rows} == {client}


def test_a_cpa_state_never_occurs(agency: Agency) -> None:
    states = {
        (row["cpa_state"], row["is_internal"])
        for row in agency.truth("713", calls.FIRST, calls.LAST).daily_performance
    }
    assert states >= {
        ("ok", True), ("ok", False), ("unmapped_spend", False), ("no_conversions", False),
        ("no_conversions", True), ("missing_spend", True), ("zero_cost", True),
        ("zero_cost", False),
    }  # fmt: skip


def test_labels_of_one_name_are_not_one_row(agency: Agency) -> None:
    rows = agency.truth("713", calls.FIRST, calls.LAST).daily_performance
    labels = {str(row["affiliate_label"]) for row in rows}
    folded = {label.lower() for label in labels}
    assert len(labels) == len(folded)
    assert all(label == label.strip() for label in labels)
    assert {row["affiliate_id"] for row in rows if row["affiliate_label"] == "SB - Meta"} == {12}


def test_the_past_stands_still(own_agency: Agency) -> None:
    """The same day has three states at three times, and the first one again if time is reset."""
    day = date(2026, 11, 12)
    seen = []
    for moment in ("2026-11-13T09:30", "2026-11-16T09:30", "2026-12-20T09:30", "2026-11-13T09:30"):
        own_agency.set_now(datetime.fromisoformat(moment).replace(tzinfo=BUSINESS_ZONE))
        truth = own_agency.truth("713", day, day)
        seen.append((truth.daily_stats, truth.daily_spend))
        assert calls.stats(own_agency, **{"from": str(day), "to": str(day)}) == _by_cell(
            truth.daily_stats
        )
    assert seen[0] == seen[3]
    assert seen[0][0] != seen[1][0] != seen[2][0]
    assert seen[0][1] != seen[2][1]


def test_today_is_whole_in_the_morning(own_agency: Agency) -> None:
    today = own_agency.calendar.today()
    clicks = []
    for hour in (1, 9, 15, 23):
        own_agency.set_now(DEFAULT_NOW.replace(hour=hour))
        rows = own_agency.truth("713", today, today).daily_stats
        clicks.append(sum(int(str(row["clicks"])) for row in rows))
    assert 0 < clicks[0] < clicks[1] < clicks[2] < clicks[3]
    assert not own_agency.truth("713").daily_summary[-1]["is_complete"]


def test_written_truth_cannot_be_read_back(worked_example: Agency, tmp_path: Path) -> None:
    written = worked_example.write_truth(tmp_path)
    assert len(written) == len(worked_example.clients) * len(Truth.tables)
    with (tmp_path / "713" / "daily_performance.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert sum(Decimal(row["redtrack_cost"]) for row in rows) == Decimal("1317.25")
