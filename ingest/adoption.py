"""Adoption: schemas that an earlier system filled are renamed as a whole, never mixed with ours.

The agency's old system used the same schema names with other types (text dates, doubles for
money). Its schema is renamed, with every row in it; ours starts empty and is filled from the
vendors, which still have the history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ingest.registry import NAMES
from signalroom import clock
from signalroom.access import create_closed
from signalroom.errors import ConfigurationError
from signalroom.settings import target
from signalroom.warehouse import Execute, transaction

ASIDE = "_before_signalroom"


@dataclass(frozen=True)
class Inherited:
    """A schema that SignalRoom did not make: its tables with their rows."""

    schema: str
    tables: dict[str, int]

    @property
    def aside(self) -> str:
        """The name it is renamed to."""
        return f"{self.schema}{ASIDE}"


def claim(source: str) -> None:
    """Mark the source's schema as ours before the first load.

    Raises ConfigurationError when it already has tables that SignalRoom did not make; nothing is
    loaded then.
    """
    with transaction() as execute:
        if _is_ours(execute, source):
            _close(execute, source)
            return
        tables = _tables(execute, source)
        if tables:
            raise ConfigurationError(
                f"Schema {source} already has tables that SignalRoom did not make "
                f"({', '.join(tables)}); nothing was loaded. `signalroom doctor --adopt` shows how "
                "they would be set aside, with every row."
            )
        _mark(execute, source)
        _close(execute, source)


def notice_dropped(source: str, tables: Iterable[str]) -> list[str]:
    """The tables that were loaded once and are gone: the next load creates and fills them again.

    Their days and files count as never read, for every client, from the first day that any pull
    loaded; dlt, which still assumes that they exist, is made to check.
    """
    with transaction() as execute:
        there = set(_tables(execute, source, hidden=True))
        known = execute(
            "select distinct table_name from ops.loads where source = :source", {"source": source}
        )
        gone = sorted({row["table_name"] for row in known} & set(tables) - there)
        for table in gone:
            scope = {"source": source, "table_name": table}
            execute(
                "update ops.loads set window_start = first.day, window_end = first.day from ("
                " select _client_id, min(day) as day from ops.control_totals"
                " where source = :source and table_name = :table_name and day is not null"
                " group by _client_id) as first"
                " where loads.source = :source and loads.table_name = :table_name"
                " and loads._client_id = first._client_id",
                scope,
            )
            execute(
                "delete from ops.file_ledger where source = :source and table_name = :table_name",
                scope,
            )
            execute(  # they say that the days before them are loaded
                "delete from ops.unfinished_days where source = :source"
                " and table_name = :table_name",
                scope,
            )
        if gone and "_dlt_version" in there:
            execute(
                f"update {source}._dlt_version set version_hash = version_hash || '-'"  # noqa: S608
            )
    return gone


def _close(execute: Execute, source: str) -> None:
    """Before dlt creates the schema and its staging schema: no other role gets access."""
    for schema in (source, f"{source}_staging"):
        create_closed(execute, schema)


def inherited() -> list[Inherited]:
    """The schemas that would be set aside."""
    found = []
    with transaction() as execute:
        for source in NAMES:
            tables = _tables(execute, source)
            if tables and not _is_ours(execute, source):
                counts = {
                    table: int(execute(f'select count(*) as n from {source}."{table}"')[0]["n"])  # noqa: S608
                    for table in tables
                }
                found.append(Inherited(source, counts))
    return found


def set_aside(one: Inherited) -> None:
    """Rename the schema with everything in it; ConfigurationError when the name is taken."""
    with transaction() as execute:
        if _tables(execute, one.aside):
            raise ConfigurationError(f"Schema {one.aside} exists already; rename it first.")
        for schema in (one.schema, f"{one.schema}_staging"):
            if target() == "postgres":
                if _exists(execute, schema):
                    execute(f'alter schema "{schema}" rename to "{schema}{ASIDE}"')
            else:
                _move(execute, schema)
        _mark(execute, one.schema)


def _move(execute: Execute, schema: str) -> None:
    """DuckDB cannot rename a schema: its tables are copied, then dropped."""
    tables = _tables(execute, schema, hidden=True)
    if tables:
        execute(f'create schema "{schema}{ASIDE}"')
    for table in tables:
        execute(f'create table "{schema}{ASIDE}"."{table}" as from "{schema}"."{table}"')
        execute(f'drop table "{schema}"."{table}"')


def _tables(execute: Execute, schema: str, hidden: bool = False) -> list[str]:
    rows = execute(
        "select table_name from information_schema.tables where table_schema = :schema"
        " and table_type = 'BASE TABLE' order by table_name",
        {"schema": schema},
    )
    names = [str(row["table_name"]) for row in rows]
    return names if hidden else [name for name in names if not name.startswith("_dlt")]


def _exists(execute: Execute, schema: str) -> bool:
    sql = "select 1 as found from information_schema.schemata where schema_name = :schema"
    return bool(execute(sql, {"schema": schema}))


def _is_ours(execute: Execute, source: str) -> bool:
    sql = "select 1 as found from ops.schemas where schema_name = :source"
    return bool(execute(sql, {"source": source}))


def _mark(execute: Execute, source: str) -> None:
    execute(
        "insert into ops.schemas (schema_name, claimed_at) values (:source, :now)",
        {"source": source, "now": clock.instant()},
    )
