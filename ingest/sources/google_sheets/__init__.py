"""Google Sheets: what people keep in spreadsheets, such as targets.

Data flow: GET /v4/spreadsheets/<id>/values:batchGet -> a table for each configured range
There is no mark of a change, and anyone may edit the past: each successful read replaces a range
as a whole. Every column is text: a column can mix types row by row, and text keeps them all.
Numbers have every digit, dates are serial numbers (days since 1899-12-30), flags true or false.
"""

from __future__ import annotations

from ingest.landing import FileRecord, Landing, Plan, Pull, Row, Source
from ingest.privacy.rows import Protection
from ingest.replacement import landing_whole
from ingest.sources.google_sheets import table as header
from ingest.sources.google_sheets.client import Spreadsheets
from ingest.sources.google_sheets.ranges import SheetRange, ranges, refuse_shared_tabs
from ingest.sources.google_sheets.settings import META_COLUMNS, REQUIRED
from ingest.sources.google_sheets.table import Table, table_of
from ingest.tables import read_tables
from ingest.values import TEXT_TYPE


def extract(pull: Pull) -> list[Landing]:
    """A landing for each range asked for; one that cannot be read keeps what it had."""
    asked = _asked(pull)
    with Spreadsheets(pull, list(asked.values())) as spreadsheets:
        return read_tables(pull, lambda table: _landing(pull, asked[table], spreadsheets))


def plan(pull: Pull) -> Plan:
    """One request for the token and one for each spreadsheet."""
    asked = _asked(pull)
    spreadsheets = {one.spreadsheet_id for one in asked.values()}
    return Plan(tuple(asked), 0, 1 + len(spreadsheets), 0)


def _asked(pull: Pull) -> dict[str, SheetRange]:
    refuse_shared_tabs(pull.client_id)
    return {one.table: one for one in ranges(pull.client_id) if one.table in pull.resources}


def _landing(pull: Pull, one: SheetRange, spreadsheets: Spreadsheets) -> Landing:
    where = f"google_sheets for client {pull.client_id}, {one.table}"
    found = table_of(spreadsheets.grid(one), where)
    known = pull.known_files.get((one.table, one.key))
    if found.columns:  # an empty range has no header that could differ
        header.check(pull.client_id, one.table, found.columns, known, pull.notice)
    if found.errors:
        pull.notice(f"{one.table}: {found.errors:,} cells hold an error (#N/A); they are null")
    pull.say(f"{one.table}: {len(found.rows):,} rows")
    protection = Protection("google_sheets", one.table, pull.client_id)
    rows: list[Row] = protection.rows([{"_client_id": pull.client_id, **row} for row in found.rows])
    columns = {**META_COLUMNS, **dict.fromkeys(found.columns, TEXT_TYPE)}
    landing = landing_whole(one.table, pull, rows, protection.columns(columns))
    names = header.written(found.columns) if found.columns else (known.header if known else "")
    landing.files = [_record(pull, one, found, names)]
    return landing


def _record(pull: Pull, one: SheetRange, found: Table, names: str) -> FileRecord:
    """The range in the ledger of files: there its header is remembered."""
    return FileRecord(
        file_name=one.key,
        etag=header.fingerprint(found.columns),
        size_bytes=0,
        modified_at=pull.as_of,
        status="loaded",
        row_count=len(found.rows),
        header=names,
    )


def _account(client_id: str) -> str:
    return "\n".join(sorted(one.key for one in ranges(client_id)))


SOURCE = Source(
    name="google_sheets",
    title="Google Sheets",
    resources=(),
    required=REQUIRED,
    account=_account,
    extract=extract,
    plan=plan,
    tables=lambda client_id: tuple(one.table for one in ranges(client_id)),
)
