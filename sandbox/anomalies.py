"""Anomalies of a day worth an alert, to be planted with `Agency.alter`; each with its cost.

```python
agency.alter("713", day, spend_without_conversions(profile, "SB - Meta", 1))
```
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.cast import Profile
from sandbox.events import Cost, DayLog, Spend
from sandbox.mapping import fold

Alteration = Callable[[DayLog], DayLog]


def no_rows(log: DayLog) -> DayLog:
    """Neither vendor has any data for the day."""
    return log._replace(cells=(), conversions=(), spend=(), adjustments=())


def spend_without_conversions(profile: Profile, label: str, advertiser_id: int) -> Alteration:
    """The affiliate's pixel is broken: it spends as usual, but no sale is counted."""
    ids = _ids(profile, label, advertiser_id)
    sources = sources_of(profile, label, advertiser_id)

    def altered(log: DayLog) -> DayLog:
        kept = [row for row in log.conversions if (row.affiliate_id, row.advertiser_id) not in ids]
        spend = [
            row._replace(conversions=0, total_conversions=0) if row.source_id in sources else row
            for row in log.spend
        ]
        return log._replace(conversions=tuple(kept), spend=tuple(spend))

    return altered


def conversions_without_spend(profile: Profile, label: str, advertiser_id: int) -> Alteration:
    """RedTrack gets no cost for the affiliate's sources any more: a token has expired."""
    sources = sources_of(profile, label, advertiser_id)
    return lambda log: log._replace(
        spend=tuple(row for row in log.spend if row.source_id not in sources)
    )


def volume(profile: Profile, label: str, advertiser_id: int, factor: float) -> Alteration:
    """The affiliate has `factor` (below 1) of its sales, clicks and cost."""
    ids = _ids(profile, label, advertiser_id)
    sources = sources_of(profile, label, advertiser_id)

    def altered(log: DayLog) -> DayLog:
        of_it = [row for row in log.conversions if (row.affiliate_id, row.advertiser_id) in ids]
        gone = {row.conversion_id for row in of_it[int(len(of_it) * factor) :]}
        cells = [
            cell._replace(unique_clicks=int(cell.unique_clicks * factor))
            if (cell.affiliate_id, cell.advertiser_id) in ids
            else cell
            for cell in log.cells
        ]
        return log._replace(
            cells=tuple(cells),
            conversions=tuple(row for row in log.conversions if row.conversion_id not in gone),
            spend=tuple(
                _scaled(row, factor) if row.source_id in sources else row for row in log.spend
            ),
        )

    return altered


def dearer(profile: Profile, label: str, advertiser_id: int, factor: float) -> Alteration:
    """The same sales cost `factor` times as much: the CPA leaves its range."""
    sources = sources_of(profile, label, advertiser_id)
    return lambda log: log._replace(
        spend=tuple(_dearer(row, factor) if row.source_id in sources else row for row in log.spend)
    )


def drifting(profile: Profile, label: str, advertiser_id: int, factor: float) -> Alteration:
    """RedTrack counts `factor` of the sales that Everflow counts."""
    sources = sources_of(profile, label, advertiser_id)
    return lambda log: log._replace(
        spend=tuple(
            row._replace(
                conversions=int(row.conversions * factor),
                total_conversions=int(row.total_conversions * factor),
            )
            if row.source_id in sources
            else row
            for row in log.spend
        )
    )


def costly_gap(source_id: str, name: str, cost: Decimal) -> Alteration:
    """An unmapped source spends money."""
    new = Spend(
        source_id, name, "other", 40, 38, 0, 39, 12, 0, 0, Decimal(0), (Cost(0, cost),),
        frozenset(), None,
    )  # fmt: skip
    return lambda log: log._replace(spend=(*log.spend, new))


def column_left_out(log: DayLog) -> DayLog:
    """Everflow has no sale amount any more; no figure of a report changes."""
    bare = (row._replace(sale_amount=None) for row in log.conversions)  # type: ignore[arg-type]
    return log._replace(conversions=tuple(bare))


def sources_of(profile: Profile, label: str, advertiser_id: int) -> set[str]:
    """RedTrack sources that the client's file maps to the affiliate."""
    return {
        row.source_id
        for row in profile.mapping
        if row.label is not None
        and (fold(row.label), row.advertiser_id) == (fold(label), advertiser_id)
    }


def _ids(profile: Profile, label: str, advertiser_id: int) -> set[tuple[int, int]]:
    return {
        (row.affiliate_id, row.advertiser_id)
        for row in profile.affiliates
        if (fold(row.label), row.advertiser_id) == (fold(label), advertiser_id)
    }


def _scaled(row: Spend, factor: float) -> Spend:
    counts: dict[str, Any] = {
        name: int(getattr(row, name) * factor)
        for name in ("clicks", "unique_clicks", "impressions", "lp_views", "lp_clicks",
                     "conversions", "total_conversions")
    }  # fmt: skip
    return _dearer(row._replace(**counts), factor)


def _dearer(row: Spend, factor: float) -> Spend:
    return row._replace(
        costs=tuple(
            cost._replace(total=(cost.total * Decimal(str(factor))).quantize(Decimal("0.01")))
            for cost in row.costs
        )
    )
