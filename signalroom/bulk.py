"""Inserts many rows into a table of `ops`, a few hundred per statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from signalroom.warehouse import Execute

ROWS_PER_INSERT = 200


def insert(execute: Execute, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, all with the same columns, into a table of `ops`."""
    for start in range(0, len(rows), ROWS_PER_INSERT):
        part = rows[start : start + ROWS_PER_INSERT]
        names = list(part[0])
        listed = ", ".join(f'"{name}"' for name in names)
        values = ", ".join(
            "(" + ", ".join(f":v{column}_{number}" for column in range(len(names))) + ")"
            for number in range(len(part))
        )
        given = {
            f"v{column}_{number}": row[name]
            for number, row in enumerate(part)
            for column, name in enumerate(names)
        }
        execute(f'insert into ops."{table}" ({listed}) values {values}', given)  # noqa: S608
