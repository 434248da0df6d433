"""Mautic: its variables and tables, as plain data."""

from signalroom.settings import require

TITLE = "Mautic"
VARIABLES = {
    "MAUTIC_BASE_URL": {"about": "address of the instance"},
    "MAUTIC_CLIENT_ID": {"about": "id of an OAuth2 client with the grant client_credentials"},
    "MAUTIC_CLIENT_SECRET": {"secret": True, "about": "its secret"},
}
REQUIRED = ("MAUTIC_BASE_URL", "MAUTIC_CLIENT_ID", "MAUTIC_CLIENT_SECRET")
# table -> what is replaced together
TABLES = {"contacts": "whole", "emails": "whole", "campaigns": "whole", "email_stats": "day"}

PAGE_ROWS = 500
ROWS_IN_COMMON = 10  # of two pages in succession
PAGE_CAP = 5000


def account(client_id: str) -> str:
    """What identifies the account: the address of the instance, without a path."""
    return require("MAUTIC_BASE_URL", client_id).rstrip("/").removesuffix("/api")
