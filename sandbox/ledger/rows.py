"""Raw rows after a complete pull of both vendors."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sandbox.clock import day_bounds
from sandbox.events import (
    Adjustment,
    Cell,
    Conversion,
    DayLog,
    Spend,
    cost_of,
    grown,
    grown_money,
    share_of_day,
    state_of,
)

Row = dict[str, object]
ZERO = Decimal(0)


def daily_stats(log: DayLog, now: int, labels: dict[int, str]) -> list[Row]:
    """`everflow.daily_stats` of one business day; `labels` names the advertisers."""
    if log.emptied is not None and log.emptied.covers(now):
        return []
    booked: dict[tuple[int, int], list[Conversion]] = {}
    for conversion in log.conversions:
        name = (conversion.affiliate_id, conversion.advertiser_id)
        booked.setdefault(name, []).append(conversion)
    rows = []
    corrected: dict[tuple[int, int], list[Adjustment]] = {}
    for adjustment in log.adjustments:
        if adjustment.known_at <= now:
            name = (adjustment.affiliate_id, adjustment.advertiser_id)
            corrected.setdefault(name, []).append(adjustment)
    for cell in log.cells:
        if cell.hidden is not None and cell.hidden.covers(now):
            continue
        name = (cell.affiliate_id, cell.advertiser_id)
        conversions = booked.get(name, [])
        row = _stat(cell, conversions, corrected.get(name, []), log.day, now)
        # a conversion on hold is not counted, but its row exists
        is_shown = any(state_of(conversion, now) for conversion in conversions)
        if is_shown or any(value for name, value in row.items() if name not in _KEYS):
            rows.append(
                {"_client_id": log.client} | row | {"advertiser_label": labels[cell.advertiser_id]}
            )
    return rows


_KEYS = {"date", "affiliate_id", "affiliate_label", "advertiser_id"}


def _stat(
    cell: Cell,
    conversions: Sequence[Conversion],
    adjustments: Sequence[Adjustment],
    day: date,
    now: int,
) -> Row:
    approved, scrubbed = [], 0
    for conversion in conversions:
        state = state_of(conversion, now)
        if state is not None and state.status == "approved":
            approved.append((conversion, state))
        elif state is not None and state.status == "rejected":
            scrubbed += 1
    # offers split a cell's clicks, and each part grows separately
    unique = _clicks(cell.unique_clicks, cell, day, now) + sum(row.clicks for row in adjustments)
    duplicate = _clicks(cell.duplicate_clicks, cell, day, now)
    invalid = _clicks(cell.invalid_clicks, cell, day, now)
    base = [pair for pair in approved if not pair[0].is_view_through]
    upsells = [row.event_revenue for row, _ in approved if row.event_revenue is not None]
    payout = sum((state.payout for _, state in approved), ZERO)
    payout += sum((row.payout for row in adjustments), ZERO)
    revenue = sum((state.revenue for _, state in approved), ZERO)
    revenue += sum((row.revenue for row in adjustments), ZERO)
    added = sum(row.conversions for row in adjustments)
    return {
        "date": day,
        "affiliate_id": cell.affiliate_id,
        "affiliate_label": cell.label,
        "advertiser_id": cell.advertiser_id,
        "imp": _clicks(cell.impressions, cell, day, now),
        "clicks": unique + duplicate,
        "unique_clicks": unique,
        "invalid_clicks": invalid,
        "duplicate_clicks": duplicate,
        "gross_clicks": unique + duplicate + invalid,
        "conversions": len(base) + added,
        "total_conversions": len(approved) + added,
        "view_through_conversions": len(approved) - len(base),
        "scrubbed_conversions": scrubbed,
        "events": len(upsells),
        "revenue": revenue,
        "payout": payout,
        "profit": revenue - payout,
        "event_revenue": sum(upsells, ZERO),
        "gross_sales": sum((row.sale_amount for row, _ in approved), ZERO),
    }


def _clicks(total: int, cell: Cell, day: date, now: int) -> int:
    """A count by `now`, in the two parts that Everflow splits it into.

    The second offer gets three in ten; an advertiser with one offer has only one part.
    """
    share = _share(day, now)
    second = total * 3 // 10 if cell.offers > 1 else 0
    return grown(total - second, share) + grown(second, share)


def _share(day: date, now: int) -> float:
    start, end = day_bounds(day)
    return share_of_day((now - start) / (end - start))


def daily_spend(log: DayLog, now: int) -> list[Row]:
    """`redtrack.daily_spend` of one business day; a metric left out by the vendor is None."""
    share = _share(log.day, now)
    rows = []
    for spend in log.spend:
        row = _spend(spend, share, now)
        is_hidden = spend.hidden is not None and spend.hidden.covers(now)
        if not is_hidden and (row["clicks"] or row["cost"]):
            rows.append({"_client_id": log.client, "date": log.day} | row)
    return rows


def _spend(spend: Spend, share: float, now: int) -> Row:
    conversions = grown(spend.conversions, share)
    total = grown(spend.total_conversions, share)
    revenue = grown_money(spend.revenue, share)
    row: Row = {
        "source_id": spend.source_id,
        "source_name": spend.source_name,
        "source_alias": spend.source_alias,
        "clicks": grown(spend.clicks, share),
        "unique_clicks": grown(spend.unique_clicks, share),
        "impressions": grown(spend.impressions, share),
        "lp_views": grown(spend.lp_views, share),
        "lp_clicks": grown(spend.lp_clicks, share),
        "conversions": conversions,
        "total_conversions": total,
        "approved": conversions,
        "pending": 0,
        "declined": 0,
        "other": total - conversions,
        "cost": grown_money(cost_of(spend, now), share),
        "revenue": revenue,
        "total_revenue": revenue,
        "pub_revenue": ZERO,
    }
    return row | dict.fromkeys(spend.left_out)


def count(value: object) -> int:
    """A count of a row; 0 if the vendor left it out."""
    return value if isinstance(value, int) else 0


def money(value: object) -> Decimal:
    """An amount of a row; 0 if the vendor left it out."""
    return value if isinstance(value, Decimal) else ZERO
