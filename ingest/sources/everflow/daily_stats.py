"""Everflow's aggregated table: one request and its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.columns import read_fields, unknown_fields
from ingest.http import VendorClient
from ingest.landing import Pull, Row, Window
from ingest.sources.everflow.client import report_date
from ingest.sources.everflow.settings import CURRENCY, DERIVED, METRICS, ROW_CAP
from ingest.values import EXACT
from signalroom.errors import AnswerError

Entry = dict[str, Any]
COLUMNS_ASKED = ("date", "affiliate", "advertiser")


def ask_table(
    http: VendorClient,
    pull: Pull,
    window: Window,
    zone_id: int,
    columns: Sequence[str] = COLUMNS_ASKED,
    filters: Mapping[str, int] | None = None,
) -> tuple[list[Entry], bool]:
    """The table's entries by those columns, and whether the vendor cut some off.

    `filters` are ids by kind. AnswerError for an answer without a table.
    """
    asked = {
        "from": window.start.isoformat(),
        "to": window.end.isoformat(),
        "timezone_id": zone_id,
        "currency_id": CURRENCY,
        "columns": [{"column": name} for name in columns],
        "query": {
            # in any other shape a filter would be ignored without a word
            "filters": [
                {"resource_type": kind, "filter_id_value": str(number)}
                for kind, number in (filters or {}).items()
            ],
            "exclusions": [],
            "metric_filters": [],
            "user_metrics": [],
            "settings": {},
        },
    }
    answer = http.post("/networks/reporting/entity/table", asked)
    table = answer.get("table") if isinstance(answer, dict) else None
    if isinstance(table, dict):  # the partner portal nests one level deeper
        table = table.get("rows")
    if not isinstance(table, list):
        raise AnswerError(
            f"everflow for client {pull.client_id}, {window}: the answer has no table; "
            "nothing was loaded.",
            answer,
        )
    return table, bool(answer.get("incomplete_results")) or len(table) >= ROW_CAP


def daily_row(pull: Pull, window: Window, entry: Entry) -> Row:
    """One row of the table; AnswerError for one that is incomplete or outside the window."""
    try:
        columns = {column["column_type"]: column for column in entry["columns"]}
        reporting = entry["reporting"]
        row: Row = {
            "_client_id": pull.client_id,
            "date": report_date(columns["date"]),
            "affiliate_id": number_of(columns["affiliate"]),
            "affiliate_label": columns["affiliate"].get("label"),
            "advertiser_id": number_of(columns["advertiser"]),
            "advertiser_label": columns["advertiser"].get("label"),
        }
        if not isinstance(reporting, Mapping):
            raise TypeError("its measures")
        row |= read_fields(reporting, METRICS, f"everflow for client {pull.client_id}, {window}")
        further = {name: reporting[name] for name in reporting.keys() - DERIVED}
    except (KeyError, TypeError, AttributeError) as error:
        raise AnswerError(
            f"everflow for client {pull.client_id}: a row lacks {error}; nothing was loaded.",
            entry,
        ) from None
    if not window.start <= row["date"] <= window.end:
        raise AnswerError(
            f"everflow for client {pull.client_id}: asked for {window}, answered for "
            f"{row['date']}; nothing was loaded.",
            entry,
        )
    revenue, payout = row["revenue"], row["payout"]
    known = revenue is not None and payout is not None
    row["profit"] = EXACT.subtract(revenue, payout) if known else None
    return {**unknown_fields(further, METRICS), **row}


def number_of(column: Mapping[str, Any]) -> int:
    """The id of a column, which comes as text."""
    try:
        return int(str(column["id"]))
    except ValueError:
        raise AnswerError(
            f"everflow: the {column['column_type']} id {column['id']!r} is no number; "
            "nothing was loaded."
        ) from None
