"""RedTrack's report: spend by the requested groups, in any zone."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sandbox.campaigns import Leaf, count_parts, leaves, parts, rest_of
from sandbox.cast import Profile
from sandbox.clock import day_bounds, days_between, local_day
from sandbox.events import Spend, cost_of, grown, grown_money, share_of_day
from sandbox.vendors.everflow_table import number
from sandbox.world import World

COUNTS = ("clicks", "unique_clicks", "impressions", "lp_views", "lp_clicks", "conversions",
          "total_conversions")  # fmt: skip


class Piece(NamedTuple):
    """A part of one source's business day that falls on one day of the zone."""

    day: date
    spend: Spend
    leaf: Leaf | None  # None: for the whole source
    counts: dict[str, int]
    cost: Decimal
    revenue: Decimal


def rows_of(
    world: World, profile: Profile, now: int, groups: list[str], start: date, end: date,
    zone: ZoneInfo,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of the report, unsorted; those with neither clicks nor cost are left out."""
    by_leaf = bool({"campaign", "offer"} & set(groups))
    grouped: dict[tuple[str, ...], list[Piece]] = {}
    for piece in _pieces(world, profile, now, start, end, zone, by_leaf):
        key = tuple(_value(name, piece) for name in groups)
        grouped.setdefault(key, []).append(piece)
    rows = [_row(groups, key, pieces) for key, pieces in grouped.items()]
    return [row for row in rows if row["clicks"] or row["cost"]]


def _pieces(
    world: World, profile: Profile, now: int, start: date, end: date, zone: ZoneInfo,
    by_leaf: bool,
) -> Iterator[Piece]:  # fmt: skip
    one_day = timedelta(days=1)
    for business_day in days_between(start - one_day, end + one_day):
        slices = day_slices(business_day, zone, now)
        for spend in world.day(profile.client, business_day).spend:
            if spend.hidden is not None and spend.hidden.covers(now):
                continue
            for day, before, after in slices:
                if start <= day <= end:
                    piece = _piece(spend, day, before, after, now)
                    yield from _split(piece, profile, business_day) if by_leaf else (piece,)


def day_slices(day: date, zone: ZoneInfo, now: int) -> list[tuple[date, float, float]]:
    """A business day cut at the zone's midnights, as shares of its traffic, up to now."""
    start, end = day_bounds(day)
    found, at, stop = [], start, min(end, now)
    while at < stop:
        local = local_day(at, zone)
        until = min(stop, day_bounds(local, zone)[1])
        shares = [share_of_day((moment - start) / (end - start)) for moment in (at, until)]
        found.append((local, shares[0], shares[1]))
        at = until
    return found


def _piece(spend: Spend, day: date, before: float, after: float, now: int) -> Piece:
    counts = {
        name: grown(getattr(spend, name), after) - grown(getattr(spend, name), before)
        for name in COUNTS
    }
    total = cost_of(spend, now)
    return Piece(
        day, spend, None, counts,
        grown_money(total, after) - grown_money(total, before),
        grown_money(spend.revenue, after) - grown_money(spend.revenue, before),
    )  # fmt: skip


def _split(piece: Piece, profile: Profile, business_day: date) -> Iterator[Piece]:
    """The same by campaign and offer; a cost set only on the source is in none of them."""
    source = piece.spend.source_id
    found = leaves(profile.campaigns_by_source, source, business_day)
    if not found:
        return
    rest = rest_of(piece.cost, source, business_day)
    counts = {name: list(count_parts(total, found)) for name, total in piece.counts.items()}
    costs, revenues = list(parts(piece.cost - rest, found)), list(parts(piece.revenue, found))
    for place, leaf in enumerate(found):
        own = {name: values[place] for name, values in counts.items()}
        yield piece._replace(leaf=leaf, counts=own, cost=costs[place], revenue=revenues[place])


def _value(name: str, piece: Piece) -> str:
    if name == "date":
        return piece.day.isoformat()
    if name == "source":
        return piece.spend.source_id
    if piece.leaf is None:
        return ""
    return {
        "campaign": piece.leaf.campaign.campaign_id,
        "offer": piece.leaf.offer.offer_id,
    }.get(name, "")


def _row(groups: list[str], key: tuple[str, ...], pieces: list[Piece]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    first = pieces[0]
    for name, value in zip(groups, key, strict=True):
        row[name] = value
        if name == "source":
            row |= {"source": first.spend.source_name, "source_id": first.spend.source_id,
                    "source_alias": first.spend.source_alias}  # fmt: skip
        elif name == "campaign" and first.leaf is not None:
            campaign = first.leaf.campaign
            row |= {"campaign": campaign.title, "campaign_id": campaign.campaign_id}
        elif name == "offer" and first.leaf is not None:
            row |= {"offer": first.leaf.offer.title, "offer_id": first.leaf.offer.offer_id}
    for metric in COUNTS:
        row[metric] = sum(piece.counts[metric] for piece in pieces)
    cost = sum((piece.cost for piece in pieces), Decimal(0))
    revenue = sum((piece.revenue for piece in pieces), Decimal(0))
    other = row["total_conversions"] - row["conversions"]
    row |= {
        "approved": row["conversions"], "pending": 0, "declined": 0, "other": other,
        "cost": number(cost), "revenue": number(revenue), "total_revenue": number(revenue),
        "pub_revenue": 0, "profit": number(revenue - cost),
        "cpc": number(round(cost / row["clicks"], 4)) if row["clicks"] else 0,
        "convtype1": row["conversions"], "convtype2": other,
    }  # fmt: skip
    left_out = frozenset.intersection(*(piece.spend.left_out for piece in pieces))
    return {name: value for name, value in row.items() if name not in left_out}
