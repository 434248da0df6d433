"""Tables of the product's own history.

Pulls are in the run database, the rest in the warehouse for models (transform/history.py).
No table has messages, recipients or vendors' rows. Those in the warehouse have no keys: DuckDB
refuses to delete and insert the same one in a transaction.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from signalroom.instant import Instant
from signalroom.tables import ALL_CLIENTS, METADATA, WAREHOUSE


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _for_all_clients() -> sa.Column[Any]:
    return sa.Column("_client_id", sa.Text, nullable=False, server_default=ALL_CLIENTS)


def _of_pull() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("run_id", sa.Text),  # null for a pull by command
        _text("_client_id"),
        _text("source"),
        sa.Column("day", sa.Date, nullable=False),  # business day
        _text("status"),  # loaded, partly, deferred or failed
        sa.Column("error_class", sa.Text),
        _count("rows"),
        _count("changed"),  # days and files that differ from the last load
        _count("rejected_rows"),
        _count("requests"),
        _count("wait_ms"),  # for the vendor's rate limit
        _count("took_ms"),
        sa.Column("ended_at", Instant, nullable=False),
    )


PULL_LOG = sa.Table(  # each finished pull, of runs and of commands
    "pull_log",
    METADATA,
    sa.Column("pull_id", sa.Text, primary_key=True),
    *_of_pull(),
    _text("tables"),  # JSON: rows by table
    sa.Index("pull_log_by_end", "ended_at"),
)

HISTORY_RUNS = sa.Table(
    "history_runs",
    METADATA,
    _text("run_id"),
    _for_all_clients(),
    _text("job"),
    _text("trigger"),
    sa.Column("scheduled_for", Instant, nullable=False),  # business time
    sa.Column("day", sa.Date, nullable=False),
    _text("status"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    _count("attempts"),
    sa.Column("error", sa.Text),
    **WAREHOUSE,
)

HISTORY_STEPS = sa.Table(
    "history_steps",
    METADATA,
    _text("run_id"),
    _text("step"),
    _for_all_clients(),
    _count("position"),
    _text("status"),
    _count("attempts"),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("rows", sa.BigInteger),
    sa.Column("error", sa.Text),
    **WAREHOUSE,
)

HISTORY_PULLS = sa.Table("history_pulls", METADATA, _text("pull_id"), *_of_pull(), **WAREHOUSE)

HISTORY_PULLED_TABLES = sa.Table(
    "history_pulled_tables",
    METADATA,
    _text("pull_id"),
    _text("_client_id"),
    _text("table_name"),
    _count("rows"),
    **WAREHOUSE,
)

HISTORY_NODES = sa.Table(  # models, seeds and tests of each build
    "history_nodes",
    METADATA,
    _text("build_id"),
    _text("node"),
    _for_all_clients(),
    _text("kind"),
    _text("name"),
    sa.Column("run_id", sa.Text),
    sa.Column("day", sa.Date, nullable=False),
    _text("status"),
    _count("took_ms"),
    sa.Column("ended_at", Instant, nullable=False),
    **WAREHOUSE,
)

HISTORY_DELIVERIES = sa.Table(
    "history_deliveries",
    METADATA,
    _text("message_id"),
    _text("_client_id"),
    _text("report"),
    sa.Column("period", sa.Date, nullable=False),
    _text("edition"),
    _text("channel"),
    _text("status"),
    _count("attempts"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("sent_at", Instant),
    **WAREHOUSE,
)

HISTORY_INCIDENTS = sa.Table(
    "history_incidents",
    METADATA,
    _text("incident_id"),
    _text("_client_id"),
    _text("kind"),
    sa.Column("rule", sa.Text),  # of an anomaly
    _text("subject"),
    _text("severity"),
    _text("title"),
    sa.Column("cause", sa.Text),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
    sa.Column("settled_at", Instant),
    sa.Column("told_at", Instant),
    _count("times"),
    **WAREHOUSE,
)
