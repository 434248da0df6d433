"""RedTrack's single conversions, derived from each source's daily counts."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sandbox.campaigns import Campaign, Leaf, leaves
from sandbox.clock import day_bounds
from sandbox.events import DayLog, Spend, grown, moment_of, share_of_day

PAYOUT = Decimal("28.75")


class Tracked(NamedTuple):
    """One conversion in RedTrack: Purchase is the default type, Upsell the other one."""

    conversion_id: str
    click_id: str
    clicked_at: int
    at: int
    source_id: str
    source_name: str
    leaf: Leaf | None
    type: str
    payout: Decimal


def tracked_of(
    log: DayLog, campaigns: Mapping[str, tuple[Campaign, ...]], now: int
) -> Iterator[Tracked]:
    """Conversions of a business day that RedTrack shows at `now`; its own, not Everflow's."""
    start, end = day_bounds(log.day)
    share = share_of_day((now - start) / (end - start))
    for spend in log.spend:
        if spend.hidden is not None and spend.hidden.covers(now):
            continue
        default = grown(spend.conversions, share)
        shown = {"Purchase": default, "Upsell": grown(spend.total_conversions, share) - default}
        totals = {
            "Purchase": spend.conversions,
            "Upsell": spend.total_conversions - spend.conversions,
        }
        found = leaves(campaigns, spend.source_id, log.day)
        for kind, count in shown.items():
            for place in range(count):
                yield _tracked(log.day, spend, found, kind, place, totals[kind])


def _tracked(
    day: date, spend: Spend, found: list[Leaf], kind: str, place: int, total: int
) -> Tracked:
    start, end = day_bounds(day)
    digest = hashlib.sha256(f"{spend.source_id}|{day}|{kind}|{place}".encode()).hexdigest()
    part = min(1.0, (place + 1) / max(total, 1))
    at = min(end - 1, start + math.floor(moment_of(part) * (end - start)))
    return Tracked(
        conversion_id=digest[:24],
        click_id=digest[24:48],
        clicked_at=max(start, at - 60 - int(digest[48:51], 16)),
        at=at,
        source_id=spend.source_id,
        source_name=spend.source_name,
        leaf=found[int(digest[:4], 16) % len(found)] if found else None,
        type=kind,
        payout=PAYOUT if kind == "Purchase" else Decimal("9.5"),
    )
