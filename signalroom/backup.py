"""Backup and restore of what cannot be rebuilt: everything in `ops` and the run database.

One zip file: for each table a file of JSON lines, money as text, instants in UTC. It has no raw
rows, which can be pulled again, and no marts, which a build makes. So the load ledgers are restored
only for raw tables that exist, and what must be pulled again is listed.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa

from signalroom import clock, outbox_memory, run_database
from signalroom.bulk import ROWS_PER_INSERT, insert
from signalroom.errors import ConfigurationError, WarehouseError
from signalroom.load_tables import UNFINISHED_DAYS
from signalroom.migrations import prepare_warehouse
from signalroom.tables import LOADS, MIGRATIONS, OUTBOX, RUNS, Database, tables
from signalroom.warehouse import Execute, transaction

FORMAT = 1
MANIFEST = "manifest.json"
# Records about raw rows, by table: only valid if those rows exist.
OF_RAW = ("loads", "control_totals", "file_ledger", "backfill_slices")
DATABASES: tuple[Database, ...] = ("warehouse", "runs")
Row = dict[str, Any]


def backup(file: Path) -> dict[str, int]:
    """Write everything to the file, atomically; returns rows by table.

    Raises WarehouseError if a database is unavailable or the file cannot be written.
    """
    prepare_warehouse()
    counts: dict[str, int] = {}
    new = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with (
            os.fdopen(handle, "wb") as raw,
            zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as packed,
            _opened() as (execute, connection),
        ):
            manifest = {"format": FORMAT, "made_at": clock.instant().isoformat()}
            packed.writestr(MANIFEST, json.dumps(manifest))
            for database, table in _tables():
                found = _read(database, table, execute, connection)
                name = _entry(database, table)
                with TextIOWrapper(packed.open(name, "w"), encoding="utf-8") as lines:
                    counts[table.name] = 0
                    for row in found:
                        lines.write(json.dumps(dict(row), default=_text) + "\n")
                        counts[table.name] += 1
        new.replace(file)
    except OSError as error:
        raise WarehouseError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        new.unlink(missing_ok=True)
    return counts


def restore(file: Path, *, replace: bool = False) -> tuple[dict[str, int], list[str]]:
    """Restore the file; returns rows by table, and what must be pulled again.

    Raises ConfigurationError for a file that is not a backup, and if the database already has
    records, unless `replace`, which removes them first.
    """
    prepare_warehouse()
    counts: dict[str, int] = {}
    with _packed(file) as packed, _opened() as (execute, connection):
        if not replace:
            _refuse_full(execute, connection)
        execute(f"delete from ops.{UNFINISHED_DAYS.name}")  # noqa: S608 - of the loads before
        there = _raw_tables(execute)
        missing: list[Row] = []
        names = set(packed.namelist())
        for database, table in _tables():
            if _entry(database, table) not in names:
                continue  # the backup is older than the table
            rows = _lines(packed, _entry(database, table), table)
            if table.name in OF_RAW:
                kept: list[Row] = []
                for row in rows:
                    is_there = (row["source"], row.get("table_name")) in there
                    (kept if is_there else missing).append(row)
                rows = iter(kept)
            counts[table.name] = _write(database, table, rows, execute, connection)
        made_at = json.loads(packed.read(MANIFEST))["made_at"]
    outbox_memory.remember_restored(datetime.fromisoformat(made_at))
    return counts, _to_pull(missing)


class _opened:  # noqa: N801 (a context manager, used as a function)
    """Both databases, each in one transaction: the warehouse's `execute` and a connection."""

    def __enter__(self) -> tuple[Execute, sa.Connection]:
        self._warehouse = transaction()
        self._engine = run_database.prepared_engine()
        execute = self._warehouse.__enter__()
        self._begun = self._engine.begin()
        return execute, self._begun.__enter__()

    def __exit__(self, *failure: Any) -> None:
        try:
            self._begun.__exit__(*failure)
        finally:
            self._warehouse.__exit__(*failure)
            self._engine.dispose()


def _tables() -> Iterator[tuple[Database, sa.Table]]:
    """All but what a restored database makes itself, or reads again from its vendors."""
    for database in DATABASES:
        for table in tables(database):
            if table not in (MIGRATIONS, UNFINISHED_DAYS):
                yield database, table


def _entry(database: Database, table: sa.Table) -> str:
    return f"{database}/{table.name}.jsonl"


def _read(
    database: Database, table: sa.Table, execute: Execute, connection: sa.Connection
) -> Iterable[Mapping[str, Any]]:
    if database == "runs":
        return cast("Iterable[Mapping[str, Any]]", connection.execute(sa.select(table)).mappings())
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    return execute(f'select {columns} from ops."{table.name}"')  # noqa: S608 (names of ours)


def _write(
    database: Database,
    table: sa.Table,
    rows: Iterator[Row],
    execute: Execute,
    connection: sa.Connection,
) -> int:
    if database == "runs":
        for child in table.metadata.sorted_tables:  # delete steps before their runs
            if any(key.column.table is table for key in child.foreign_keys):
                connection.execute(child.delete())
        connection.execute(table.delete())
    else:
        execute(f'delete from ops."{table.name}"')  # noqa: S608 (names of ours)
    count = 0
    while part := [row for _, row in zip(range(ROWS_PER_INSERT), rows, strict=False)]:
        if database == "runs":
            connection.execute(table.insert(), part)
        else:
            insert(execute, table.name, part)
        count += len(part)
    return count


def _text(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} is in no table of ours")


def _lines(packed: zipfile.ZipFile, name: str, table: sa.Table) -> Iterator[Row]:
    """Rows with the columns that this version has, each in its type."""
    parsers = {column.name: _parser(column.type) for column in table.columns}
    with TextIOWrapper(packed.open(name), encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield {
                column: None if row[column] is None else parse(row[column])
                for column, parse in parsers.items()
                if column in row
            }


def _parser(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any]:
    if isinstance(kind, sa.TypeDecorator | sa.DateTime):
        return datetime.fromisoformat
    if isinstance(kind, sa.Date):
        return date.fromisoformat
    if isinstance(kind, sa.Numeric):
        return Decimal
    return lambda value: value


def _packed(file: Path) -> zipfile.ZipFile:
    try:
        packed = zipfile.ZipFile(file)
        found = json.loads(packed.read(MANIFEST)).get("format")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from error
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ConfigurationError(f"{file} is not a backup of SignalRoom.") from error
    if found != FORMAT:
        raise ConfigurationError(f"{file} was made by a newer SignalRoom: update this one first.")
    return packed


def _refuse_full(execute: Execute, connection: sa.Connection) -> None:
    loads = execute("select count(*) as n from ops.loads")[0]["n"]
    rest = (sa.select(sa.func.count()).select_from(table) for table in (RUNS, OUTBOX))
    if loads or any(connection.execute(query).scalar_one() for query in rest):
        raise ConfigurationError(
            f"This database holds records already ({LOADS.name}, {RUNS.name} or {OUTBOX.name}): "
            "restore into a new one, or add --replace, which removes them first."
        )


def _raw_tables(execute: Execute) -> set[tuple[str, str | None]]:
    """The existing raw tables, by source; a source without table stands for its slices."""
    found = {
        (row["table_schema"], row["table_name"])
        for row in execute("select table_schema, table_name from information_schema.tables")
    }
    return found | {(source, None) for source, _ in found}


def _to_pull(rows: list[Row]) -> list[str]:
    """What was loaded when the backup was made and is missing now, one line per source."""
    days: dict[tuple[str, str], list[date]] = {}
    for row in rows:
        known = days.setdefault((row["source"], row["_client_id"]), [])
        known += [row[name] for name in ("day", "window_start", "window_end") if row.get(name)]
    lines = []
    for (source, client), found in sorted(days.items()):
        command = f"signalroom ingest {source} --client {client}"
        if found and source != "s3_exports":
            command = (
                f"signalroom backfill {source} --client {client} --start {min(found)} "
                f"--end {max(found)}"
            )
        lines.append(f"{source} of {client} has to be pulled again: `{command}`.")
    return lines
