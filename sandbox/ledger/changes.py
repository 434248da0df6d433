"""Why a day differs between two moments, line by line and to the cent."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal

from sandbox.events import Conversion, DayLog, cost_of, state_of
from sandbox.ledger.performance import Directory
from sandbox.ledger.rows import Row
from sandbox.mapping import fold

Part = tuple[int, int, str, str, Decimal]  # affiliate, advertiser, measure, cause, amount
Amounts = Mapping[str, Decimal]
NOTHING: Amounts = {}


def changes_of(log: DayLog, directory: Directory, before: int, after: int) -> list[Row]:
    """Changes of a closed business day between two epochs, by line of `daily_performance`.

    A conversion that exists only at the later moment is late, for whatever reason; one that was
    counted and no longer is has been reversed, even if it is only hidden.
    """
    labels = {(cell.affiliate_id, cell.advertiser_id): cell.label for cell in log.cells}
    found: defaultdict[tuple[int | None, str, str, str], Decimal] = defaultdict(Decimal)
    for affiliate, advertiser, measure, cause, amount in _everflow(log, before, after):
        label = fold(labels[affiliate, advertiser])
        found[advertiser, directory.spelling(label), measure, cause] += amount
        if measure == "everflow_payout" and not directory.is_internal(label, advertiser, log.day):
            found[advertiser, directory.spelling(label), "cost", cause] += amount
    for spend in log.spend:
        amount = _spent(log, spend.source_id, after) - _spent(log, spend.source_id, before)
        entry = directory.by_source.get(spend.source_id)
        is_mapped = entry is not None and entry.is_mapped
        line = (
            directory.spelling(fold(str(entry.label)))
            if entry is not None and is_mapped
            else f"Unmapped: {spend.source_name.strip()}"
        )
        owner = entry.advertiser_id if entry is not None else None
        for measure in ("redtrack_cost", "cost"):
            found[owner, line, measure, "spend_rewrite"] += amount
    return [
        {
            "_client_id": log.client,
            "date": log.day,
            "advertiser_id": advertiser,
            "affiliate_label": label,
            "measure": measure,
            "cause": cause,
            "amount": amount,
        }
        for (advertiser, label, measure, cause), amount in sorted(
            found.items(), key=lambda item: (item[0][0] or 0, *item[0][1:])
        )
        if amount
    ]


def _everflow(log: DayLog, before: int, after: int) -> Iterator[Part]:
    for row in log.conversions:
        name = (row.affiliate_id, row.advertiser_id)
        then, now = _counted(log, row, before), _counted(log, row, after)
        cause = (
            "payout_change" if then and now
            else "late_conversion" if now
            else "reversed_conversion"
        )  # fmt: skip
        for measure in then.keys() | now.keys():
            amount = now.get(measure, Decimal(0)) - then.get(measure, Decimal(0))
            yield *name, measure, cause, amount
    for adjustment in log.adjustments:
        shown = (adjustment.known_at <= after) - (adjustment.known_at <= before)
        name = (adjustment.affiliate_id, adjustment.advertiser_id)
        for measure, amount in (
            ("conversions", Decimal(adjustment.conversions)),
            ("everflow_payout", adjustment.payout),
            ("everflow_revenue", adjustment.revenue),
        ):
            yield *name, measure, "adjustment", shown * amount


def _counted(log: DayLog, row: Conversion, now: int) -> Amounts:
    """The conversion's part of its line's measures at `now`."""
    if log.emptied is not None and log.emptied.covers(now):
        return NOTHING
    for cell in log.cells:
        if (cell.affiliate_id, cell.advertiser_id) == (row.affiliate_id, row.advertiser_id):
            if cell.hidden is not None and cell.hidden.covers(now):
                return NOTHING
            break
    state = state_of(row, now)
    if state is None or state.status != "approved":
        return NOTHING
    return {
        "conversions": Decimal(not row.is_view_through),
        "everflow_payout": state.payout,
        "everflow_revenue": state.revenue,
    }


def _spent(log: DayLog, source_id: str, now: int) -> Decimal:
    return sum(
        (
            cost_of(spend, now)
            for spend in log.spend
            if spend.source_id == source_id
            and not (spend.hidden is not None and spend.hidden.covers(now))
        ),
        Decimal(0),
    )
