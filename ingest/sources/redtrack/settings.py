"""RedTrack: constants."""

from ingest.fields import INSTANT_TYPE, Field
from ingest.http import RateLimit
from ingest.numbers import COUNT_TYPE, DATE_TYPE, MONEY_TYPE, TEXT_TYPE

REQUIRED = ("REDTRACK_API_KEY",)
RATE_LIMIT = RateLimit(calls=20, seconds=60.0)
PAGE_ROWS = 1000
PAGE_CAP = 200
SLICE_DAYS = 40  # the initial history in one request

# column of redtrack.daily_spend -> its type; RedTrack's metrics have the same names
METRICS = {
    "clicks": COUNT_TYPE,
    "unique_clicks": COUNT_TYPE,
    "impressions": COUNT_TYPE,
    "lp_views": COUNT_TYPE,
    "lp_clicks": COUNT_TYPE,
    "conversions": COUNT_TYPE,
    "total_conversions": COUNT_TYPE,
    "approved": COUNT_TYPE,
    "pending": COUNT_TYPE,
    "declined": COUNT_TYPE,
    "other": COUNT_TYPE,
    "cost": MONEY_TYPE,
    "revenue": MONEY_TYPE,
    "total_revenue": MONEY_TYPE,
    "pub_revenue": MONEY_TYPE,
}
CLIENT_COLUMN = {"_client_id": {**TEXT_TYPE, "nullable": False}}
COLUMNS = {
    **CLIENT_COLUMN,
    "date": DATE_TYPE,
    "source_id": TEXT_TYPE,
    "source_name": TEXT_TYPE,
    "source_alias": TEXT_TYPE,
    **METRICS,
}
CONTROLLED = ("clicks", "conversions", "cost")

_TIMES = {name: Field(name, INSTANT_TYPE) for name in ("created_at", "updated_at")}
# table -> its fields, the first being the id. A status is a number here and a word there: text.
LISTS = {
    "campaigns": {
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
    },
    "sources": {
        "id": Field("id", TEXT_TYPE),
        "title": Field("title", TEXT_TYPE),
        "alias": Field("alias", TEXT_TYPE),
        "status": Field("status", TEXT_TYPE),
        "type": Field("type", TEXT_TYPE),
        "currency": Field("currency", TEXT_TYPE),
        **_TIMES,
    },
}
RESOURCES = ("daily_spend", *LISTS)
