"""Single events after a complete pull of Everflow."""

from datetime import UTC, datetime
from decimal import Decimal

from sandbox.cast import Profile
from sandbox.clicks import clicks_of
from sandbox.clock import local_day
from sandbox.events import DayLog, state_of
from sandbox.ledger.rows import Row
from sandbox.quirks import CURRENCY_RATES


def conversions(log: DayLog, profile: Profile, now: int, currency: str = "USD") -> list[Row]:
    """`everflow.conversions` of one business day: base conversions that are booked and shown.

    Amounts are in the network's own currency.
    """
    rate = Decimal(CURRENCY_RATES[currency])
    if log.emptied is not None and log.emptied.covers(now):
        return []
    labels = {(cell.affiliate_id, cell.advertiser_id): cell.label for cell in log.cells}
    hidden = {
        (cell.affiliate_id, cell.advertiser_id)
        for cell in log.cells
        if cell.hidden is not None and cell.hidden.covers(now)
    }
    rows: list[Row] = []
    for row in log.conversions:
        name = (row.affiliate_id, row.advertiser_id)
        state = state_of(row, now)
        if state is None or name in hidden:
            continue
        advertiser = profile.advertiser(row.advertiser_id)
        rows.append(
            {
                "_client_id": log.client,
                "date": local_day(row.at),
                "conversion_id": row.conversion_id,
                "conversion_at": _instant(row.at),
                "click_at": _instant(row.clicked_at),
                "status": state.status,
                "is_event": False,
                "is_scrub": state.status == "rejected",
                "is_view_through": row.is_view_through,
                "affiliate_id": row.affiliate_id,
                "affiliate_label": labels[name],
                "advertiser_id": row.advertiser_id,
                "advertiser_label": advertiser.label,
                "offer_id": row.offer_id,
                "offer_label": dict(advertiser.offers)[row.offer_id],
                "payout": state.payout * rate,
                "revenue": state.revenue * rate,
                "sale_amount": row.sale_amount * rate,
                "currency_id": currency,
            }
        )
    return rows


def adjustments(log: DayLog, now: int) -> list[Row]:
    """`everflow.adjustments` of one business day."""
    return [
        {
            "_client_id": log.client,
            "date": log.day,
            "network_reporting_adjustment_id": row.adjustment_id,
            "affiliate_id": row.affiliate_id,
            "offer_id": row.offer_id,
            "clicks": row.clicks,
            "conversions": row.conversions,
            "payout": row.payout,
            "revenue": row.revenue,
            "notes": row.notes,
        }
        for row in log.adjustments
        if row.known_at <= now
    ]


def clicks(log: DayLog, now: int) -> list[Row]:
    """`everflow.clicks` of one business day."""
    return [
        {
            "_client_id": log.client,
            "date": log.day,
            "transaction_id": click.transaction_id,
            "click_at": _instant(click.at),
            "is_unique": click.is_unique,
            "has_conversion": click.has_conversion,
            "affiliate_id": click.affiliate_id,
            "advertiser_id": click.advertiser_id,
        }
        for click in clicks_of(log, now)
    ]


def _instant(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
