"""A copy of the marts for readers while a build or a load writes to the embedded warehouse.

While one process writes to a DuckDB file, no other can read it. `marts.duckdb` is replaced as a
whole after each build: a reader that has it open keeps the marts that it began with. The marts are
in its main schema: opened by itself, `marts.daily_summary` then means catalog and table, and is not
ambiguous.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from signalroom import paths
from signalroom.warehouse import duckdb_connection, schema

# The documented tables of `ops`, without payloads and clients' files.
OPS = {
    "loads": "*",
    "control_totals": "* exclude (digest)",
    "sources": "*",
    "file_ledger": "* exclude (header)",
    "dead_letters": "* exclude (payload)",
}


def published() -> Path:
    """The file for readers."""
    return paths.home() / "marts.duckdb"


def publish() -> Path:
    """Write the current marts next to the warehouse; the caller holds its lock."""
    import duckdb

    new = published().with_suffix(".duckdb.new")
    new.unlink(missing_ok=True)
    marts = schema("marts")
    with duckdb_connection(read_only=False) as connection:
        connection.execute(f"attach '{_quoted(new)}' as copy")
        try:
            # in one transaction: otherwise each statement, and each comment, waits for the disk
            connection.begin()
            connection.execute("create schema copy.ops")
            for table in _tables(connection, marts):
                _copy(connection, marts, "main", table, "*")
            for table in sorted(set(OPS) & set(_tables(connection, "ops"))):
                _copy(connection, "ops", "ops", table, OPS[table])
            for target, source in (("main", marts), ("ops", "ops")):
                _comment(connection, source, target)
            connection.commit()
        except BaseException:
            with suppress(duckdb.Error):  # a failed commit has ended it
                connection.rollback()
            raise
        finally:
            connection.execute("detach copy")
    return new.replace(published())


def _tables(connection: Any, name: str) -> list[str]:
    rows = connection.execute(
        "select table_name from duckdb_tables()"
        " where database_name = current_database() and schema_name = ? order by 1",
        [name],
    ).fetchall()
    return [table for (table,) in rows]


def _copy(connection: Any, source: str, target: str, table: str, columns: str) -> None:
    connection.execute(
        f'create table copy.{target}."{table}" as select {columns} from {source}."{table}"'  # noqa: S608
    )


def _comment(connection: Any, source: str, target: str) -> None:
    rows = connection.execute(
        "select table_name, column_name, theirs.comment from duckdb_columns() as ours"
        " inner join duckdb_columns() as theirs using (table_name, column_name)"
        " where ours.database_name = 'copy' and ours.schema_name = ?"
        " and theirs.database_name = current_database() and theirs.schema_name = ?"
        " and theirs.comment is not null",
        [target, source],
    ).fetchall()
    for table, column, comment in rows:
        connection.execute(
            f"""comment on column copy.{target}."{table}"."{column}" is '{_quoted(comment)}'"""
        )


def _quoted(text: object) -> str:
    return str(text).replace("'", "''")
