"""PostHog: its variables, limits and tables, as plain data."""

from signalroom.settings import require

TITLE = "PostHog"
VARIABLES = {
    "POSTHOG_API_KEY": {
        "secret": True,
        "shared": True,
        "about": "personal key with query:read, feature_flag:read, experiment:read",
    },
    "POSTHOG_PROJECT_ID": {"about": "number of the project"},
    "POSTHOG_HOST": {
        "shared": True,
        "default": "https://us.posthog.com",
        "about": "address of the instance",
    },
}
REQUIRED = ("POSTHOG_API_KEY", "POSTHOG_PROJECT_ID")
# table -> what is replaced together
TABLES = {"events": "day", "feature_flags": "whole", "experiments": "whole"}

RATE_LIMIT = (200, 60.0)  # calls, seconds; 240 a minute; beyond the hourly limit it answers 429
SLICE_DAYS = 7
PAGE_ROWS = 10_000  # the vendor's maximum is 50,000
LIST_PAGE_ROWS = 100
PAGE_CAP = 2000


def account(client_id: str) -> str:
    """What identifies the account: the instance and the project."""
    host = require("POSTHOG_HOST", client_id).rstrip("/")
    return f"{host} {require('POSTHOG_PROJECT_ID', client_id)}"
