"""Marts of a made-up world, row by row, with the columns that the reports' queries read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from reports.preview.orders import order_rows
from reports.preview.world import FIRST, INTERNAL, UNMAPPED, Fact, World, facts
from reports.shared.completeness import EVERFLOW, REDTRACK
from reports.shared.figures import add, ratio, rounded
from signalroom import clock
from signalroom.clients import Client

Rows = list[dict[str, Any]]
MICRO = Decimal("0.000001")
DETAILED_DAYS = 24  # that daily_performance has: the trend, and that of what was told before
LOW_VOLUME = 10


def marts(world: World, client: Client) -> dict[str, Rows]:
    """The rows of each mart, by its name."""
    brands = {brand.advertiser_id: brand.name for brand in client.brands}
    found = list(facts(world, brands))
    detailed = world.until - timedelta(days=DETAILED_DAYS)
    tables = {
        "daily_performance": [_performance(one) for one in found if one.day > detailed],
        "daily_summary": _days(world),
        "goal_pace": _goals(world, tuple(brands.values())),
        "weekly_rollup": _weeks(world, found),
        "affiliate_leaderboard": _leaderboard(found),
        **order_rows(world, tuple(brands.values())),
    }
    return {
        name: [{"_client_id": client.id, **row} for row in rows] for name, rows in tables.items()
    }


def _performance(fact: Fact) -> dict[str, Any]:
    return {
        "date": fact.day,
        "advertiser_id": fact.brand,
        "advertiser_label": fact.label,
        "affiliate_label": fact.name,
        "is_internal": fact.kind != "external",
        "is_unmapped": fact.kind == UNMAPPED,
        "conversions": fact.conversions,
        "everflow_revenue": fact.revenue,
        "cost": fact.cost,
        "cpa_state": fact.state,
    }


def _goals(world: World, brands: tuple[str, ...]) -> Rows:
    """Goals of the first brand for the month of the last day: one missed, one open, one met."""
    return [
        {
            "brand": brand,
            "month": f"{world.until:%Y-%m}",
            "measure": measure,
            "goal": Decimal(goal) * (1 if measure == "cpa" else world.factor),
            "days_in_month": 30,
        }
        for brand in brands[:1]
        for measure, goal in (("cpa", 25), ("spend", 82_000), ("conversions", 2_500))
    ]


def _days(world: World) -> Rows:
    """Each day and the one after, with when each source was loaded for it."""
    rows = []
    for number in range((world.until - FIRST).days + 2):
        day = FIRST + timedelta(days=number)
        is_last, is_after = day == world.until, day > world.until
        loads = {source: _loaded_at(world, source, day) for source in (EVERFLOW, REDTRACK)}
        rows.append(
            {
                "date": day,
                "is_complete": not is_after
                and not (is_last and (world.late or world.never))
                and None not in loads.values(),
                "everflow_loaded_at": loads[EVERFLOW],
                "redtrack_loaded_at": loads[REDTRACK],
            }
        )
    return rows


def _loaded_at(world: World, source: str, day: date) -> datetime | None:
    """The morning after; a late source was last asked the evening before midnight."""
    if day >= world.until and source in world.never:
        return None
    if day > world.until:
        return None if source in world.late else clock.midnight(day) + timedelta(hours=7)
    if day == world.until and source in world.late:
        return clock.midnight(day) + timedelta(hours=18, minutes=2)
    return clock.midnight(day + timedelta(days=1)) + timedelta(hours=7, minutes=1)


def _weeks(world: World, found: Iterable[Fact]) -> Rows:
    """Weeks of complete days by brand, beside the same days of the week before."""
    last = world.until - timedelta(days=1 if world.late or world.never else 0)
    groups: dict[tuple[int | None, date], list[Fact]] = {}
    for fact in found:
        if fact.day <= last:
            groups.setdefault((fact.brand, _monday(fact.day)), []).append(fact)
    rows = []
    for (brand, monday), week in groups.items():
        days = {fact.day for fact in week}
        earlier = [
            fact
            for fact in groups.get((brand, monday - timedelta(days=7)), [])
            if fact.day + timedelta(days=7) in days
        ]
        now, before = _sums(week), _sums(earlier) if earlier else {}
        rows.append(
            {
                "week_start": monday,
                "advertiser_id": brand,
                "advertiser_label": week[0].label,
                "days": len(days),
                **now,
                "previous_conversions": before.get("conversions"),
                "previous_revenue": before.get("everflow_revenue"),
                "previous_cost": before.get("cost"),
                "previous_unmapped_cost": before.get("unmapped_cost"),
                "previous_mapped_cpa": before.get("mapped_cpa"),
                "previous_profit": before.get("profit"),
            }
        )
    return rows


def _sums(part: list[Fact]) -> dict[str, Any]:
    def spent(which: Callable[[Fact], bool]) -> Decimal:
        return add(fact.cost for fact in part if which(fact))

    sold = sum(fact.conversions for fact in part)
    cost, unmapped = spent(lambda _: True), spent(lambda fact: fact.kind == UNMAPPED)
    revenue = add(fact.revenue for fact in part)
    return {
        "conversions": sold,
        "everflow_payout": spent(lambda fact: fact.kind == "external"),
        "everflow_revenue": revenue,
        "redtrack_cost": spent(lambda fact: fact.kind != "external"),
        "unmapped_cost": unmapped,
        "cost": cost,
        "profit": revenue - cost,
        "mapped_cpa": rounded(ratio(cost - unmapped, sold), MICRO),
    }


def _leaderboard(found: Iterable[Fact]) -> Rows:
    """Affiliates of each week that ends on a Sunday, ranked within their brand."""
    groups: dict[tuple[date, int], dict[str, list[Fact]]] = {}
    for fact in found:
        if fact.brand is not None and fact.kind != UNMAPPED:
            key = (_monday(fact.day) + timedelta(days=6), fact.brand)
            groups.setdefault(key, {}).setdefault(fact.name, []).append(fact)
    rows: Rows = []
    for (sunday, brand), affiliates in groups.items():
        earlier = groups.get((sunday - timedelta(days=7), brand), {})
        board = [
            {
                "period": "last_7_days",
                "period_start": sunday - timedelta(days=6),
                "period_end": sunday,
                **_standing(part, earlier.get(name, [])),
            }
            for name, part in affiliates.items()
        ]
        sold = sum(row["conversions"] for row in board)
        for row in board:
            row["conversions_share"] = rounded(ratio(Decimal(row["conversions"]), sold), MICRO)
        _rank(board, "profit_rank", lambda row: -row["profit"])
        _rank(board, "conversions_rank", lambda row: -row["conversions"])
        ranked = [row for row in board if row["cpa"] is not None and not row["is_low_volume"]]
        _rank(ranked, "cpa_rank", lambda row: row["cpa"])
        rows += board
    return rows


def _standing(part: list[Fact], earlier: list[Fact]) -> dict[str, Any]:
    now, before, first = _sums(part), _sums(earlier) if earlier else {}, part[0]
    unpaid = sum(fact.state == "missing_spend" for fact in part)
    return {
        "advertiser_id": first.brand,
        "advertiser_label": first.label,
        "affiliate_label": first.name,
        "is_internal": first.kind == INTERNAL,
        "is_low_volume": now["conversions"] < LOW_VOLUME,
        "conversions": now["conversions"],
        "everflow_revenue": now["everflow_revenue"],
        "cost": now["cost"],
        "cpa": None if unpaid else now["mapped_cpa"],
        "cpa_state": first.state,
        "missing_spend_days": unpaid,
        "profit": now["profit"],
        "previous_conversions": before.get("conversions"),
        "previous_cost": before.get("cost"),
        "previous_cpa": before.get("mapped_cpa"),
        "previous_profit": before.get("profit"),
    }


def _rank(board: Rows, name: str, key: Callable[[Mapping[str, Any]], Any]) -> None:
    values = sorted(key(row) for row in board)
    for row in board:
        row[name] = values.index(key(row)) + 1


def _monday(day: date) -> date:
    return day - timedelta(days=day.isoweekday() - 1)
