"""Which columns of which raw tables the version ledger keeps, as plain data."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from signalroom.instant import Instant

# table -> (its key, its other columns): what a mart reads, named and typed as in the raw table.
# A version has the row as it became known; a removed one only its key. Nothing is updated.
_DAY, _COUNT, _WORD = sa.Date, sa.BigInteger, sa.Text
_MONEY = sa.Numeric(38, 18)
_Columns = dict[str, Any]
VERSIONED: dict[str, tuple[_Columns, _Columns]] = {
    "everflow.daily_stats": (
        {"date": _DAY, "affiliate_id": _COUNT, "advertiser_id": _COUNT},
        {
            **dict.fromkeys(("affiliate_label", "advertiser_label"), _WORD),
            **dict.fromkeys(
                (
                    *("clicks", "unique_clicks", "conversions", "total_conversions"),
                    *("scrubbed_conversions", "events"),
                ),
                _COUNT,
            ),
            **dict.fromkeys(("revenue", "payout"), _MONEY),
        },
    ),
    "everflow.conversions": (
        {"date": _DAY, "conversion_id": _WORD},
        {
            **dict.fromkeys(("affiliate_id", "advertiser_id", "offer_id"), _COUNT),
            **dict.fromkeys(("affiliate_label", "status", "currency_id"), _WORD),
            **dict.fromkeys(("is_event", "is_scrub", "is_view_through"), sa.Boolean),
            **dict.fromkeys(("payout", "revenue"), _MONEY),
        },
    ),
    "everflow.adjustments": (
        {"date": _DAY, "network_reporting_adjustment_id": _COUNT},
        {
            **dict.fromkeys(
                ("affiliate_id", "offer_id", "clicks", "unique_clicks", "conversions"), _COUNT
            ),
            **dict.fromkeys(("payout", "revenue"), _MONEY),
        },
    ),
    "everflow.affiliates": (
        {"network_affiliate_id": _COUNT},
        dict.fromkeys(("name", "account_status"), _WORD),
    ),
    "everflow.advertisers": (
        {"network_advertiser_id": _COUNT},
        dict.fromkeys(("name", "account_status"), _WORD),
    ),
    "everflow.offers": (
        {"network_offer_id": _COUNT},
        {
            "network_advertiser_id": _COUNT,
            **dict.fromkeys(("name", "offer_status", "currency_id"), _WORD),
        },
    ),
    "redtrack.daily_spend": (
        {"date": _DAY, "source_id": _WORD, "source_name": _WORD},
        {
            "source_alias": _WORD,
            **dict.fromkeys(("clicks", "conversions"), _COUNT),
            "cost": _MONEY,
        },
    ),
    "redtrack.offers": (
        {"id": _WORD},
        dict.fromkeys(("title", "url", "status", "network_title"), _WORD),
    ),
    "redtrack.campaign_spend": (
        {"date": _DAY, "source_id": _WORD, "campaign_id": _WORD, "offer_id": _WORD},
        {
            **dict.fromkeys(("campaign_name", "offer_name"), _WORD),
            **dict.fromkeys(("clicks", "conversions"), _COUNT),
            "cost": _MONEY,
        },
    ),
}


# When a table was requested for which days: what was known about a day's completeness when.
PULL_COLUMNS: _Columns = {
    **dict.fromkeys(("source", "table_name"), _WORD),
    **dict.fromkeys(("first_day", "last_day"), _DAY),
    **dict.fromkeys(("as_of", "loaded_at", "known_from"), Instant),
}


def versions_name(table: str) -> str:
    """The table of `ops` that keeps the versions of a raw table, `everflow.daily_stats`."""
    return f"{table.replace('.', '__')}_versions"
