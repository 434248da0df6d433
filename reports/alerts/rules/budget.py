"""The budget breaker: what a traffic source has spent since its last conversion.

Each check records RedTrack's data for today: the source's spend so far, and its own count of
conversions. These hourly versions give the spend since the last conversion, and the usual spend
between two. It alerts the source's buyers, once a day; it never changes a campaign.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from reports.alerts import policy
from reports.alerts.incidents import Incidents, Trouble
from reports.shared.figures import money
from reports.shared.text import clean
from signalroom import clock, warehouse
from signalroom.errors import WarehouseError
from signalroom.run_database import prepared_engine
from signalroom.warehouse import first_line
from signalroom.watch_tables import SOURCE_SPEND as TABLE

KIND, RULE = "budget", "budget"
REACH = timedelta(days=28)
LEAST = 20  # spends between conversions needed to know what is usual
TODAY = """
select
    _client_id, source_id, max(source_name) as source_name,
    sum(cost) as cost, sum(conversions) as conversions
from campaign_performance
where date = :today
group by 1, 2
"""


@dataclass(frozen=True)
class Seen:
    """RedTrack's data for a source's day at an instant: spend so far, its own conversions."""

    at: datetime
    day: date
    cost: Decimal
    conversions: int


@dataclass(frozen=True)
class Dry:
    """The spend since the last conversion, and those between earlier ones."""

    since: Decimal
    usual: Decimal
    high: Decimal  # the 95th percentile


def dry_spell(seen: Sequence[Seen]) -> Dry | None:
    """Computed from earlier readings, oldest first; None if too few to know what is usual."""
    gaps: list[Decimal] = []
    since = Decimal(0)
    before: Seen | None = None
    for one in seen:
        is_same = before is not None and before.day == one.day
        spent = one.cost - before.cost if is_same and before else one.cost
        came = one.conversions - before.conversions if is_same and before else one.conversions
        since += max(spent, Decimal(0))
        if came > 0:
            gaps += [since / came] * came
            since = Decimal(0)
        before = one
    if len(gaps) < LEAST:
        return None
    return Dry(since, statistics.median(gaps), sorted(gaps)[int(0.95 * (len(gaps) - 1))])


def find_dry_sources(clients: Collection[str]) -> list[Trouble]:
    """Record current data, and report sources that spend without conversions."""
    now = clock.now()
    today = clock.local_date(now)
    rows = [
        row
        for row in warehouse.read(TODAY, {"today": today})
        if row["_client_id"] in clients and row["source_id"] is not None
    ]
    seen = _record(rows, now, today)
    thresholds = policy.thresholds(RULE)
    sent_today = _sent_today(today)
    found = []
    for row in rows:
        client_id, source_id = row["_client_id"], row["source_id"]
        dry = dry_spell(seen[client_id, source_id])
        least = Decimal(str(thresholds["minimum"]))
        if dry is None or dry.since < least:
            continue
        if dry.since < dry.high * Decimal(str(thresholds["times"])):
            continue
        trouble = trouble_of(client_id, source_id, row["source_name"], today, dry)
        if (client_id, trouble.subject) not in sent_today:
            found.append(trouble)
    return found


def trouble_of(client_id: str, source_id: str, name: str | None, today: date, dry: Dry) -> Trouble:
    """The message to buyers about a source that spends without conversions."""
    buyers = policy.buyers(client_id).get(source_id, ())
    called = clean(name or source_id, 60)
    return Trouble(
        kind=KIND,
        client_id=client_id,
        subject=f"{source_id}:{today}",
        severity="warning",
        title=f"{called} spent {money(dry.since)} since its last conversion",
        detail=f"Usually {money(dry.usual)} (95th percentile {money(dry.high)}). These are "
        "RedTrack's own conversions of the source, as of its last pulls.",
        repair="Look at the campaign and its tracking; nothing was changed there.",
        cause=f"{KIND}:{source_id}",
        is_silent=not buyers,
        to=tuple(buyers),
    )


def _sent_today(today: date) -> set[tuple[str, str]]:
    """Sources that were reported today, and that have had a conversion since."""
    with Incidents() as incidents:
        past = incidents.of_kind(KIND, clock.midnight(today))
    return {(one.client_id, one.subject) for one in past if one.told_at and not one.is_open}


def _record(
    rows: Iterable[Mapping[str, Any]], now: datetime, today: date
) -> dict[tuple[str, str], list[Seen]]:
    """Record what changed; returns all readings of each source, oldest first."""
    engine = prepared_engine()
    found: dict[tuple[str, str], list[Seen]] = {}
    try:
        with engine.begin() as connection:
            known = connection.execute(
                sa.select(TABLE).where(TABLE.c.at > now - REACH).order_by(TABLE.c.at)
            ).mappings()
            for past in known:
                one = Seen(past["at"], past["day"], Decimal(past["cost"]), past["conversions"])
                found.setdefault((past["_client_id"], past["source_id"]), []).append(one)
            for row in rows:
                key = (row["_client_id"], row["source_id"])
                one = Seen(now, today, Decimal(row["cost"] or 0), int(row["conversions"] or 0))
                mine = found.setdefault(key, [])
                last = mine[-1] if mine else None
                if last and (last.at >= now or (last.day, last.cost, last.conversions) == (
                    one.day, one.cost, one.conversions
                )):  # fmt: skip
                    continue
                values = {**vars(one), "cost": str(one.cost)}
                values |= {"_client_id": key[0], "source_id": key[1]}
                connection.execute(TABLE.insert().values(values))
                mine.append(one)
    except SQLAlchemyError as error:
        raise WarehouseError(f"The spend of sources cannot be kept: {first_line(error)}") from error
    finally:
        engine.dispose()
    return found
