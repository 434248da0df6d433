"""Which cells of the marts differ between two DuckDB files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Columns of such types are values of a row, not part of its key.
MEASURES = ("DECIMAL", "DOUBLE", "BOOLEAN", "TIMESTAMP")
NUMBERS = ("DECIMAL", "BIGINT", "INTEGER", "HUGEINT", "DOUBLE")


@dataclass(frozen=True)
class Cell:
    """A value that changed; `key` are the values that identify its row."""

    key: tuple[str, ...]
    column: str
    before: str
    after: str


@dataclass(frozen=True)
class MartDiff:
    """What changed in one mart. `added` and `removed` are keys; `cells` are in key order."""

    name: str
    rows_after: int
    keys: tuple[str, ...] = ()
    added: tuple[tuple[str, ...], ...] = ()
    removed: tuple[tuple[str, ...], ...] = ()
    cells: tuple[Cell, ...] = ()
    sums: tuple[tuple[str, str, str], ...] = ()
    shape: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there is any difference."""
        return bool(self.added or self.removed or self.cells or self.shape)


def compare(base: Path, branch: Path) -> list[MartDiff]:
    """Every mart of either file, by name."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, path in (("base", base), ("branch", branch)):
            connection.execute(f"attach '{path}' as {name} (read_only)")
        marts = {name: _columns(connection, name) for name in ("base", "branch")}
        return [
            _mart(connection, name, marts["base"].get(name, {}), marts["branch"].get(name, {}))
            for name in sorted({*marts["base"], *marts["branch"]})
        ]


def _columns(connection: Any, database: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    rows = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns()"
        " where database_name = ? and schema_name = 'marts' order by table_name, column_index",
        [database],
    ).fetchall()
    for table, column, data_type in rows:
        found.setdefault(table, {})[column] = data_type
    return found


def _mart(connection: Any, name: str, old: dict[str, str], new: dict[str, str]) -> MartDiff:
    after = _count(connection, f"branch.marts.{name}") if new else 0
    if not old or not new:
        return MartDiff(name, after, shape=("new mart" if new else "mart is gone",))
    both = [column for column in old if column in new]
    keys = _keys(connection, name, {column: old[column] for column in both})
    for side in ("base", "branch"):
        columns = ", ".join(f'"{column}"' for column in both)
        connection.execute(
            f"create or replace temp table {side}_rows as select {columns},"  # noqa: S608
            f" row_number() over (partition by {_list(keys)} order by {columns}) as _copy"
            f" from {side}.marts.{name}"
        )
    return MartDiff(
        name,
        after,
        keys,
        added=_alone(connection, keys, "branch_rows", "base_rows"),
        removed=_alone(connection, keys, "base_rows", "branch_rows"),
        cells=_cells(connection, keys, [column for column in both if column not in keys]),
        sums=_sums(connection, [column for column in both if _adds_up(column, old, keys)]),
        shape=tuple(_shape(old, new)),
    )


def _count(connection: Any, table: str) -> int:
    return int(connection.execute(f"select count(*) from {table}").fetchone()[0])  # noqa: S608


def _keys(connection: Any, name: str, columns: dict[str, str]) -> tuple[str, ...]:
    """The first columns that together identify the base's rows."""
    chosen: list[str] = []
    apart, rows = 0, _count(connection, f"base.marts.{name}")
    candidates = [column for column, kind in columns.items() if not kind.startswith(MEASURES)]
    for column in candidates:
        if apart == rows and chosen:
            break
        wider = _list([*chosen, column])
        found = _count(connection, f"(select distinct {wider} from base.marts.{name})")  # noqa: S608
        if found > apart:
            chosen.append(column)
            apart = found
    return tuple(chosen or columns)


def _list(columns: Iterable[str], table: str = "") -> str:
    return ", ".join(f'{table}"{column}"' for column in columns)


def _texts(columns: Iterable[str], table: str) -> str:
    return ", ".join(f'cast({table}."{column}" as text)' for column in columns)


def _same(keys: Sequence[str]) -> str:
    return " and ".join(f'b."{key}" is not distinct from a."{key}"' for key in [*keys, "_copy"])


def _alone(
    connection: Any, keys: Sequence[str], there: str, not_there: str
) -> tuple[tuple[str, ...], ...]:
    rows = connection.execute(
        f"select {_texts(keys, 'b')} from {there} as b anti join {not_there} as a"  # noqa: S608
        f" on {_same(keys)} order by all"
    ).fetchall()
    return tuple(tuple(map(_plain, row)) for row in rows)


def _cells(connection: Any, keys: Sequence[str], columns: Sequence[str]) -> tuple[Cell, ...]:
    parts = [
        f"select {_texts(keys, 'b')}, {number} as place, '{column}' as name,"  # noqa: S608
        f' cast(b."{column}" as text) as old, cast(a."{column}" as text) as new'
        f" from base_rows as b inner join branch_rows as a on {_same(keys)}"
        f' where b."{column}" is distinct from a."{column}"'
        for number, column in enumerate(columns)
    ]
    if not parts:
        return ()
    rows = connection.execute(f"{' union all '.join(parts)} order by all").fetchall()
    return tuple(
        Cell(tuple(map(_plain, key)), column, _plain(old), _plain(new))
        for *key, _, column, old, new in rows
    )


def _adds_up(column: str, types: dict[str, str], keys: Sequence[str]) -> bool:
    return column not in keys and not column.endswith("_id") and types[column].startswith(NUMBERS)


def _sums(connection: Any, columns: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
    found = []
    for column in columns:
        before, after = (
            connection.execute(f'select cast(sum("{column}") as text) from {side}_rows').fetchone()  # noqa: S608
            for side in ("base", "branch")
        )
        if before != after:
            found.append((column, _plain(before[0]), _plain(after[0])))
    return tuple(found)


def _shape(old: dict[str, str], new: dict[str, str]) -> Iterable[str]:
    yield from (f"new column {column}" for column in new if column not in old)
    yield from (f"column {column} is gone" for column in old if column not in new)
    for column in new:
        if column in old and old[column] != new[column]:
            yield f"column {column} was {old[column]}, is {new[column]}"


def _plain(value: str | None) -> str:
    """Decimals without trailing zeros; `null` for missing values."""
    if value is None:
        return "null"
    whole, point, digits = value.partition(".")
    if point and digits.isdigit() and whole.lstrip("-").isdigit():
        return f"{whole}.{digits.rstrip('0')}".rstrip(".")
    return value
