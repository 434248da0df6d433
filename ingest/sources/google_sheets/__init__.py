"""Google Sheets: data that people maintain in spreadsheets, such as targets.

Data flow: GET /v4/spreadsheets/<id>/values:batchGet -> a table for each configured range
Sheets do not mark changes, and anyone may edit the past: each successful read replaces a range as a
whole. Every column is text: a column can mix types row by row, and text holds them all. Numbers
have every digit, dates are serial numbers (days since 1899-12-30), flags true or false.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import dlt

from ingest.columns import TEXT_TYPE
from ingest.model import FileRecord, Found, Plan, Pull, Row
from ingest.resources import SOURCE, plain_pull, whole_list
from ingest.sources.google_sheets.client import Spreadsheets
from ingest.sources.google_sheets.settings import SheetRange, ranges, refuse_shared_tabs
from ingest.sources.google_sheets.table import (
    META_COLUMNS,
    Table,
    check,
    fingerprint,
    table_of,
    written,
)
from signalroom.plural import counted


@dlt.source(**SOURCE)
def google_sheets(
    client_id: str | None = None,
    start: str | date | None = None,  # every source takes both arguments; a range has no days
    end: str | date | None = None,
    credentials_json: str | None = None,
    base_url: str | None = None,
    pull: Pull | None = None,
) -> Any:
    """One client's ranges, a table each. Calling it makes no request.

    Missing arguments come from the environment; `pull` replaces them in `ingest.pull`.
    """
    pull = pull or plain_pull(
        "google_sheets",
        client_id,
        None,
        None,
        GOOGLE_SHEETS_CREDENTIALS_JSON=credentials_json,
        GOOGLE_SHEETS_BASE_URL=base_url,
    )
    chosen = _chosen(pull)
    spreadsheets = Spreadsheets(pull, chosen)
    return [sheet(pull, one, spreadsheets, name=one.table) for one in chosen]


def plan(pull: Pull) -> Plan:
    """One request for the token and one for each spreadsheet."""
    chosen = _chosen(pull)
    spreadsheets = {one.spreadsheet_id for one in chosen}
    return Plan(tuple(one.table for one in chosen), 0, 1 + len(spreadsheets), 0)


def _chosen(pull: Pull) -> list[SheetRange]:
    refuse_shared_tabs(pull.client_id)
    return [one for one in ranges(pull.client_id) if one.table in pull.resources]


@whole_list(columns=META_COLUMNS)
def sheet(pull: Pull, one: SheetRange, spreadsheets: Spreadsheets) -> Found:
    """The rows of one range; the file ledger has an entry for it, with its header."""
    found = table_of(spreadsheets.grid(one), f"{pull}, {one.table}")
    known = pull.known_files.get((one.table, one.key))
    if found.columns:  # an empty range has no header to compare
        check(pull, one.table, found.columns, known)
    if found.errors:
        pull.notice(
            f"{one.table}: {counted(found.errors, 'cell holds', 'cells hold')} an error (#N/A) or "
            "Loading...; read as blank"
        )
    pull.say(f"{one.table}: {counted(len(found.rows), 'row')}")
    names = written(found.columns) if found.columns else (known.header if known else "")
    pull.metrics.files.append(_record(pull, one, found, names))
    rows: list[Row] = [{"_client_id": pull.client_id, **row} for row in found.rows]
    return Found(rows, dict.fromkeys(found.columns, TEXT_TYPE))


def _record(pull: Pull, one: SheetRange, found: Table, names: str) -> FileRecord:
    return FileRecord(
        file_name=one.key,
        etag=fingerprint(found.columns),
        size_bytes=0,
        modified_at=pull.as_of,
        status="loaded",
        row_count=len(found.rows),
        header=names,
    )
