"""Names of brands in messages about all brands of a client."""

from __future__ import annotations

from reports.model import Row, Subject
from reports.shared.text import clean

NAME_LIMIT = 60
NO_BRAND = "No brand"


def brand_name(subject: Subject, row: Row) -> str:
    """A brand's name for the client, else in Everflow."""
    if row["advertiser_id"] is None:
        return NO_BRAND
    known = subject.brands.get(row["advertiser_id"])
    return known or clean(row["advertiser_label"] or "", NAME_LIMIT) or f"{row['advertiser_id']}"
