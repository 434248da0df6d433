"""The ledger of loads, in schema `ops` next to the rows: what was pulled when, with what result.

Written after the rows, in one transaction. A crash in between leaves older control totals next to
newer rows: dbt's reconciliation then blocks the marts until the pull is repeated.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ingest import unfinished, versions
from ingest.model import ControlTotal, DeadLetter, KnownFile, Pull, Row, TableMetrics, Window
from ingest.privacy.forgotten import forget_again
from ingest.privacy.policy import load_forgotten
from signalroom import clock
from signalroom.bulk import ROWS_PER_INSERT, insert
from signalroom.errors import ConfigurationError, WarehouseError
from signalroom.migrations import prepare_warehouse
from signalroom.settings import target, window_days
from signalroom.warehouse import Execute, read, transaction

MANY_ROWS = 20  # of a list; in a smaller one the loss of most rows means nothing
WHERE = "_client_id = :_client_id and source = :source and table_name = :table_name"


def prepare() -> None:
    """Bring the tables of `ops` up to date.

    Raises ConfigurationError where rows of the simulated agency would mix with real ones.
    """
    ours = "simulated" if os.environ.get("SIGNALROOM_SANDBOX") else "real"
    prepare_warehouse()
    with transaction() as execute:
        load_forgotten(execute)
        found = execute("select origin from ops.origin")
        if not found:
            execute("insert into ops.origin (origin) values (:ours)", {"ours": ours})
        elif found[0]["origin"] != ours:
            raise ConfigurationError(
                f"This warehouse holds {found[0]['origin']} data, and {ours} data would be loaded "
                "next to it: set SIGNALROOM_HOME to a new folder (on postgres: another database), "
                "or remove the demo with `make reset`."
            )


ROWS_OF_LIST = (
    f"select total from ops.control_totals where {WHERE}"  # noqa: S608
    " and partition_key = 'all' and measure = 'rows'"
)
COVERAGE = (
    "select table_name, window_start, window_end from ops.loads"
    " where _client_id = :client_id and source = :source"
)
FILES = (
    "select table_name, file_name, etag, size_bytes, status, header from ops.file_ledger"
    " where _client_id = :client_id and source = :source"
)


def coverage(client_id: str, source: str, tables: Sequence[str]) -> Window | None:
    """The contiguous days that pulls covered in all of these tables; None when never.

    Only the last day where an additional table was never loaded: it is new, or the vendor does not
    have it, and days that an outage left out of the others are still pulled.
    """
    with transaction() as execute:
        rows = execute(COVERAGE, {"client_id": client_id, "source": source})
    return _common(rows, tables)


def known_files(client_id: str, source: str) -> dict[tuple[str, str], KnownFile]:
    """The files already read, by table and file name."""
    with transaction() as execute:
        rows = execute(FILES, {"client_id": client_id, "source": source})
    return _by_name(rows)


def peek(
    client_id: str, source: str, tables: Sequence[str]
) -> tuple[Window | None, dict[tuple[str, str], KnownFile]]:
    """Coverage and known files for a plan: nothing is written or waited for.

    Empty where the ledger cannot be read at once.
    """
    scope = {"client_id": client_id, "source": source}
    try:
        loads = read(COVERAGE, scope, within="ops", wait_s=0)
        files = read(FILES, scope, within="ops", wait_s=0)
    except WarehouseError:
        return None, {}
    return _common(loads, tables), _by_name(files)


def _common(rows: Iterable[Row], tables: Sequence[str]) -> Window | None:
    known = {row["table_name"]: row for row in rows if row["table_name"] in tables}
    if not tables or tables[0] not in known:
        return None
    end = min(row["window_end"] for row in known.values())
    is_new = len(known) < len(tables)
    return Window(end if is_new else max(row["window_start"] for row in known.values()), end)


def _by_name(rows: Iterable[Row]) -> dict[tuple[str, str], KnownFile]:
    return {
        (row["table_name"], row["file_name"]): KnownFile(
            row["etag"], row["size_bytes"], row["status"], row["header"] or ""
        )
        for row in rows
    }


def file_problems() -> list[dict[str, Any]]:
    """Files that were not loaded, or loaded with unreadable values, until they are replaced.

    Each with `client_id, source, table_name, file_name, status, reason, loaded_at`.
    """
    return read(
        "select _client_id as client_id, source, table_name, file_name, status, reason,"
        " loaded_at from file_ledger where status in ('refused', 'waiting', 'unreadable')"
        " or (status = 'loaded' and reason <> '') order by 1, 2, 3, 4",
        within="ops",
    )


@dataclass(frozen=True)
class _Entry:
    """The scope of one table's rows in the ledger, and the statements about it."""

    execute: Execute
    pull: Pull
    table: str
    metrics: TableMetrics
    load_id: str | None
    loaded_at: datetime

    @property
    def scope(self) -> dict[str, Any]:
        return {
            "_client_id": self.pull.client_id,
            "source": self.pull.source,
            "table_name": self.table,
        }

    def select(self, table: str, columns: str) -> list[Row]:
        return self.execute(f"select distinct {columns} from ops.{table} where {WHERE}", self.scope)  # noqa: S608

    def delete(self, table: str, condition: str = "true", **values: object) -> None:
        self.execute(
            f"delete from ops.{table} where {WHERE} and {condition}",  # noqa: S608
            {**self.scope, **values},
        )

    def insert(self, table: str, rows: Iterable[Mapping[str, object]]) -> None:
        insert(self.execute, table, [{**self.scope, **row} for row in rows])


def require_kept(pull: Pull, tables: Mapping[str, TableMetrics], load_id: str | None) -> None:
    """Raise WarehouseError where DuckDB does not hold the rows it has just committed.

    Seen once: part of a list was missing. Tables by file are only counted by the build.
    """
    if target() != "duckdb" or load_id is None:
        return
    with transaction() as execute:
        for table, metrics in tables.items():
            if metrics.files or not metrics.totals:
                continue
            given = sum(int(total.totals["rows"]) for total in metrics.totals)
            found = execute(
                f'select count(*) as kept from {pull.source}."{table}"'  # noqa: S608
                " where _dlt_load_id = :load_id",
                {"load_id": load_id},
            )
            if found[0]["kept"] != given:
                raise WarehouseError(
                    f"{pull}, {table}: {given:,} rows were loaded and {found[0]['kept']:,} are "
                    "there. The load does not count: run it again, which replaces them."
                )


def record(pull: Pull, tables: Mapping[str, TableMetrics], load_id: str | None) -> int:
    """Record what a load contained; returns how many days or files differ from the last load."""
    loaded_at = clock.instant()
    changed = 0
    with transaction() as execute:
        for table, metrics in tables.items():
            entry = _Entry(execute, pull, table, metrics, load_id, loaded_at)
            changed += _record_totals(entry)
            _record_files(entry)
            _record_load(entry)
        versions.record(execute, pull, tables, load_id)
        unfinished.record(execute, pull, tables)
        if pull.tables:
            forget_again(execute, pull.source, pull.tables.begun)
        insert(execute, "pulls", versions.pulled(pull, tables, loaded_at))
    return changed


def _record_totals(entry: _Entry) -> int:
    known = {
        row["partition_key"]: row["digest"]
        for row in entry.select("control_totals", "partition_key, digest")
    }
    totals = entry.metrics.totals
    for total in totals:
        _warn_if_shrunk(entry, total)
    given = [total.partition_key for total in totals if total.partition_key in known]
    _delete_all(entry, "control_totals", "partition_key", given)
    as_of = entry.pull.as_of
    entry.insert(
        "control_totals",
        (
            {
                "partition_key": total.partition_key,
                "day": total.day,
                "measure": measure,
                "total": amount,
                "as_of": as_of,
                "is_closed": total.day is None or clock.is_closed(total.day, as_of),
                "loaded_at": entry.loaded_at,
                "digest": total.digest,
            }
            for total in totals
            for measure, amount in total.totals.items()
        ),
    )
    return sum(_differs(total, known) for total in totals)


def _delete_all(entry: _Entry, table: str, column: str, values: Sequence[str]) -> None:
    for start in range(0, len(values), ROWS_PER_INSERT):
        part = {f"v_{n}": one for n, one in enumerate(values[start : start + ROWS_PER_INSERT])}
        entry.delete(table, f"{column} in ({', '.join(f':{name}' for name in part)})", **part)


def _warn_if_shrunk(entry: _Entry, total: ControlTotal) -> None:
    """Warn about a list that lost most of its rows: the key may see less of it than before."""
    if total.day is not None or entry.metrics.files:
        return
    found = entry.execute(ROWS_OF_LIST, entry.scope)
    before = int(found[0]["total"]) if found else 0
    now = int(total.totals.get("rows", 0))
    if is_shrunk(now, before):
        entry.pull.notice(
            f"{entry.table} has {now:,} rows, {before:,} before: check whether the key or its role "
            "still sees all of them"
        )


def is_shrunk(now: int, before: int) -> bool:
    """Whether a list lost most of its rows."""
    return before >= MANY_ROWS and now * 2 < before


def rows_of_list(client_id: str, source: str, table: str) -> int:
    """How many rows a list had when it was last loaded, without waiting; 0 when unknown."""
    scope = {"_client_id": client_id, "source": source, "table_name": table}
    try:
        found = read(ROWS_OF_LIST, scope, within="ops", wait_s=0)
    except WarehouseError:
        return 0
    return int(found[0]["total"]) if found else 0


def _differs(total: ControlTotal, known: Mapping[str, str]) -> bool:
    if total.partition_key not in known:
        return total.totals.get("rows", 0) != 0
    return known[total.partition_key] != total.digest


def _record_files(entry: _Entry) -> None:
    for file in entry.metrics.files:
        entry.delete("file_ledger", "file_name = :file", file=file.file_name)
        if file.status == "loaded":  # a file that is read again reports its rejected rows again
            condition = "partition_key = :file and resolved_at is null"
            entry.delete("dead_letters", condition, file=file.file_name)
    entry.insert(
        "file_ledger",
        (
            {**vars(file), "load_id": entry.load_id, "loaded_at": entry.loaded_at}
            for file in entry.metrics.files
            if file.status != "gone"
        ),
    )
    letters = _not_discarded(entry)
    again = {(one.partition_key, one.reason) for one in letters if one.line_number is None}
    if again:  # each pull of its day reports it again
        known = entry.select("dead_letters", "dead_letter_id, partition_key, reason")
        ids = [
            row["dead_letter_id"] for row in known if (row["partition_key"], row["reason"]) in again
        ]
        _delete_all(entry, "dead_letters", "dead_letter_id", ids)
    entry.insert(
        "dead_letters",
        (
            {
                "dead_letter_id": uuid.uuid4().hex[:12],
                **vars(letter),
                "load_id": entry.load_id,
                "created_at": entry.loaded_at,
            }
            for letter in letters
        ),
    )


def _not_discarded(entry: _Entry) -> list[DeadLetter]:
    """The table's dead letters, without those of answers that were discarded before."""
    letters = entry.metrics.dead_letters
    if not letters:
        return []
    rows = entry.execute(
        "select partition_key, reason from ops.dead_letters"  # noqa: S608
        f" where {WHERE} and line_number is null and resolution = 'discarded'",
        entry.scope,
    )
    discarded = {(row["partition_key"], row["reason"]) for row in rows}
    return [
        letter
        for letter in letters
        if letter.line_number is not None or (letter.partition_key, letter.reason) not in discarded
    ]


def _record_load(entry: _Entry) -> None:
    """When the table was last pulled, and the contiguous days that pulls covered.

    A pull of days beyond a gap is a normal load, but does not extend the covered days: the next
    scheduled pull must not skip the days in between. A pull that failed partway counts for the days
    it had read, so that the next one continues after them.
    """
    window, today = _read_days(entry), clock.today()
    if entry.pull.is_backfill or window is None:
        return
    known = entry.select("loads", "window_start, window_end")
    # a window in the future is a mistake
    known = [row for row in known if row["window_end"] <= today]
    covered = window
    before_all = today - timedelta(days=window_days("initial", entry.pull.source))
    by_day = any(total.day for total in entry.metrics.totals)
    if not known and by_day and window.end < before_all:
        return  # outside the first pull's window: the next pull still begins there
    if known:
        start, end = known[0]["window_start"], known[0]["window_end"]
        if window.end < end:  # a pull of old days says nothing about the newest
            if window.start < start <= window.end + timedelta(days=1):
                entry.execute(
                    f"update ops.loads set window_start = :start where {WHERE}",  # noqa: S608
                    {**entry.scope, "start": window.start},
                )
            return
        is_gap = window.start > end + timedelta(days=1)
        covered = Window(start, end) if is_gap else Window(min(start, window.start), window.end)
        if entry.metrics.failure:  # the time of the last successful pull does not change
            entry.execute(
                "update ops.loads set window_start = :start, window_end = :end"  # noqa: S608
                f" where {WHERE}",
                {**entry.scope, "start": covered.start, "end": covered.end},
            )
            return
    entry.delete("loads")
    entry.insert(
        "loads",
        [
            {
                "load_id": entry.load_id,
                "loaded_at": entry.loaded_at,
                "as_of": entry.pull.as_of,
                "window_start": covered.start,
                "window_end": covered.end,
                "row_count": sum(int(part.totals["rows"]) for part in entry.metrics.totals),
            }
        ],
    )


def _read_days(entry: _Entry) -> Window | None:
    """The days of the pull's window that were read; None where it failed before the first."""
    window = entry.pull.window
    if entry.metrics.failure is None:
        return window
    done = [total.day for total in entry.metrics.totals if total.day]
    return Window(window.start, max(done)) if done else None
