"""RedTrack: constants."""

from ingest.http import RateLimit
from ingest.numbers import COUNT_TYPE, DATE_TYPE, MONEY_TYPE, TEXT_TYPE

REQUIRED = ("REDTRACK_API_KEY",)
RATE_LIMIT = RateLimit(calls=20, seconds=60.0)
PAGE_ROWS = 1000
PAGE_CAP = 200
SLICE_DAYS = 31

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
COLUMNS = {
    "_client_id": {**TEXT_TYPE, "nullable": False},
    "date": DATE_TYPE,
    "source_id": TEXT_TYPE,
    "source_name": TEXT_TYPE,
    "source_alias": TEXT_TYPE,
    **METRICS,
}
CONTROLLED = ("clicks", "conversions", "cost")
