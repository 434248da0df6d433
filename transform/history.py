"""Writes the product's own history into the warehouse, for models to read.

Runs, steps, pulls, messages and incidents are copied from the run database when a build begins, so
that its marts have what had ended by then: on the embedded engine the run database is a separate
file that dbt cannot read, and only a build may write to the warehouse at any time. The timings of
dbt's nodes are written when a build ends. Nothing else writes these tables.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from signalroom import clock, current_run, retention
from signalroom.bulk import insert
from signalroom.history_tables import (
    HISTORY_DELIVERIES,
    HISTORY_INCIDENTS,
    HISTORY_NODES,
    HISTORY_PULLED_TABLES,
    HISTORY_PULLS,
    HISTORY_RUNS,
    HISTORY_STEPS,
    PULL_LOG,
)
from signalroom.logs import mask
from signalroom.run_database import prepared_engine
from signalroom.tables import INCIDENTS, OUTBOX, RUNS, STEPS
from signalroom.warehouse import Execute, transaction

Row = Mapping[Any, Any]
OVERLAP = timedelta(days=1)  # margin for a clock that was set back
OPEN_MESSAGES = timedelta(days=35)  # older messages no longer change
KEYS_PER_STATEMENT = 200
OF_RUN = (
    *("run_id", "job", "trigger", "scheduled_for", "day", "status"),
    *("created_at", "started_at", "finished_at", "error"),
)
OF_STEP = ("run_id", "step", "position", "status", "started_at", "finished_at", "rows", "error")
OF_MESSAGE = (
    *("_client_id", "report", "period", "edition", "channel", "status", "attempts"),
    *("created_at", "sent_at"),
)
OF_INCIDENT = (
    *("incident_id", "_client_id", "kind", "subject", "severity", "cause"),
    *("opened_at", "last_at", "settled_at", "told_at"),
)


def copy_history(execute: Execute) -> None:
    """Add what is new since the last build, and update messages and incidents."""
    engine = prepared_engine()
    try:
        with engine.connect() as connection:
            _copy_runs(execute, connection)
            _copy_pulls(execute, connection)
            _copy_messages(execute, connection)
            _copy_incidents(execute, connection)
    finally:
        engine.dispose()
    retention.prune_history(execute)


def record_nodes(results: Mapping[str, Row], names: Mapping[str, str]) -> None:
    """Record the result and duration of each node of a build; `names` are short names."""
    build_id, day, ended_at = uuid.uuid4().hex, clock.today(), clock.instant()
    rows = [
        {
            "build_id": build_id,
            "node": node,
            "kind": node.split(".", 1)[0],
            "name": names[node],
            "run_id": current_run.run_id() or None,
            "day": day,
            "status": str(result["status"]),
            "took_ms": round(float(result.get("execution_time") or 0) * 1000),
            "ended_at": ended_at,
        }
        for node, result in results.items()
    ]
    if rows:
        with transaction() as execute:
            insert(execute, HISTORY_NODES.name, rows)


def _copy_runs(execute: Execute, connection: sa.Connection) -> None:
    """Runs that have ended and are not recorded yet, with their steps; they no longer change."""
    known = {row["run_id"] for row in execute("select run_id from ops.history_runs")}
    ended = sa.func.coalesce(RUNS.c.finished_at, RUNS.c.created_at)
    kept = sa.bindparam("kept", retention.before("runs"), RUNS.c.created_at.type)
    over = sa.select(RUNS).where(RUNS.c.status.in_(retention.OVER), ended >= kept)
    runs = {row["run_id"]: row for row in connection.execute(over).mappings()}
    new = sorted(runs.keys() - known)
    rows = [_attempted(runs[one], OF_RUN) for one in new]
    insert(execute, HISTORY_RUNS.name, rows)
    for part in _parts(new):
        of_runs = sa.select(STEPS).where(STEPS.c.run_id.in_(part))
        steps = connection.execute(of_runs.order_by(STEPS.c.run_id, STEPS.c.position)).mappings()
        rows = [_attempted(step, OF_STEP) for step in steps]
        insert(execute, HISTORY_STEPS.name, rows)


def _copy_pulls(execute: Execute, connection: sa.Connection) -> None:
    newest = execute("select max(ended_at) as at from ops.history_pulls")[0]["at"]
    since = newest - OVERLAP if newest else retention.before("runs")
    rows = execute(
        "select pull_id from ops.history_pulls where ended_at >= :since", {"since": since}
    )
    known = {row["pull_id"] for row in rows}
    query = sa.select(PULL_LOG).where(PULL_LOG.c.ended_at >= since).order_by(PULL_LOG.c.ended_at)
    new = [row for row in connection.execute(query).mappings() if row["pull_id"] not in known]
    names = tuple(column.name for column in HISTORY_PULLS.columns)
    insert(execute, HISTORY_PULLS.name, [_part(row, names) for row in new])
    tables = [
        {
            "pull_id": row["pull_id"],
            "_client_id": row["_client_id"],
            "table_name": table,
            "rows": count,
        }
        for row in new
        for table, count in json.loads(row["tables"]).items()
    ]
    insert(execute, HISTORY_PULLED_TABLES.name, tables)


def _copy_messages(execute: Execute, connection: sa.Connection) -> None:
    """Messages by an id that does not reveal the recipient."""
    since = clock.instant() - OPEN_MESSAGES
    if not execute("select 1 from ops.history_deliveries limit 1"):
        since = retention.before("runs")
    columns = [OUTBOX.c[name] for name in ("dedupe_key", *OF_MESSAGE)]
    query = sa.select(*columns).where(OUTBOX.c.created_at >= since)
    rows = [
        {"message_id": _id(row["dedupe_key"], row["created_at"]), **_part(row, OF_MESSAGE)}
        for row in connection.execute(query.order_by(OUTBOX.c.created_at)).mappings()
    ]
    _bring_up_to_date(execute, HISTORY_DELIVERIES, "message_id", "created_at", since, rows)


def _copy_incidents(execute: Execute, connection: sa.Connection) -> None:
    since = retention.before("incidents")
    query = sa.select(INCIDENTS).where(INCIDENTS.c.opened_at >= since)
    rows = []
    for row in connection.execute(query.order_by(INCIDENTS.c.opened_at)).mappings():
        first, _, rest = row["subject"].partition(":")
        more = {"title": mask(row["title"]), "rule": None, "times": row["count"]}
        if row["kind"] == "anomaly":
            more["rule"] = first
        elif row["kind"] == "delivery_failed":  # their subject is a channel and a recipient
            more |= {"subject": first, "title": mask(row["title"].replace(f" to {rest}", ""))}
        rows.append({**_part(row, OF_INCIDENT), **more})
    _bring_up_to_date(execute, HISTORY_INCIDENTS, "incident_id", "opened_at", since, rows)


def _bring_up_to_date(
    execute: Execute, table: sa.Table, key: str, began: str, since: datetime, rows: Iterable[Row]
) -> None:
    """Insert new or changed rows; `key` identifies a row, `began` is when it was created."""
    columns = ", ".join(column.name for column in table.columns)
    query = f"select {columns} from ops.{table.name} where {began} >= :since"  # noqa: S608
    known = {row[key]: row for row in execute(query, {"since": since})}
    new = [row for row in rows if known.get(row[key]) != row]
    for part in _parts([row[key] for row in new if row[key] in known]):
        marks = ", ".join(f":key_{number}" for number in range(len(part)))
        execute(
            f"delete from ops.{table.name} where {key} in ({marks})",  # noqa: S608
            {f"key_{number}": one for number, one in enumerate(part)},
        )
    insert(execute, table.name, new)


def _id(dedupe_key: str, created_at: datetime) -> str:
    return hashlib.sha256(f"{dedupe_key} {created_at.isoformat()}".encode()).hexdigest()[:20]


def _attempted(row: Row, names: Iterable[str]) -> dict[str, Any]:
    said = mask(row["error"]) if row["error"] else None
    return {**_part(row, names), "attempts": row["attempt"], "error": said}


def _part(row: Row, names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _parts(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(keys), KEYS_PER_STATEMENT):
        yield keys[start : start + KEYS_PER_STATEMENT]
