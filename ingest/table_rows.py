"""A table's rows on their way into the load, column by column.

A source reads rows; here each batch becomes an Arrow table: personal data is removed, sums and a
fingerprint are computed, and all batches go into files that dlt imports unchanged. Done row by row,
and in dlt's normalizer, this took most of the time and memory of a pull.

Before that, measures that a vendor renamed or dropped are recognized; those that are zero are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal, localcontext
from functools import cache
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.data_types import coerce_value, py_type_to_sc_type
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.common.normalizers.utils import generate_dlt_ids

from ingest.columns import EXACT, TEXT_TYPE, is_number
from ingest.import_file import FileFormat, ImportFile
from ingest.model import ControlTotal, Pull, Row
from ingest.privacy.rows import Protection
from signalroom.errors import AnswerError, WarehouseError
from signalroom.plural import counted

Columns = Mapping[str, Mapping[str, Any]]
Entries = Sequence[Mapping[str, Any]]
DELETED = "_deleted"  # a true value clears the old rows
PART_ROWS = 2_000  # as dicts they take ten times the memory
FEW_ROWS = 10  # of one response; the whole pull shows whether a measure is gone
NAME_LENGTH = 63  # of a column, in PostgreSQL
TYPES: Mapping[str, Any] = {
    "text": pa.string(),
    "decimal": pa.decimal128(38, 18),
    "bigint": pa.int64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}
# Arrow would truncate other values: the fraction of a number, the time of a timestamp.
CUT_BY_ARROW = {"bigint": int, "date": date}


class TableRows:
    """The rows of one table in one pull, batch by batch; their totals are known at the end.

    `documents` are JSON columns, `further` the types of columns known only from the content; any
    other column is text. With `covered` days the totals are by day.
    """

    def __init__(
        self,
        pull: Pull,
        table: str,
        columns: Columns,
        documents: Sequence[str] = (),
        measures: Sequence[str] = (),
        covered: Iterable[date] | None = None,
    ) -> None:
        self.pull = pull
        self.name = table
        self._protection = Protection(pull.source, table, pull.client_id, documents)
        self._columns = columns
        self._documents = frozenset(documents)
        self._measures = measures
        self._is_by_day = covered is not None
        keys = [None] if covered is None else list(covered)
        self._counts = dict.fromkeys(keys, 0)
        self._marks = dict.fromkeys(keys, 0)
        self._sums = {key: dict.fromkeys(measures, Decimal(0)) for key in keys}

    def tables(self, rows: Iterable[Row], further: Columns) -> Iterator[pa.Table]:
        """The rows as Arrow tables without personal data."""
        kinds = {**self._columns, **further}
        source = iter(rows)
        while part := list(islice(source, PART_ROWS)):
            given, table = self._table(part, kinds)
            self._count(given["date"] if self._is_by_day else [None] * len(part), given, table)
            yield table

    def converted(self, rows: Sequence[Row]) -> Iterator[pa.Table]:
        """Like `tables`, but not counted yet."""
        for start in range(0, len(rows), PART_ROWS):
            yield self._table(rows[start : start + PART_ROWS], self._columns)[1]

    def count(self, day: date, table: pa.Table) -> None:
        """Count rows of the day that were converted."""
        measures = [name for name in self._measures if name in table.column_names]
        given = {name: table[name].to_pylist() for name in measures}
        self._count([day] * len(table), given, table)

    def check(self) -> None:
        """Raise AnswerError where a column holds full card numbers."""
        self._protection.refuse_cards()

    def kept(self, columns: Columns) -> Columns:
        """The columns that the policy keeps, with their types after it."""
        return self._protection.columns(columns)

    def totals(self) -> list[ControlTotal]:
        """Control totals of every day, including empty ones, or of all rows."""
        return [
            ControlTotal(
                partition_key=day.isoformat() if day else "all",
                day=day,
                totals={"rows": self._counts[day], **self._sums[day]},
                digest=f"{self._marks[day] % 2**128:032x}",
            )
            for day in self._counts
        ]

    def _table(
        self, rows: Sequence[Row], kinds: Columns
    ) -> tuple[Mapping[str, list[Any]], pa.Table]:
        names = dict.fromkeys(chain.from_iterable(rows))
        if all(len(row) == len(names) for row in rows):
            given = {name: list(map(itemgetter(name), rows)) for name in names}
        else:
            given = {name: [row.get(name) for row in rows] for name in names}
        arrays: dict[str, Any] = {}
        for name, values in given.items():
            if (action := self._protection.action(name)) != "drop":
                kind = TEXT_TYPE if action == "hash" else kinds.get(name, TEXT_TYPE)
                arrays[_spelled(name)] = self._array(name, values, kind)
        return given, pa.table(arrays)

    def _array(self, name: str, values: list[Any], kind: Mapping[str, Any]) -> Any:
        protection = self._protection
        if protection.action(name) == "hash":
            values = [value if value is None else str(value) for value in values]
        elif name in self._documents:
            return protection.document(name, values)
        cells = self._typed(name, values, kind)
        return protection.cleaned(name, cells) if pa.types.is_string(cells.type) else cells

    def _typed(self, name: str, values: list[Any], kind: Mapping[str, Any]) -> Any:
        """The values in Arrow; a value of another type than its column is converted or refused."""
        data_type = kind["data_type"]
        exact = CUT_BY_ARROW.get(data_type)
        if exact is None or all(value is None or type(value) is exact for value in values):
            with suppress(pa.ArrowException, UnicodeEncodeError, TypeError, OverflowError):
                return pa.array(values, TYPES[data_type])
        try:
            fitting = [_fitting(value, data_type) for value in values]
            return pa.array(fitting, TYPES[data_type])
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            raise WarehouseError(
                f"{self.pull}: column {name} of {self.name} is {data_type}, and a value is not; "
                "nothing was loaded."
            ) from None

    def _count(
        self, days: Sequence[date | None], given: Mapping[str, list[Any]], table: pa.Table
    ) -> None:
        found, start = marks(table), 0
        kept = [name for name in self._measures if self._protection.action(name) == "keep"]
        with localcontext(EXACT):  # sums are of any length
            for day, several in groupby(days):
                end = start + sum(1 for _ in several)
                self._counts[day] += end - start
                self._marks[day] += sum(found[start:end])
                sums = self._sums[day]
                for name in kept:
                    values = filter(None, given.get(name, ())[start:end])
                    sums[name] = sum(map(Decimal, values), sums[name])
                start = end


def marks(table: pa.Table) -> list[int]:
    """A hash number for each row; their sum identifies the set of rows in any order.

    A null column counts as absent. NUL separates the cells, as text contains none.
    """
    cells = [
        pc.binary_join_element_wise(f"{name}=", table[name].cast(pa.string()), "")
        for name in sorted(table.column_names)
    ]
    begun = pa.repeat("", len(table))  # an array, whatever the other operand is
    lines = pc.binary_join_element_wise(begun, *cells, "\0", null_handling="skip")
    return [
        int.from_bytes(hashlib.sha256(line).digest()[:16])
        for line in lines.cast(pa.binary()).to_pylist()
    ]


class Files:
    """Where a table's rows go: a file for each schema; without a load they are returned as Arrow.

    `declared` are the columns whose types dlt knows already.
    """

    def __init__(
        self,
        folder: Path | None,
        file_format: FileFormat,
        declared: Iterable[str],
        load_id: str = "",
    ) -> None:
        self._folder = folder
        self._load_id = load_id
        self._format = file_format
        self._files: dict[Any, ImportFile] = {}
        self._held: list[pa.Table] = []
        self._declared = {_spelled(name) for name in declared}
        self._further: dict[str, Any] = {
            "_dlt_load_id": {**TEXT_TYPE, "nullable": False},
            "_dlt_id": {**TEXT_TYPE, "nullable": False, "unique": True, "row_key": True},
        }

    def declare(self, columns: Columns) -> None:
        """Declare additional columns to dlt, even if they have no value."""
        self._further |= {_spelled(name): kind for name, kind in columns.items()}

    def write(self, table: pa.Table) -> None:
        """Add a table, with the columns that dlt adds to rows."""
        if self._folder is None:
            self._held.append(table)
            return
        count = len(table)
        given = {DELETED: pa.nulls(count, pa.bool_())}
        given |= {name: table[name] for name in table.column_names}
        columns = {name: given[name] for name in sorted(given)}
        columns["_dlt_load_id"] = pa.repeat(self._load_id, count)
        columns["_dlt_id"] = pa.array(generate_dlt_ids(count), pa.string())
        table = pa.table(columns)
        if table.schema not in self._files:
            path = self._folder / f"rows-{len(self._files)}.{self._format}"
            self._files[table.schema] = ImportFile(path, self._format, table.schema)
        self._files[table.schema].write([table])

    def clear(self, rows: Sequence[Row]) -> None:
        """Add the rows that clear days or the table, to an existing file."""
        table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
        for schema in self._files:
            for one in schema:
                if one.name not in (*table.column_names, "_dlt_load_id", "_dlt_id"):
                    table = table.append_column(one, pa.nulls(len(rows), one.type))
            break
        self.write(table)

    def items(self) -> Iterator[Any]:
        """What dlt loads."""
        yield from self._held
        for file in self._files.values():
            file.close()
            texts = dict.fromkeys(file.schema.names, TEXT_TYPE)
            hints = {
                name: dict(kind)
                for name, kind in {**texts, **self._further}.items()
                if name not in self._declared
            }
            yield file.as_item(dlt.mark.make_hints(columns=hints))  # type: ignore[arg-type]
            file.path.unlink()  # dlt has its own link


def _fitting(value: Any, data_type: str) -> Any:
    if value is None:
        return None
    made = coerce_value(data_type, py_type_to_sc_type(type(value)), value)  # type: ignore[arg-type]
    return made.encode("utf-8", "replace").decode() if isinstance(made, str) else made


@cache
def _spelled(name: str) -> str:
    """The column's name as dlt spells it."""
    found: str = NamingConvention(NAME_LENGTH).normalize_identifier(name)
    return found


def refuse_repeated(pull: Pull, table: str, rows: Iterable[Row], grain: Sequence[str]) -> None:
    """Raise AnswerError if two rows are equal in the columns `grain`: both would count."""
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        key = tuple(row[name] for name in grain)
        if key in seen:
            shown = ", ".join(f"{name} {row[name]}" for name in grain)
            raise AnswerError(
                f"{pull}, {table}: the vendor gives two rows of {shown}; nothing was loaded.", row
            )
        seen.add(key)


def require_measures(
    pull: Pull,
    table: str,
    rows: Entries,
    required: Sequence[str],
    is_part: bool = False,
) -> None:
    """Raise AnswerError where a measure was renamed or dropped, rather than being zero.

    That is the case where no row has it, or where all rows without it have a number that no other
    row has. Parts of a pull are checked too, unless they are small: the change may fall between two
    responses.
    """
    for name in required:
        lacking = [row for row in rows if row.get(name) is None]
        instead = _instead(rows, lacking, name) if 0 < len(lacking) < len(rows) else ""
        is_gone = lacking and len(lacking) == len(rows) and not (is_part and len(rows) < FEW_ROWS)
        if is_gone or instead:
            raise AnswerError(
                f"{pull}, {table} of {pull.window}: no {name} in {counted(len(lacking), 'row')}; "
                f"the vendor renamed or dropped it{instead}. Nothing was loaded; the table keeps "
                "its rows."
            )


def days_without(rows: Entries, required: Sequence[str]) -> list[str]:
    """The days on which no row has a measure that rows of another day have, in words."""
    lines = []
    for name in required:
        days = {row["date"] for row in rows if "date" in row}
        having = {row["date"] for row in rows if "date" in row and row.get(name) is not None}
        if having and having < days:
            gone = ", ".join(str(day) for day in sorted(days - having))
            lines.append(f"the vendor gave no {name} for {gone}; it is missing there, not zero")
    return lines


def _instead(rows: Entries, lacking: Entries, measure: str) -> str:
    """What the rows without a measure have instead, in words."""
    others = {name for row in rows if row.get(measure) is not None for name in row}
    own = set.intersection(
        *({name for name in row.keys() - others if is_number(row[name])} for row in lacking)
    )
    return f", and gives {', '.join(sorted(own))} instead" if own else ""
