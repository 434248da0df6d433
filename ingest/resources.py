"""Thin decorators over `dlt.resource`: what exactness needs beyond it.

`daily` replaces whole business days, `whole_list` a client's whole table, `by_file` whole files.
Each reads one table and proves that it is complete before its first row goes to dlt: personal data
is removed first, then control totals are computed, and a row with `_deleted` clears the old rows,
so that rows deleted at the vendor are deleted here. What the table reports (totals, files, rejected
rows, its failure) is passed on as dlt's resource metrics.

In plain dlt a table that fails raises. In `ingest.pull` it keeps its rows while others load.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any

from ingest import registry
from ingest.dead_letters import redacted
from ingest.dlt_pipeline import (
    ROWS,
    active_pipeline,
    file_format,
    running_load,
    working_folder,
)
from ingest.import_file import dlt_format
from ingest.model import (
    Failure,
    Found,
    Part,
    Pull,
    Row,
    TableMetrics,
    days,
    default_window,
    explicit_window,
)
from ingest.privacy.rows import Protection
from ingest.table_rows import days_without, require_measures
from signalroom import clients, clock, logs, settings, tracing
from signalroom.errors import (
    AbsentError,
    AnswerError,
    CredentialsError,
    DeferredError,
    ForbiddenError,
    SourceError,
)
from signalroom.paths import root
from signalroom.sources import declared

# Set before dlt is first used: otherwise its telemetry is on, and a load that fails permanently is
# retried forever.
os.environ.setdefault("DLT_PROJECT_DIR", str(root()))

import dlt
import pyarrow as pa
from dlt.common.configuration.specs import BaseConfiguration
from dlt.extract.resource import DltResource

from ingest.days_in_parts import DaysInParts, Once
from ingest.table_rows import DELETED, Files, TableRows

Read = Callable[..., Iterable[Row] | Found]
ReadParts = Callable[..., Iterable[Part]]
ReadFiles = Callable[..., Iterable[Any]]
Make = Callable[..., DltResource]
Columns = Mapping[str, Mapping[str, Any]]
# New columns are allowed; a changed type would silently corrupt the casts in staging.
# dlt injects nothing: a variable START in the user's shell must not move a window.
SOURCE: Mapping[str, Any] = {
    "schema_contract": {"tables": "evolve", "columns": "evolve", "data_type": "freeze"},
    "max_table_nesting": 0,
    "spec": BaseConfiguration,
}
TOMBSTONE: Columns = {DELETED: {"data_type": "bool", "hard_delete": True}}
# A primary key would make its columns non-nullable, but rows that clear a day have nulls there.
REPLACE: Any = {"disposition": "merge", "strategy": "delete-insert"}


def plain_pull(
    source: str,
    client_id: str | None,
    start: str | date | None,
    end: str | date | None,
    **given: str | None,
) -> Pull:
    """The pull of a source run by plain dlt: it has no ledger and fails as a whole.

    Without dates it covers the window of a first pull. `given` are variables that were passed as
    arguments; they override the environment, and logs mask them.
    """
    settings.load_env_file()
    for name, value in given.items():
        if value and declared(source).VARIABLES[name].get("secret"):
            logs.learn(value)
    client = client_id or clients.default_client_id()
    named = explicit_window(_day(start), _day(end)) if start or end else None
    return Pull(
        client_id=client,
        window=named or default_window(None, source=source),
        as_of=clock.now(),
        resources=registry.source(source).chosen(client),
        source=source,
        given={name: value for name, value in given.items() if value},
    )


def _day(value: str | date | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def daily(
    *,
    columns: Columns,
    measures: Sequence[str] = (),
    required: Sequence[str] = (),
    documents: Sequence[str] = (),
    days_kept: int | None = None,
    limit: str = "",
    is_spared: bool = False,
) -> Callable[[Read], Make]:
    """A table by business day: its function returns every row of the pull's window.

    `measures` are the columns whose sums are kept as control totals; without a column of
    `required` in any row the pull fails. Days older than `days_kept` are neither requested nor
    emptied. `documents` are columns of JSON, which becomes text.
    `limit` names the vendor's rate limit where there are several. `is_spared`: a key without
    permission for it causes only a notice.
    """

    def decorate(read: Read) -> Make:
        def parts(pull: Pull, table: str, *rest: Any) -> Iterator[Any]:
            covered = list(days(pull.window))
            with _files(columns, documents) as files:
                rows = TableRows(pull, table, columns, documents, measures, covered)
                _take(rows, read(pull, *rest), files, required)
                rows.check()
                pull.metrics.totals += rows.totals()
                files.clear(_emptied(pull, covered))
                yield from files.items()

        return _maker(
            read, parts, columns, ("_client_id", "date"), days_kept, limit, is_spared=is_spared
        )

    return decorate


def daily_in_parts(
    *,
    columns: Columns,
    measures: Sequence[str] = (),
    documents: Sequence[str] = (),
    days_kept: int | None = None,
    limit: str = "",
    once: Once | None = None,
) -> Callable[[ReadParts], Make]:
    """Like `daily`, for a large table: its function yields the days in order, each in parts.

    If it fails, the complete days before that are loaded, and the others keep their rows; a day
    that a limit cut off is continued by the next pull. `once` leaves each event once in a whole
    day's rows.
    """

    def decorate(read: ReadParts) -> Make:
        def parts(pull: Pull, table: str, *rest: Any) -> Iterator[Any]:
            failure: SourceError | None = None
            days_read = DaysInParts(pull, table, columns, documents, measures, once)
            with _files(columns, documents) as files:
                try:
                    for part in read(days_read.pull, *rest):
                        whole = days_read.add(part)
                        for batch in whole.to_batches() if whole else ():
                            files.write(pa.Table.from_batches([batch]))
                        if part.reached is None:
                            files.clear(_emptied(pull, [part.day]))
                except SourceError as error:
                    failure = error
                    days_read.keep(error)
                yield from files.items()
            if failure:
                raise failure

        return _maker(read, parts, columns, ("_client_id", "date"), days_kept, limit)

    return decorate


def whole_list(
    *,
    columns: Columns,
    measures: Sequence[str] = (),
    required: Sequence[str] = (),
    documents: Sequence[str] = (),
    limit: str = "",
) -> Callable[[Read], Make]:
    """A list that is always read as a whole: the client's rows are replaced together."""

    def decorate(read: Read) -> Make:
        def parts(pull: Pull, table: str, *rest: Any) -> Iterator[Any]:
            with _files(columns, documents) as files:
                rows = TableRows(pull, table, columns, documents, measures)
                _take(rows, read(pull, *rest), files, required)
                rows.check()
                pull.metrics.totals += rows.totals()
                files.clear([{"_client_id": pull.client_id, DELETED: True}])
                yield from files.items()

        return _maker(read, parts, columns, ("_client_id",), None, limit, is_spared=True)

    return decorate


def by_file(*, columns: Columns) -> Callable[[ReadFiles], Make]:
    """A table by file: its function yields files to import, each after the row that clears it.

    The function applies the policy on personal data itself, and reports totals, files and rejected
    rows to `pull.metrics`.
    """

    def decorate(read: ReadFiles) -> Make:
        def parts(pull: Pull, table: str, *rest: Any) -> Iterator[Any]:
            yield from read(pull, *rest)

        return _maker(read, parts, columns, ("_client_id", "_file_name"), None, "")

    return decorate


def _maker(
    read: Callable[..., Any],
    parts: Callable[..., Iterator[Any]],
    columns: Columns,
    merge_key: tuple[str, ...],
    days_kept: int | None,
    limit: str,
    is_spared: bool = False,
) -> Make:
    """A function that creates the resource for one pull; `name` is for tables named by settings."""

    @wraps(read)
    def make(pull: Pull, *rest: Any, name: str = read.__name__) -> DltResource:
        def rows() -> Iterator[Any]:
            part = pull.within(days_kept)
            if part is None:
                pull.notice(
                    f"{name}: {pull.source} no longer keeps {pull.window}; the table keeps what it "
                    "has"
                )
            elif pull.tables is None or not pull.tables.ended & {"", limit}:
                part = replace(part, metrics=TableMetrics())
                begun = clock.instant()
                try:
                    yield from parts(part, name, *rest)
                    if pull.tables is not None:
                        pull.tables.read.append(name)
                except SourceError as error:
                    if not _keep_failure(part, name, error, limit, is_spared):
                        return
                finally:
                    tracing.record(
                        "resource", begun, clock.instant(), source=pull.source, table=name
                    )
                dlt.current.resource_metrics().update(part.metrics.as_metrics())

        kept = Protection(pull.source, name, pull.client_id).columns(columns)
        # copies, because dlt writes each column's name into its hints
        hints: Any = {column: dict(hint) for column, hint in {**kept, **TOMBSTONE}.items()}
        made: DltResource = dlt.resource(
            rows,
            name=name,
            columns=hints,
            write_disposition=REPLACE,
            merge_key=merge_key,
            max_table_nesting=0,
            file_format=dlt_format(file_format()),
            selected=name in pull.resources,
            spec=BaseConfiguration,
        )
        return made

    return make


def _keep_failure(pull: Pull, table: str, error: SourceError, limit: str, is_spared: bool) -> bool:
    """Whether the error affects this table alone; it is then kept in the table's metrics.

    A missing additional table, or an additional list that the key may not read, causes only a
    notice. Raises the error if it ends the whole pull.
    """
    if pull.tables is None:
        raise error
    is_further = table != pull.resources[0]
    if is_further and isinstance(error, AbsentError):
        pull.notice(f"{table}: the vendor has none for this account")
        return False
    if is_further and is_spared and isinstance(error, ForbiddenError):
        pull.notice(f"{table} keeps its rows: the key may not read it ({error})")
        return False
    payload = None
    if isinstance(error, CredentialsError):
        if not (pull.tables.read or pull.metrics.totals):  # nor any day of this table
            raise error
    elif isinstance(error, AnswerError):
        scope = {"client_id": pull.client_id, "source": pull.source, "table_name": table}
        payload = redacted(error.payload, scope)
    else:
        # unreachable: the other tables would fail too; rate-limited: those under the same limit
        # would
        pull.tables.ended.add(limit if isinstance(error, DeferredError) else "")
    pull.metrics.failure = Failure.of(error, payload)
    return True


@contextmanager
def _files(columns: Columns, documents: Sequence[str]) -> Iterator[Files]:
    """Files in the running pipeline's folder, so that importing one links it, with no copy."""
    declared = {**columns, **TOMBSTONE}
    load_id = running_load()
    if load_id is None:  # a resource that is iterated without a pipeline
        yield Files(None, "arrow", declared)
        return
    with working_folder(ROWS, active_pipeline().working_dir) as own:
        yield Files(Path(own), file_format(bool(documents)), declared, load_id)


def _take(
    rows: TableRows, given: Iterable[Row] | Found, files: Files, required: Sequence[str]
) -> None:
    """Write all rows of a source; rows that must have a measure are checked together."""
    found = given if isinstance(given, Found) else Found(given, {})
    of_source = found.rows
    if required:
        of_source = list(found.rows)
        require_measures(rows.pull, rows.name, of_source, required)
        for gone in days_without(of_source, required):
            rows.pull.notice(f"{rows.name}: {gone}")
    files.declare(rows.kept(found.columns))
    for table in rows.tables(of_source, found.columns):
        files.write(table)


def _emptied(pull: Pull, covered: Iterable[date]) -> list[Row]:
    return [{"_client_id": pull.client_id, "date": day, DELETED: True} for day in covered]
