"""Everflow: its variables, limits and tables, as plain data."""

from signalroom.settings import require

TITLE = "Everflow"
VARIABLES = {
    "EVERFLOW_API_KEY": {"secret": True, "about": "network API key, permission Reporting at least"},
    "EVERFLOW_BASE_URL": {
        "shared": True,
        "default": "https://api.eflow.team",
        "about": "address of the API",
    },
    "EVERFLOW_CLICKS": {
        "shared": True,
        "default": "off",
        "about": "set to on to load every single click too, into everflow.clicks; a large table",
    },
}
REQUIRED = ("EVERFLOW_API_KEY",)
# table -> what is replaced together
TABLES = {
    "daily_stats": "day",
    "conversions": "day",
    "adjustments": "day",
    "affiliates": "whole",
    "advertisers": "whole",
    "offers": "whole",
    "tracking_codes": "whole",
    "clicks": "day",
}
OPTIONAL = {"clicks": "EVERFLOW_CLICKS"}

BACKFILL_DAYS = 90  # 100 requests, four seconds; each slice costs a load and a pause
RATE_LIMIT = (29, 1.0)  # calls, seconds; documented as 30/s, less a margin for differing clocks
REQUESTS_AT_ONCE = 10  # of reports
ROWS_HELD = 7_500  # of the days requested at once: a conversion takes 10 kB while it is read
FEW_DAYS = 7  # sequential; the hourly pull would gain nothing
CURRENCY = "USD"
ADJUSTMENT_SLICE_DAYS = 365
SLICE_DAYS = 40  # the initial history in one request
ROW_CAP = 10_000
UTC_ZONE = "UTC"
KNOWN_TIMEZONES = {UTC_ZONE: 67, "America/New_York": 80}  # the two ids that the vendor documents

# Single events. Days that the vendor no longer keeps are not requested: its empty answer would
# clear them. It keeps conversions for 365 days and clicks for 3 months, less a day to be safe.
CONVERSION_PAGE_ROWS = 2000
CONVERSION_DAYS_KEPT = 364
CLICK_ROW_CAP = 10_000
CLICK_SLICE_DAYS = 13  # the vendor's maximum is 14, and the day of a clock change has 25 hours
CLICK_DAYS_KEPT = 88
LIST_PAGE_ROWS = 500
CODES_PER_REQUEST = 500
PAGE_CAP = 1000


def account(client_id: str) -> str:
    """What identifies the account behind a client's credentials."""
    return require("EVERFLOW_API_KEY", client_id)
