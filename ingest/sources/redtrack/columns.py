"""RedTrack: its tables' columns, with the vendor's field and the type of each."""

from ingest.columns import (
    COUNT_TYPE,
    DATE_TYPE,
    FLAG_TYPE,
    INSTANT_TYPE,
    MONEY_TYPE,
    TEXT_TYPE,
    Field,
    Fields,
    columns_of,
)

# column of redtrack.daily_spend -> its type; RedTrack's metrics have the same names
METRICS = Fields(
    {
        "clicks": Field("clicks", COUNT_TYPE),
        "unique_clicks": Field("unique_clicks", COUNT_TYPE),
        "impressions": Field("impressions", COUNT_TYPE),
        "lp_views": Field("lp_views", COUNT_TYPE),
        "lp_clicks": Field("lp_clicks", COUNT_TYPE),
        "conversions": Field("conversions", COUNT_TYPE),
        "total_conversions": Field("total_conversions", COUNT_TYPE),
        "approved": Field("approved", COUNT_TYPE),
        "pending": Field("pending", COUNT_TYPE),
        "declined": Field("declined", COUNT_TYPE),
        "other": Field("other", COUNT_TYPE),
        "cost": Field("cost", MONEY_TYPE),
        "revenue": Field("revenue", MONEY_TYPE),
        "total_revenue": Field("total_revenue", MONEY_TYPE),
        "pub_revenue": Field("pub_revenue", MONEY_TYPE),
    }
)
# Measures that can be computed from others are not kept; any additional measure is, as text.
DERIVED = frozenset(
    {
        *("lp_ctr", "ctr", "profit", "roi", "roas", "cpa"),
        *("cpc", "cpt", "cr", "epc", "epv", "aov"),
    }
)
CLIENT_COLUMN = {"_client_id": {**TEXT_TYPE, "nullable": False}}
COLUMNS = {
    **CLIENT_COLUMN,
    "date": DATE_TYPE,
    "source_id": TEXT_TYPE,
    "source_name": TEXT_TYPE,
    "source_alias": TEXT_TYPE,
    **columns_of(METRICS),
}
CONTROLLED = ("clicks", "conversions", "cost")

_WORDS = (
    *("source_id", "source_name", "source_alias"),
    *("campaign_id", "campaign_name", "offer_id", "offer_name"),
)
CAMPAIGN_SPEND_COLUMNS = {
    **CLIENT_COLUMN,
    "date": DATE_TYPE,
    **dict.fromkeys(_WORDS, TEXT_TYPE),
    **columns_of(METRICS),
}

CONVERSION_FIELDS = Fields(
    {
        "id": Field("id", TEXT_TYPE),
        "clickid": Field("clickid", TEXT_TYPE),
        **{name: Field(name, INSTANT_TYPE) for name in ("conv_time", "track_time", "created_at")},
        **{
            name: Field(name, TEXT_TYPE)
            for name in (
                *("campaign_id", "campaign", "source_id", "source", "offer_id", "offer"),
                *("network", "landing", "type", "event", "status", "currency", "order"),
            )
        },
        "is_default_type": Field("default_type", FLAG_TYPE),
        "is_transaction": Field("is_transaction", FLAG_TYPE),
        "duplicate_status": Field("duplicate_status", TEXT_TYPE),
        **{name: Field(name, MONEY_TYPE) for name in ("payout", "cost", "pub_revenue")},
    }
)
CONVERSION_COLUMNS = {**CLIENT_COLUMN, "date": DATE_TYPE, **columns_of(CONVERSION_FIELDS)}
CONVERSION_CONTROLLED = ("payout", "cost")
# identifies a visitor
CONVERSION_SKIPPED = frozenset({"ip", "user_agent", "fingerprint", "referer"})

_TIMES = {name: Field(name, INSTANT_TYPE) for name in ("created_at", "updated_at")}
# table -> its fields, the first being the id. Some statuses are numbers, some words: text.
LISTS = {
    "campaigns": Fields(
        {
            "id": Field("id", TEXT_TYPE),
            "title": Field("title", TEXT_TYPE),
            "source_id": Field("source_id", TEXT_TYPE),
            "source_title": Field("source_title", TEXT_TYPE),
            "serial_number": Field("serial_number", COUNT_TYPE),
            "status": Field("status", TEXT_TYPE),
            "type": Field("type", TEXT_TYPE),
            "cost_model": Field("cost_model", TEXT_TYPE),
            "cpc": Field("cpc", MONEY_TYPE),
            "tags": Field("tags", TEXT_TYPE),
            **_TIMES,
        }
    ),
    "offers": Fields(
        {
            "id": Field("id", TEXT_TYPE),
            "title": Field("title", TEXT_TYPE),
            "url": Field("url", TEXT_TYPE),  # the name that third-party clients use; unverified
            "network_id": Field("network_id", TEXT_TYPE),
            "network_title": Field("network_title", TEXT_TYPE),
            "status": Field("status", TEXT_TYPE),
            "payout": Field("payout", MONEY_TYPE),
            "currency": Field("currency", TEXT_TYPE),
            "tags": Field("tags", TEXT_TYPE),
            **_TIMES,
        }
    ),
    "sources": Fields(
        {
            "id": Field("id", TEXT_TYPE),
            "title": Field("title", TEXT_TYPE),
            "alias": Field("alias", TEXT_TYPE),
            "status": Field("status", TEXT_TYPE),
            "type": Field("type", TEXT_TYPE),
            "currency": Field("currency", TEXT_TYPE),
            **_TIMES,
        }
    ),
}
