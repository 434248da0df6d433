"""Rows from a vendor's nested JSON: which key becomes which column, and its values made exact.

Every plausible form of a value is read: Decimal for money, int for counts, ids as text or
numbers, flags as 0/1 or true/false, instants as epochs or ISO text; None for no value. Fields that
the vendor adds later become columns of text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any

from ingest.model import Pull, Row
from signalroom.errors import AnswerError

MONEY_TYPE: Mapping[str, Any] = {"data_type": "decimal", "precision": 38, "scale": 18}
COUNT_TYPE: Mapping[str, Any] = {"data_type": "bigint"}
TEXT_TYPE: Mapping[str, Any] = {"data_type": "text"}
DATE_TYPE: Mapping[str, Any] = {"data_type": "date"}
EXACT = Context(prec=80)  # Decimal's own 28 digits are too few for sums of decimal(38, 18)
_SCALE = Decimal(1).scaleb(-18)
DIGITS = 19  # digits before the decimal point
LARGEST_COUNT = 2**63  # a bigint


def money(value: object) -> Decimal | None:
    """An amount with every digit the vendor gave (up to 18 decimals); None when it gave none."""
    number = _number(value)
    if number is None:
        return None
    if number.adjusted() >= DIGITS:
        raise AnswerError(f"The amount {_shown(value)} is too large to be money.")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -18:
        return number.quantize(_SCALE, rounding=ROUND_HALF_EVEN, context=EXACT)
    return number


def count(value: object) -> int | None:
    """A whole number; None when the vendor gave none; AnswerError for a fraction."""
    number = _number(value)
    if number is None:
        return None
    # checked first: converting 1e999999999 would take gigabytes
    if number.adjusted() >= DIGITS or not -LARGEST_COUNT <= (whole := int(number)) < LARGEST_COUNT:
        raise AnswerError(f"{_shown(value)} is too large to be a count.")
    if number != whole:
        raise AnswerError(f"{_shown(value)} is not a whole number.")
    return whole


def total(values: Iterable[Decimal | int | None]) -> Decimal:
    """The exact sum; None adds nothing."""
    found = Decimal(0)
    for value in values:
        found = EXACT.add(found, Decimal(value or 0))
    return found


def is_number(value: object) -> bool:
    """Whether the value is a number, or the text of one."""
    try:
        return _number(value) is not None
    except AnswerError:
        return False


def _number(value: object) -> Decimal | None:
    if value is None or isinstance(value, bool) or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        raise AnswerError(f"{_shown(value)} is not a number.") from None
    if not number.is_finite():
        raise AnswerError(f"{_shown(value)} is not a number.")
    return number


def _shown(value: object) -> str:
    """A value for an error message, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


FLAG_TYPE: Mapping[str, Any] = {"data_type": "bool"}
INSTANT_TYPE: Mapping[str, Any] = {"data_type": "timestamp", "timezone": True}
# An epoch this large would be the year 5138: milliseconds; or micro- or nanoseconds.
_FRACTIONS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
# MySQL's zero date, as stored and as PHP reads it: in the year 0, or before it
ZERO_DATE = re.compile(r"0{4}-\d\d-\d\d|-\d{3,6}-\d\d-\d\d|00[/.-]00[/.-]0{4}")
NEVER = -62_135_510_400  # the end of the year 1's first day, Go's zero time in any zone
# `20261101`, `20261101093000`: as an epoch, no vendor was there yet, or will be for centuries
_COMPACT = re.compile(r"((?:19|20)\d{6})(\d{6})?")
_OFFSET = re.compile(r" ?([+-]\d\d:?\d\d) ?(?:[A-Z]*|[+-]\d\d(?:\d\d)?)$")
_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})

Reader = Callable[[object], object]  # gives None for None


@dataclass(frozen=True)
class Field:
    """One column: the path of its value (keys joined by dots) and its type."""

    path: str
    kind: Mapping[str, Any]


class Fields(dict[str, Field]):
    """The fields of a table by column; whatever reading a row needs from them is computed once."""

    @cached_property
    def plan(self) -> list[tuple[str, str, list[str], Reader]]:
        """For each column: its name, its key, the keys below that one, its reader."""
        return [
            (name, key, below, _READERS[field.kind["data_type"]])
            for name, field in self.items()
            for key, *below in [field.path.split(".")]
        ]

    @cached_property
    def used(self) -> frozenset[str]:
        """The keys of an entry that have a column."""
        return frozenset(key for _, key, _, _ in self.plan)


def columns_of(fields: Mapping[str, Field]) -> dict[str, Mapping[str, Any]]:
    """The columns' types, for dlt."""
    return {name: field.kind for name, field in fields.items()}


def read_fields(entry: Mapping[str, Any], fields: Fields, where: str = "") -> Row:
    """The declared columns of one entry; None for a missing value.

    AnswerError for a bad value; with `where` its message is complete.
    """
    row: Row = {}
    name = ""
    try:
        for name, key, below, read in fields.plan:
            value = entry.get(key)
            for one in below:
                value = value.get(one) if isinstance(value, dict) else None
            row[name] = None if value is None else read(value)
    except AnswerError as error:
        message = f"{fields[name].path}: {error}"
        if where:
            message = f"{where}: {message.rstrip('.')}; nothing was loaded."
        raise AnswerError(message, entry) from None
    return row


def unknown_fields(entry: Mapping[str, Any], fields: Fields) -> Row:
    """The entry's plain values without a declared column, as text under their own names."""
    used = fields.used
    row: Row = {}
    for key, value in entry.items():
        if key in used or isinstance(value, (dict, list)):
            continue
        if name := _unknown_name(key, fields):
            row[name] = text(value)
    return row


def _unknown_name(key: str, fields: Fields) -> str | None:
    name = _column_name(key)
    if not name or name in fields or name == "date":
        return None
    return name if name[0].isalpha() else f"c_{name}"


@lru_cache(maxsize=10_000)
def _column_name(key: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")


def _columns_read(
    entries: Sequence[Mapping[str, Any]], fields: Fields, skipped: Sequence[str]
) -> list[list[Any]]:
    """The declared columns of all entries, each as `read_fields` has its values."""
    found: dict[tuple[str, ...], list[Any]] = {}
    columns = []
    for _, key, below, read in fields.plan:
        if (key,) not in found:
            found[key,] = [None] * len(entries) if key in skipped else _values(entries, key)
        for depth in range(1, len(below) + 1):
            path = (key, *below[:depth])
            if path not in found:  # the id and name of one object share one lookup
                found[path] = _values(found[path[:-1]], path[-1])
        columns.append(_column_read(found[key, *below], read))
    return columns


def _values(entries: Sequence[Any], key: str) -> list[Any]:
    """The value of a key in each entry; None without one, or where an entry is not an object."""
    try:
        return list(map(itemgetter(key), entries))
    except (KeyError, TypeError):
        return [one.get(key) if isinstance(one, (dict, Mapping)) else None for one in entries]


def _column_read(values: list[Any], read: Reader) -> list[Any]:
    """Each value converted; equal values of one type are converted once."""
    types = set(map(type, values)) - {type(None)}
    if not types:
        return values
    if types == {str} and read is text:
        distinct = set(values) - {None}
        is_plain = "" not in distinct and not any(map(str.isspace, distinct))
        if is_plain and "\x00" not in "".join(distinct):
            return values
    if len(types) == 1 and types <= {str, int, bool}:
        known = {value: None if value is None else read(value) for value in set(values)}
        return [known[value] for value in values]
    return [None if value is None else read(value) for value in values]


def text(value: object) -> str | None:
    """The exact text of a value; None for nothing and for blanks, JSON for lists and objects."""
    if isinstance(value, str):
        # PostgreSQL's text cannot hold a NUL
        stored = value.replace("\x00", "")
        return stored if stored.strip() else None
    if value is None or value == []:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str, ensure_ascii=False, sort_keys=True)
    return str(value)


def flag(value: object) -> bool | None:
    """A boolean; None when the vendor gave neither yes nor no."""
    if isinstance(value, bool):
        return value
    written = (text(value) or "").strip().lower()
    if not written:
        return None
    if written in _YES or written in _NO:
        return written in _YES
    raise AnswerError(f"{value!r} is neither yes nor no.")


def instant(value: object) -> datetime | None:
    """An instant in UTC, from an epoch (seconds or milliseconds) or ISO text.

    ISO text without an offset is read as UTC; 0 and the year 1 mean: never. Go's own notation
    (`2026-01-15 10:00:00 +0000 UTC`) is read too.
    """
    if type(value) is int and 0 < value < 10**19 and not _COMPACT.fullmatch(str(value)):
        parts = next((one for least, one in _FRACTIONS if value >= least), 1)
        return datetime.fromtimestamp(value / parts, UTC)
    written = str(value) if type(value) is int else (text(value) or "").strip().upper()
    if compact := _COMPACT.fullmatch(written):
        written = f"{compact[1]}T{compact[2] or '000000'}"
    if offset := _OFFSET.search(written):
        written = written[: offset.start()] + offset[1]
    if not written or ZERO_DATE.match(written):
        return None
    if re.fullmatch(r"-?\d+(\.\d+)?", written):
        return _moment(Decimal(written), value)
    try:
        moment = datetime.fromisoformat(written)
    except (ValueError, OverflowError, OSError):
        raise AnswerError(f"{value!r} is not a valid time.") from None
    if moment.year <= 1:
        return None
    # the last representable instant cannot be converted to a zone
    if moment.tzinfo is None or moment.year == MAXYEAR:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _moment(number: Decimal, value: object) -> datetime | None:
    """The instant of an epoch; `value` is its original form, for the error."""
    parts = next((one for least, one in _FRACTIONS if abs(number) >= least), 1)
    seconds = number / parts
    if not seconds or seconds < NEVER:
        return None
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise AnswerError(f"{value!r} is not a valid time.") from None


def by_key(rows: Sequence[Row], key: str) -> list[Row]:
    """The rows with each key once; the last one given wins, in the position of the first."""
    return list({row[key]: row for row in rows}.values())


_READERS: Mapping[str, Reader] = {
    "decimal": money,
    "bigint": count,
    "text": text,
    "bool": flag,
    "timestamp": instant,
}


Columns = Mapping[str, Mapping[str, Any]]
CLIENT_COLUMN: Columns = {"_client_id": {**TEXT_TYPE, "nullable": False}}


@dataclass(frozen=True)
class Shape:
    """The columns of a table.

    `fields` are plain values; `documents` are kept as JSON text, each with its key; `skipped` are
    keys to ignore. Any other plain value becomes a column of text.
    """

    fields: Mapping[str, Field]
    documents: Mapping[str, str] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    @property
    def columns(self) -> Columns:
        """The columns' types, for dlt."""
        return {**CLIENT_COLUMN, **columns_of(self.known)}

    @property
    def known(self) -> Fields:
        """All columns by name."""
        documents = {name: Field(key, TEXT_TYPE) for name, key in self.documents.items()}
        return Fields({**self.fields, **documents})


class Entries:
    """Reads the entries of one table for one pull."""

    def __init__(self, table: str, pull: Pull, shape: Shape) -> None:
        self._where = f"{pull}, {table}"
        self._client_id = pull.client_id
        self._shape = shape
        self._fields = Fields(shape.fields)
        self._known = shape.known

    def row(self, entry: object, **more: object) -> Row:
        """The row of one entry, with `more` columns; AnswerError where it cannot be read."""
        if not isinstance(entry, Mapping):
            raise AnswerError(
                f"{self._where}: an entry is not an object; nothing was loaded.", entry
            )
        entry = {key: value for key, value in entry.items() if key not in self._shape.skipped}
        row = read_fields(entry, self._fields, self._where)
        for name, key in self._shape.documents.items():
            row[name] = entry.get(key)
        return {
            "_client_id": self._client_id,
            **row,
            **unknown_fields(entry, self._known),
            **more,
        }

    def rows(self, entries: Sequence[object]) -> Iterator[Row]:
        """`row` of each entry, read column by column; the first unreadable entry raises."""
        found = [entry for entry in entries if isinstance(entry, Mapping)]
        try:
            rows = self._read_together(found) if len(found) == len(entries) else None
        except AnswerError:  # read again row by row: the rows before the bad one come first
            rows = None
        yield from map(self.row, entries) if rows is None else rows

    def _read_together(self, entries: Sequence[Mapping[str, Any]]) -> list[Row] | None:
        """The rows of all entries; None where two unknown keys would share a column."""
        shape = self._shape
        skipped, documents = shape.skipped, shape.documents
        keys = set().union(*entries) - self._known.used - set(skipped)
        further = {key: name for key in sorted(keys) if (name := _unknown_name(key, self._known))}
        if len(set(further.values())) < len(further):
            return None
        columns = [
            [self._client_id] * len(entries),
            *_columns_read(entries, self._fields, skipped),
            *(
                [None if key in skipped else entry.get(key) for entry in entries]
                for key in documents.values()
            ),
        ]
        names = ("_client_id", *self._fields, *documents)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        for key, name in further.items():
            for entry, row in zip(entries, rows, strict=True):
                if key in entry and not isinstance(value := entry[key], (dict, list)):
                    row[name] = text(value)
        return rows

    def error(self, reason: str) -> AnswerError:
        """An answer that cannot be used, in one line."""
        return AnswerError(f"{self._where}: {reason}; nothing was loaded.")
