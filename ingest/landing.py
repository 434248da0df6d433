"""A bridge for sources that are not yet dlt sources: it goes with the last of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from ingest import model
from ingest.registry import SourceSettings
from signalroom.errors import AnswerError

ControlTotal = model.ControlTotal
DeadLetter = model.DeadLetter
FileRecord = model.FileRecord
FileStatus = model.FileStatus
KnownFile = model.KnownFile
Plan = model.Plan
Pull = model.Pull
Row = model.Row
TableMetrics = model.TableMetrics
Window = model.Window


@dataclass
class Landing:
    """Rows for one raw table, and what is said about them."""

    table: str
    rows: Iterable[Any]
    columns: Mapping[str, Mapping[str, Any]]
    merge_key: tuple[str, ...]
    totals: list[ControlTotal] = field(default_factory=list)
    files: list[FileRecord] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    unusable: list[AnswerError] = field(default_factory=list)


@dataclass(frozen=True)
class Source:
    """A source in the old form."""

    name: str
    title: str
    resources: tuple[str, ...]
    required: tuple[str, ...]
    account: Callable[[str], str]
    extract: Callable[[Pull], Iterable[Landing]]
    plan: Callable[[Pull], Plan]
    daily: tuple[str, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    tables: Callable[[str], tuple[str, ...]] | None = None


def bridged(old: Source) -> SourceSettings:
    """The source in the new form."""
    import dlt

    from ingest.resources import REPLACE, SOURCE, TOMBSTONE

    def resource(landing: Landing) -> Any:
        columns: Any = {
            name: dict(hints) for name, hints in {**landing.columns, **TOMBSTONE}.items()
        }

        def rows() -> Iterator[Any]:
            yield from landing.rows
            metrics = TableMetrics(
                landing.totals, landing.files, landing.dead_letters, landing.failures
            )
            dlt.current.resource_metrics().update(metrics.as_metrics())

        return dlt.resource(
            rows,
            name=landing.table,
            columns=columns,
            write_disposition=REPLACE,
            merge_key=landing.merge_key,
            max_table_nesting=0,
            file_format="parquet" if _is_duckdb() else "csv",
        )

    def read(pull: Pull) -> Any:
        @dlt.source(name=old.name, **SOURCE)
        def found() -> Any:
            return [resource(landing) for landing in old.extract(pull)]

        return found()

    kinds = {
        table: "day" if table in (*old.daily, *old.optional) else "file"
        for table in (*old.resources, *old.optional)
    }
    return SourceSettings(
        name=old.name,
        title=old.title,
        tables=kinds,
        required=old.required,
        account=old.account,
        optional=old.optional,
        client_tables=old.tables,
        functions=SimpleNamespace(**{old.name: read, "plan": old.plan}),
    )


def _is_duckdb() -> bool:
    from signalroom.settings import target

    return target() == "duckdb"
