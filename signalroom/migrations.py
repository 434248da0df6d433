"""Migrations: a database of an older version gets what the current one needs, once, at start.

To add a table: define it in `signalroom/tables.py`. Missing tables are created.
To add a column: put it at the end of its table there, nullable or with a `server_default`, and
append a `Step` with the next number to STEPS here: `adds=("outbox.as_of",)`.
To change or fill rows: append a `Step` with `sql=(...)`, in SQL that DuckDB or SQLite and
PostgreSQL share; `{ops}` stands for the schema. It runs on new, empty databases too.

Steps that only add are compatible: older code still works with them. A step that older code cannot
work with (a column renamed or dropped) says `is_breaking=True`; older code then refuses to start.
Released steps are never edited or renumbered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from signalroom import clock
from signalroom.access import create_closed
from signalroom.errors import ConfigurationError
from signalroom.settings import target
from signalroom.tables import METADATA, Database, tables
from signalroom.warehouse import Execute, transaction

TAKEN = "select number, name, is_breaking from"
LOCK = "select pg_advisory_xact_lock(713, 6)"


@dataclass(frozen=True)
class Step:
    """One change of the warehouse's or the run database's tables.

    `adds` are new columns as `table.column`, `sql` the statements that follow them.
    """

    number: int
    name: str
    database: Database
    adds: tuple[str, ...] = ()
    sql: tuple[str, ...] = ()
    is_breaking: bool = False


STEPS = (
    Step(
        1,
        "Tag rows that concern all clients",
        "warehouse",
        adds=("origin._client_id", "schemas._client_id"),
    ),
    Step(
        2,
        "Start ops.sources with the sources that were ever loaded",
        "warehouse",
        sql=(
            "insert into {ops}sources (_client_id, source, state, since)"
            " select _client_id, source, 'on', min(loaded_at) from {ops}loads"
            " group by _client_id, source on conflict do nothing",
        ),
    ),
    Step(
        3,
        "Keep when a message was reported, in business time",
        "runs",
        adds=("outbox.reported_at",),
        sql=("update {ops}outbox set reported_at = sent_at where sent_at is not null",),
    ),
    Step(
        4,
        "Group incidents by their cause",
        "runs",
        adds=("incidents.cause", "incidents.group_id"),
        sql=(
            "update {ops}incidents set cause = kind || ':' || subject, group_id = incident_id"
            " where group_id is null",
        ),
    ),
    Step(
        5,
        "Find messages by when they were made",
        "runs",
        sql=("create index if not exists outbox_by_creation on {ops}outbox (created_at)",),
    ),
    Step(
        6,
        "Keep the goal of a brand's days, and whether their CPA can be trusted",
        "runs",
        adds=("brand_days.state", "brand_days.cpa_goal"),
    ),
    Step(
        7,
        "Tag runs, steps, heartbeats and rates of rules as those of all clients",
        "runs",
        adds=(
            *("runs._client_id", "steps._client_id"),
            *("beats._client_id", "rule_rates._client_id"),
        ),
    ),
)


@dataclass(frozen=True)
class _Engine:
    """The differences between the three engines."""

    ops: str
    tables: str
    columns: str


_SCHEMAS = (
    "select table_name from information_schema.tables"
    " where table_schema = 'ops' and table_catalog = current_database()",
    "select column_name from information_schema.columns where table_schema = 'ops'"
    " and table_catalog = current_database() and table_name = :table_name",
)
_WITH_SCHEMAS = _Engine("ops.", *_SCHEMAS)
_SQLITE = _Engine(
    "",
    "select name as table_name from sqlite_master where type = 'table'",
    "select name as column_name from pragma_table_info(:table_name)",
)
ENGINES = {"duckdb": _WITH_SCHEMAS, "postgresql": _WITH_SCHEMAS, "sqlite": _SQLITE}


def prepare_warehouse() -> None:
    """Bring the tables of schema `ops` in the warehouse up to date; a no-op if they are.

    Raises WarehouseError if the warehouse is unavailable, ConfigurationError if newer code changed
    it in a way that this version cannot work with.
    """
    engine = "duckdb" if target() == "duckdb" else "postgresql"
    with transaction() as execute:
        if is_current(execute, engine, "warehouse"):
            create_closed(execute, "ops")  # another process may have opened it since
        else:
            migrate(execute, engine, "warehouse")


def is_current(
    execute: Execute, engine: str, database: Database, steps: Sequence[Step] = STEPS
) -> bool:
    """Whether it is up to date; a few reads, no lock.

    Raises ConfigurationError where newer code made a breaking step.
    """
    kind = ENGINES[engine]
    found = {row["table_name"] for row in execute(kind.tables)}
    if not found >= {table.name for table in tables(database)}:
        return False
    return not _pending(execute, kind, database, steps)


def migrate(
    execute: Execute, engine: str, database: Database, steps: Sequence[Step] = STEPS
) -> list[Step]:
    """Create missing tables, then apply each step not yet applied; returns those applied.

    `execute(sql, params)` runs inside one transaction that admits one writer: DuckDB's file,
    SQLite's `begin immediate`, and the advisory lock that PostgreSQL's transaction takes here.
    `engine` is duckdb, postgresql or sqlite. Raises ConfigurationError
    where newer code made a breaking step.
    """
    kind = ENGINES[engine]
    if engine == "postgresql":
        execute(LOCK)
    if kind.ops:
        execute("create schema if not exists ops")  # DuckDB, where the next line has no effect
        create_closed(execute, "ops")
    found = {row["table_name"] for row in execute(kind.tables)}
    if "migrations" in found:
        _pending(execute, kind, database, steps)  # raises before anything changes
    for table in tables(database):
        if table.name not in found:
            execute(_ddl(kind, CreateTable(table)))
            for index in sorted(table.indexes, key=lambda one: str(one.name)):
                execute(_ddl(kind, CreateIndex(index)))
    pending = _pending(execute, kind, database, steps)
    for step in pending:
        for added in step.adds:
            _add_column(execute, kind, added)
        for statement in step.sql:
            execute(statement.replace("{ops}", kind.ops))
        execute(
            f"insert into {kind.ops}migrations (number, name, is_breaking, applied_at)"  # noqa: S608
            " values (:number, :name, :is_breaking, :applied_at)",
            {
                "number": step.number,
                "name": step.name,
                "is_breaking": step.is_breaking,
                "applied_at": _stored(clock.instant(), engine),
            },
        )
    return pending


def _pending(
    execute: Execute, kind: _Engine, database: Database, steps: Sequence[Step]
) -> list[Step]:
    rows = execute(f"{TAKEN} {kind.ops}migrations")
    refuse_breaking(rows, steps)
    taken = {row["number"] for row in rows}
    return [one for one in steps if one.database == database and one.number not in taken]


def refuse_breaking(rows: Iterable[Mapping[str, Any]], steps: Sequence[Step] = STEPS) -> None:
    """Raise ConfigurationError if one of the applied steps is from newer code, and breaking."""
    known = {step.number for step in steps}
    for row in rows:
        if row["is_breaking"] and row["number"] not in known:
            raise ConfigurationError(
                f"A newer SignalRoom changed this database (step {row['number']}: {row['name']}), "
                "and this version cannot work with it: update it, or point it at another database."
            )


def _add_column(execute: Execute, kind: _Engine, added: str) -> None:
    table_name, column_name = added.split(".")
    column = METADATA.tables[table_name].columns[column_name]
    rows = execute(kind.columns, {"table_name": table_name})
    if column_name in {row["column_name"] for row in rows}:
        return
    execute(f"alter table {kind.ops}{table_name} add column {_ddl(kind, CreateColumn(column))}")


def _ddl(kind: _Engine, element: sa.schema.ExecutableDDLElement | CreateColumn) -> str:
    placed: dict[str, Any] = {}
    if kind.ops:
        placed = {"schema_translate_map": {None: "ops"}, "render_schema_translate": True}
    return str(element.compile(dialect=_dialect(kind), **placed)).strip()


def _dialect(kind: _Engine) -> sa.Dialect:
    """Imported only to create a table, which is rare: a tenth of a command's start time."""
    if kind.ops:  # DuckDB accepts PostgreSQL's type names
        from sqlalchemy.dialects.postgresql.base import PGDialect

        return PGDialect()  # type: ignore[no-untyped-call]
    from sqlalchemy.dialects.sqlite.base import SQLiteDialect

    return SQLiteDialect()


def _stored(instant: Any, engine: str) -> Any:
    """SQLite has no zones: instants are UTC text there, as written by `tables.Instant`."""
    return f"{instant:%Y-%m-%d %H:%M:%S.%f}" if engine == "sqlite" else instant


def executing(connection: sa.Connection) -> Execute:
    """`execute(sql, params)` over an SQLAlchemy connection."""

    def execute(sql: str, params: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        result = connection.execute(sa.text(sql), params or {})
        return [dict(row) for row in result.mappings()] if result.returns_rows else []

    return execute
