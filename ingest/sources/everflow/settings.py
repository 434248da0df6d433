"""Everflow: constants."""

from ingest.http import RateLimit
from ingest.numbers import COUNT_TYPE, DATE_TYPE, MONEY_TYPE, TEXT_TYPE

REQUIRED = ("EVERFLOW_API_KEY",)
RATE_LIMIT = RateLimit(calls=20, seconds=1.0)  # documented as 30/s, on an older page as 20/s
CURRENCY = "USD"
SLICE_DAYS = 31
ROW_CAP = 10_000
KNOWN_TIMEZONES = {"UTC": 67, "America/New_York": 80}  # the two ids that the vendor documents

# column of everflow.daily_stats -> Everflow's metric and the column's type
METRICS = {
    "imp": ("imp", COUNT_TYPE),
    "clicks": ("total_click", COUNT_TYPE),
    "unique_clicks": ("unique_click", COUNT_TYPE),
    "invalid_clicks": ("invalid_click", COUNT_TYPE),
    "duplicate_clicks": ("duplicate_click", COUNT_TYPE),
    "gross_clicks": ("gross_click", COUNT_TYPE),
    "conversions": ("cv", COUNT_TYPE),
    "total_conversions": ("total_cv", COUNT_TYPE),
    "view_through_conversions": ("view_through_cv", COUNT_TYPE),
    "scrubbed_conversions": ("invalid_cv_scrub", COUNT_TYPE),
    "events": ("event", COUNT_TYPE),
    "revenue": ("revenue", MONEY_TYPE),
    "payout": ("payout", MONEY_TYPE),
    "event_revenue": ("event_revenue", MONEY_TYPE),
    "gross_sales": ("gross_sales", MONEY_TYPE),
}
COLUMNS = {
    "_client_id": {**TEXT_TYPE, "nullable": False},
    "date": DATE_TYPE,
    "affiliate_id": COUNT_TYPE,
    "affiliate_label": TEXT_TYPE,
    "advertiser_id": COUNT_TYPE,
    "advertiser_label": TEXT_TYPE,
    **{name: kind for name, (_, kind) in METRICS.items()},
    "profit": MONEY_TYPE,
}
CONTROLLED = ("clicks", "conversions", "revenue", "payout")
