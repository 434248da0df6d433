"""All of our tables, on any of the three engines: one METADATA, which migrations keep up to date.

WAREHOUSE tables are in schema `ops` of the warehouse, next to the rows that they are about; the
others in the run database: also schema `ops` on PostgreSQL, an SQLite file next to DuckDB. Rows for
all clients have `*` as their `_client_id`.

A new table is defined here; a new column, at the end of its table, needs a step of migrations.
"""

from __future__ import annotations

import importlib
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from signalroom.instant import Instant
from signalroom.versioned import PULL_COLUMNS, VERSIONED, versions_name

Database = Literal["warehouse", "runs"]
METADATA = sa.MetaData()
WAREHOUSE: dict[str, Any] = {"info": {"database": "warehouse"}}
ALL_CLIENTS = "*"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _instant(name: str) -> sa.Column[datetime]:
    return sa.Column(name, Instant, nullable=False)


def for_all_clients() -> sa.Column[str]:
    return sa.Column("_client_id", sa.Text, server_default=ALL_CLIENTS)


def without_client(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns of a table whose rows are all for all clients."""
    return [column for column in table.columns if column.name != "_client_id"]


def tables(database: Database) -> list[sa.Table]:
    """The tables of the warehouse, or those of the run database; `migrations` is in both."""
    for name in (
        "load_tables",
        "watch_tables",
        "history_tables",
    ):  # which add their own to METADATA
        importlib.import_module(f"signalroom.{name}")
    return [
        table
        for table in METADATA.sorted_tables
        if table is MIGRATIONS or table.info.get("database", "runs") == database
    ]


MIGRATIONS = sa.Table(
    "migrations",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    _text("name"),
    sa.Column("is_breaking", sa.Boolean, nullable=False),
    _instant("applied_at"),
    for_all_clients(),
)

# --- the run database: runs and their steps, messages, incidents -------------------------------

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("dedupe_key", sa.Text, nullable=False, unique=True),
    _text("job"),
    _instant("scheduled_for"),
    sa.Column("day", sa.Date, nullable=False),
    _text("trigger"),
    _text("status"),
    sa.Column("owner", sa.Text),
    sa.Column("leased_until", Instant),
    _instant("created_at"),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("resume_at", Instant),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    for_all_clients(),
    sa.Index("runs_by_job", "job", "scheduled_for"),
    sa.Index("runs_by_status", "status"),
)

STEPS = sa.Table(
    "steps",
    METADATA,
    sa.Column("run_id", sa.Text, sa.ForeignKey(RUNS.c.run_id), primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    _text("status"),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("since", sa.Date),  # the first day that the pull covers, also when resumed
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("next_at", Instant),
    sa.Column("rows", sa.BigInteger),
    _text("detail"),
    sa.Column("error", sa.Text),
    sa.Column("log", sa.Text),
    for_all_clients(),
)

BEATS = sa.Table(
    "beats",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    _instant("at"),
    _text("owner"),
    sa.Column("pid", sa.Integer, nullable=False),
    _instant("started_at"),
    for_all_clients(),
)

PAUSED_JOBS = sa.Table(
    "paused_jobs",
    METADATA,
    sa.Column("job", sa.Text, primary_key=True),
    _instant("since"),
    sa.Column("until", Instant),  # when the pause ends automatically
    sa.Column("reason", sa.Text),
    for_all_clients(),
)

OUTBOX = sa.Table(
    "outbox",
    METADATA,
    sa.Column("dedupe_key", sa.Text, primary_key=True),
    _text("report"),
    _text("_client_id"),
    sa.Column("period", sa.Date, nullable=False),
    _text("edition"),
    sa.Column("number", sa.Integer, nullable=False),
    _text("channel"),
    _text("recipient"),
    _text("payload"),
    _text("payload_hash"),
    _text("told"),
    _text("status"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("provider_id", sa.Text),
    sa.Column("reason", sa.Text),
    _instant("created_at"),
    sa.Column("next_at", Instant),
    sa.Column("sent_at", Instant),
    sa.Column("reported_at", Instant),  # sent_at in business time, which differs in rehearsals
    sa.Index("outbox_by_period", "report", "_client_id", "period"),
    sa.Index("outbox_by_creation", "created_at"),
)

# the numbers of each message, written with it; they count once delivered
REPORTED_FIGURES = sa.Table(
    "reported_figures",
    METADATA,
    sa.Column("dedupe_key", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    _text("_client_id"),
    _text("metric"),
    _text("keys"),  # JSON, sorted by name
    _text("value"),  # the exact number
    _instant("as_of"),  # business time of the rows it was made from
    sa.Index("reported_figures_by_metric", "_client_id", "metric", "keys"),
)

INCIDENTS = sa.Table(
    "incidents",
    METADATA,
    sa.Column("incident_id", sa.Text, primary_key=True),
    _text("kind"),
    _text("_client_id"),
    _text("subject"),
    _text("severity"),
    _text("title"),
    _text("detail"),
    _text("repair"),
    sa.Column("channels", sa.Text),
    _instant("opened_at"),
    _instant("last_at"),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("rounds", sa.Integer, nullable=False),
    sa.Column("settled_at", Instant),
    sa.Column("told_at", Instant),
    sa.Column("due_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    # The fingerprint while it is open: two processes cannot open the same incident.
    sa.Column("open_key", sa.Text, unique=True),
    sa.Column("cause", sa.Text),  # what messages are grouped by
    sa.Column("group_id", sa.Text),  # incidents with the same cause that share messages
    sa.Index("incidents_by_fingerprint", "kind", "_client_id", "subject"),
    sa.Index("incidents_by_due", "due_at"),
)

SOURCE_FRESHNESS = sa.Table(  # copied from ops.loads and ops.sources when last readable
    "source_freshness",
    METADATA,
    sa.Column("_client_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("table_name", sa.Text, primary_key=True),  # empty: nothing was loaded yet
    _text("state"),  # on, off or paused
    sa.Column("as_of", Instant),
    sa.Column("is_simulated", sa.Boolean, nullable=False),
    _instant("recorded_at"),
)

OPEN_DEAD_LETTERS = sa.Table(
    "open_dead_letters",
    METADATA,
    sa.Column("_client_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("letters", sa.Integer, nullable=False),
)

FILE_PROBLEMS = sa.Table(  # files that were not loaded, or not completely, until they are replaced
    "file_problems",
    METADATA,
    sa.Column("_client_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("file_name", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
)

# --- the warehouse: what was loaded, next to the rows --------------------------------------------

SCHEMAS = sa.Table(  # schemas created by our loads
    "schemas",
    METADATA,
    _text("schema_name"),
    _instant("claimed_at"),
    for_all_clients(),
    **WAREHOUSE,
)

ORIGIN = sa.Table(  # one row, real or simulated: the two are never mixed
    "origin", METADATA, _text("origin"), for_all_clients(), **WAREHOUSE
)

SOURCES = sa.Table(
    "sources",
    METADATA,
    sa.Column("_client_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    _text("state"),  # on, off or paused
    _instant("since"),
    sa.Column("until", Instant),  # when a pause ends by itself
    sa.Column("reason", sa.Text),
    **WAREHOUSE,
)

FORGOTTEN_PEOPLE = sa.Table(  # people who asked to be forgotten, as the hash that loads check
    "forgotten",
    METADATA,
    *(sa.Column("hash", sa.Text, primary_key=True), _instant("forgotten_at"), for_all_clients()),
    **WAREHOUSE,
)

LOADS = sa.Table(
    "loads",
    METADATA,
    _text("_client_id"),
    _text("source"),
    _text("table_name"),
    sa.Column("load_id", sa.Text),
    _instant("loaded_at"),
    _instant("as_of"),
    sa.Column("window_start", sa.Date),
    sa.Column("window_end", sa.Date),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    **WAREHOUSE,
)

CONTROL_TOTALS = sa.Table(
    "control_totals",
    METADATA,
    _text("_client_id"),
    _text("source"),
    _text("table_name"),
    _text("partition_key"),
    sa.Column("day", sa.Date),
    _text("measure"),
    sa.Column("total", sa.Numeric(38, 18), nullable=False),
    _instant("as_of"),
    sa.Column("is_closed", sa.Boolean, nullable=False),
    _instant("loaded_at"),
    sa.Column("digest", sa.Text),
    **WAREHOUSE,
)

FILE_LEDGER = sa.Table(
    "file_ledger",
    METADATA,
    _text("_client_id"),
    _text("source"),
    _text("table_name"),
    _text("file_name"),
    _text("etag"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    _instant("modified_at"),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    sa.Column("rejected_rows", sa.BigInteger, nullable=False),
    sa.Column("header", sa.Text),
    _text("status"),
    sa.Column("reason", sa.Text),
    sa.Column("load_id", sa.Text),
    _instant("loaded_at"),
    **WAREHOUSE,
)

BUILDS = sa.Table(  # the last successful full build, for transform/changed.py
    "builds", METADATA, _instant("built_at"), _text("known"), for_all_clients(), **WAREHOUSE
)

DEAD_LETTERS = sa.Table(
    "dead_letters",
    METADATA,
    _text("dead_letter_id"),
    _text("_client_id"),
    _text("source"),
    _text("table_name"),
    _text("partition_key"),
    sa.Column("line_number", sa.BigInteger),
    _text("reason"),
    sa.Column("payload", sa.Text),
    sa.Column("load_id", sa.Text),
    _instant("created_at"),
    sa.Column("resolved_at", Instant),
    sa.Column("resolution", sa.Text),
    **WAREHOUSE,
)

# --- the version ledger: every value that raw rows ever had ------------------------------------

for _raw, (_key, _others) in VERSIONED.items():
    _table = sa.Table(
        versions_name(_raw),
        METADATA,
        _text("_client_id"),
        *(sa.Column(name, kind) for name, kind in {**_key, **_others}.items()),
        sa.Column("load_id", sa.Text),
        _instant("known_from"),  # business time, UTC
        sa.Column("is_removed", sa.Boolean, nullable=False),
        **WAREHOUSE,
    )
    sa.Index(
        f"{versions_name(_raw)}_by_client",
        _table.c["_client_id"],
        *([_table.c["date"]] if "date" in _key else []),
    )

_columns = (sa.Column(name, kind, nullable=False) for name, kind in PULL_COLUMNS.items())
PULLS = sa.Table("pulls", METADATA, _text("_client_id"), *_columns, **WAREHOUSE)

REPORTED_DAYS = sa.Table(  # each brand's day as last reported in messages; copied here by builds
    "reported_days",
    METADATA,
    _text("_client_id"),
    sa.Column("date", sa.Date, nullable=False),
    sa.Column("advertiser_id", sa.BigInteger),
    _instant("as_of"),
    _instant("reported_at"),
    **WAREHOUSE,
)

CLIENT_FILE_VERSIONS = sa.Table(  # each version of a client's file that a build read
    "client_file_versions",
    METADATA,
    _text("_client_id"),
    _text("file_name"),
    _text("content_hash"),
    sa.Column("content", sa.Text),
    sa.Column("is_usable", sa.Boolean, nullable=False),
    sa.Column("commit_id", sa.Text),
    _instant("known_from"),  # business time
    _instant("recorded_at"),  # real clock
    **WAREHOUSE,
)

COMPARED_DAYS = sa.Table(  # the newest verdict of `signalroom compare` for each day
    "compared_days",
    METADATA,
    _text("_client_id"),
    sa.Column("date", sa.Date, nullable=False),
    _text("verdict"),
    sa.Column("gaps", sa.Integer, nullable=False),
    _instant("compared_at"),
    **WAREHOUSE,
)
