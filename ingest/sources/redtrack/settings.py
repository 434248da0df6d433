"""RedTrack: its variables, limits and tables, as plain data."""

from signalroom.settings import require

TITLE = "RedTrack"
VARIABLES = {
    "REDTRACK_API_KEY": {"secret": True, "about": "API key of the account"},
    "REDTRACK_BASE_URL": {
        "shared": True,
        "default": "https://api.redtrack.io",
        "about": "address of the API",
    },
}
REQUIRED = ("REDTRACK_API_KEY",)
# table -> what is replaced together
TABLES = {
    "daily_spend": "day",
    "campaign_spend": "day",
    "conversions": "day",
    "campaigns": "whole",
    "sources": "whole",
    "offers": "whole",
}

RATE_LIMIT = (60, 60.0)  # calls, seconds; not documented, others report one or two a second
PATH_LIMITS = {"/report": (20, 60.0)}
PAGE_ROWS = 1000
PAGE_SIZES = (PAGE_ROWS, 700, 530)  # page sizes of a list that is read again
CONVERSION_PAGE_SIZES = (5000, 3300, 2100)  # the vendor's maximum is 10,000
PAGE_CAP = 200
CURRENCY = "USD"
SLICE_DAYS = 40  # the initial history in one request


def account(client_id: str) -> str:
    """What identifies the account behind a client's credentials."""
    return require("REDTRACK_API_KEY", client_id)
