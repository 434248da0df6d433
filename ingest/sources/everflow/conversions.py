"""Everflow's conversions, one by one, by the business day on which they happened."""

from __future__ import annotations

from datetime import date
from typing import Any

from ingest.columns import by_key, read_fields, text_columns, unknown_fields
from ingest.http import VendorClient
from ingest.landing import Landing, Pull, Row
from ingest.privacy.rows import Protection
from ingest.replacement import landing_by_day
from ingest.sources.everflow.client import pages
from ingest.sources.everflow.settings import (
    CONVERSION_COLUMNS,
    CONVERSION_CONTROLLED,
    CONVERSION_FIELDS,
    CONVERSION_PAGE_ROWS,
)
from ingest.windows import days
from signalroom import clock
from signalroom.errors import AnswerError


def conversions_landing(http: VendorClient, pull: Pull, zone_id: int) -> Landing:
    """The conversions of every day of the window; the days are replaced whole."""
    rows: list[Row] = []
    for day in days(pull.window):
        rows += _of_day(http, pull, day, zone_id)
        pull.say(f"conversions {day}: {len(rows):,} rows")
    protection = Protection("everflow", "conversions", pull.client_id)
    kept = protection.rows(rows)
    declared = protection.columns(CONVERSION_COLUMNS)
    columns = {**declared, **text_columns(kept, declared)}
    return landing_by_day("conversions", pull, kept, columns, CONVERSION_CONTROLLED)


def _of_day(http: VendorClient, pull: Pull, day: date, zone_id: int) -> list[Row]:
    """The day's conversions, each once: a row that arrives between two pages shifts the others."""
    asked = {
        "from": f"{day} 00:00:00",
        "to": f"{day} 23:59:59",
        "timezone_id": zone_id,
        "show_conversions": True,
        "show_events": False,
        "query": {"filters": [], "search_terms": []},
    }
    found = pages(
        pull,
        "conversions",
        CONVERSION_PAGE_ROWS,
        # in the body the paging would be ignored
        lambda paging: http.post("/networks/reporting/conversions", asked, paging),
    )
    return by_key([_row(pull, day, entry) for page in found for entry in page], "conversion_id")


def _row(pull: Pull, day: date, entry: dict[str, Any]) -> Row:
    where = f"everflow for client {pull.client_id}, conversions of {day}"
    row = read_fields(entry, CONVERSION_FIELDS, where)
    moment = row["conversion_at"]
    if row["conversion_id"] is None or moment is None:
        raise AnswerError(
            f"everflow for client {pull.client_id}, {day}: a conversion has no id or no time; "
            "nothing was loaded."
        )
    if clock.local_date(moment) != day:
        raise AnswerError(
            f"everflow for client {pull.client_id}: asked for conversions of {day}, answered for "
            f"{moment:%Y-%m-%d %H:%M} UTC; nothing was loaded."
        )
    return {
        "_client_id": pull.client_id,
        "date": day,
        **row,
        **unknown_fields(entry, CONVERSION_FIELDS),
    }
