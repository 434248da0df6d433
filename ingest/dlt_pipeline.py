"""dlt's pipelines as every pull uses them: settings, working folders, append or merge, errors."""

from __future__ import annotations

import fcntl
import gc
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ingest.model import FileRecord, Pull, TableMetrics
from signalroom.bulk import ROWS_PER_INSERT
from signalroom.connecting import when_full
from signalroom.errors import SignalRoomError, WarehouseError
from signalroom.lock import hold
from signalroom.logs import mask
from signalroom.paths import root
from signalroom.settings import target
from signalroom.warehouse import Execute, duckdb_connection, transaction

if TYPE_CHECKING:
    from dlt import Pipeline

    from ingest.import_file import FileFormat

DLT, FILES, ROWS = "signalroom-dlt-", "signalroom-s3-", "signalroom-rows-"
NEW = "signalroom-new-"
LOCK = "in-use.lock"
# 800 full columns need between 500 and 1,000 MB
DUCKDB_LEAST_MB, DUCKDB_MB_PER_COLUMN = 320, 2
SEARCH_EVERY = 50_000  # new objects
YOUNG_S = 60.0  # a folder that is just being created has no lock yet
# Questions about a type that dlt's lookup of its settings asks again for each value of each pull.
OF_TYPES = (
    *("is_secret_hint", "is_union_type", "is_optional_type", "is_hint_not_resolvable"),
    *("is_base_configuration_inner_hint", "is_context_inner_hint", "is_valid_hint"),
)
_settings_lock = threading.Lock()
_loading = threading.Lock()  # threads of one process wait for each other without a time limit
_applied: list[object] = []


def use_own_settings() -> None:
    """Have dlt read its settings from .dlt/config.toml alone, in this process; thread-safe.

    dlt also takes them from the environment, by short names such as REFRESH, DEV_MODE or
    CREDENTIALS, and from the user's ~/.dlt: a pull could then drop tables, or write to others.
    Plain dlt on one of the sources is not affected.
    """
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    with _settings_lock:
        context = Container()[PluggableRunContext]
        if context.providers in _applied:
            return
        context.providers = ConfigProvidersContainer([_own_settings()])
        context.context.reset_config()
        context.initialize_runtime()
        _applied[:] = [context.providers]
        remember_types()


def _own_settings() -> Any:
    """.dlt/config.toml for dlt; a name that occurs nowhere in it is not searched in each section.

    dlt asks for a thousand settings in a pull, and for each in up to ten sections.
    """
    from dlt.common.configuration.providers import ConfigTomlProvider

    class OwnSettings(ConfigTomlProvider):
        names: frozenset[str] | None = None

        def get_value(self, key: str, hint: Any, pipeline_name: Any, *sections: str) -> Any:
            names = self.names  # another thread may set it
            if names is None:
                names = self.names = frozenset(_names(self._config_doc))
            if key not in names:
                return None, key
            return super().get_value(key, hint, pipeline_name, *sections)

        def set_value(self, *given: Any) -> None:
            super().set_value(*given)
            self.names = None

        def set_fragment(self, *given: Any) -> None:
            super().set_fragment(*given)
            self.names = None

    return OwnSettings(str(root() / ".dlt"))


def _names(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        yield name
        if isinstance(value, Mapping):
            yield from _names(value)


@cache
def remember_types() -> None:
    """Have dlt analyze each type once in this process: an eighth of a small pull.

    It looks up a hundred and more settings for each pull, and checks each schema that it reads.
    """
    from dlt.common import validation
    from dlt.common.configuration import resolve
    from dlt.extract import extract

    for name in OF_TYPES:
        setattr(resolve, name, _remembered(getattr(resolve, name)))
    names = vars(validation)
    get_type_hints = names["get_type_hints"]

    @cache
    def hints_of(spec: Any) -> Any:
        return get_type_hints(spec, globalns=vars(sys.modules[spec.__module__]))

    names["get_type_hints"] = lambda spec, **_: hints_of(spec)
    # for a trace that no one reads, it writes the columns of each table as YAML
    dump = vars(extract)["yaml"].dump
    written: dict[str, str] = {}

    def written_once(hint: Any, **options: Any) -> str:
        key = repr(hint)
        return written.get(key) or written.setdefault(key, dump(hint, **options))

    vars(extract)["yaml"] = SimpleNamespace(dump=written_once)


def _remembered(about: Callable[[Any], Any]) -> Callable[[Any], Any]:
    known = cache(about)

    def answer(kind: Any) -> Any:
        try:
            return known(kind)
        except TypeError:  # a type that cannot be a key
            return about(kind)

    return answer


@cache
def keep_imports() -> None:
    """Have Python search less for garbage: not among what was imported until now, and less often.

    dlt and Arrow are a quarter of a million objects: searching them took a sixth of a small pull.
    A page of rows is tens of thousands, of which none is garbage in cycles: searching those, each
    700 objects, took a tenth of a backfill.
    """
    gc.freeze()
    gc.set_threshold(SEARCH_EVERY, *gc.get_threshold()[1:])


@contextmanager
def working_folder(prefix: str = DLT, within: str | None = None) -> Iterator[str]:
    """A new folder for one pull, in the temporary folder or `within` another.

    It contains clients' rows, and is removed when the pull ends. A killed load leaves its folders
    behind (in memory, if the temporary folder is in memory): the next load removes those of
    processes that no longer run. Each running one holds a lock in its folder.
    """
    above = within or tempfile.gettempdir()
    remove_abandoned(above)
    made = Path(tempfile.mkdtemp(prefix=NEW, dir=above))
    folder = made.with_name(prefix + made.name.removeprefix(NEW))
    try:
        with (made / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made.rename(folder)  # a folder with the prefix has had its lock from the start
            yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(above: str) -> None:
    """Remove the folders of loads that were killed."""
    for prefix in (DLT, FILES, ROWS):
        for folder in Path(above).glob(f"{prefix}*"):
            with suppress(OSError), (folder / LOCK).open() as lock:  # or another process was faster
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            _remove_old(folder)
    for folder in Path(above).glob(f"{NEW}*"):
        _remove_old(folder)


def _remove_old(folder: Path) -> None:
    """Remove a folder without a lock that no process is about to lock: one of an older version."""
    with suppress(OSError):
        if not (folder / LOCK).exists() and time.time() - folder.stat().st_mtime > YOUNG_S:
            shutil.rmtree(folder, ignore_errors=True)


def active_pipeline() -> Any:
    """The pipeline that runs in this thread; None when a resource is iterated without one."""
    from dlt.common.configuration.container import Container
    from dlt.common.pipeline import PipelineContext

    context = Container()[PipelineContext]
    return context.pipeline() if context.is_active() else None


def file_format(has_json: bool = False) -> FileFormat:
    """The format of the active pipeline's load files.

    JSON is full of quotes: as CSV it is written in a third of the time.
    Not insert_values, dlt's choice: slow on PostgreSQL, gigabytes of memory on DuckDB.
    """
    from signalroom.dlt_destinations import Postgres

    pipeline = active_pipeline()
    destination = pipeline.destination if pipeline else None
    name = destination.destination_type if destination else target()
    if not name.endswith("postgres"):
        return "parquet"
    return "copy" if isinstance(destination, Postgres) and not has_json else "csv"


def running_load() -> str | None:
    """The id of the dlt load whose rows are read in this thread."""
    from dlt.common.configuration.container import Container
    from dlt.common.storages.load_package import LoadPackageStateInjectableContext

    context = LoadPackageStateInjectableContext
    return Container()[context].load_id if context in Container() else None


def choose_disposition(pipeline: Pipeline, pull: Pull, tables: Mapping[str, TableMetrics]) -> None:
    """Have dlt append to the tables by file that hold no row of the pull's files yet.

    Everything else is merged, which writes each row twice, first into a staging table. The choice
    is made when the load begins, under its lock, by looking at the raw table itself: an interrupted
    load may have left rows that are in no ledger.
    """
    import dlt

    by_file = {table: one.files for table, one in tables.items() if one.files}
    schema = pipeline.schemas[pull.source] if by_file else None  # dlt reads it each time
    loaded = {
        table: [file for file in files if file.status == "loaded"]
        for table, files in by_file.items()
        # a spreadsheet is in the file ledger too, and its rows name no file
        if schema and "_file_name" in schema.tables.get(table, {}).get("columns", {})
    }
    # A job that is repeated after its commit duplicates rows where no index prevents it: the load
    # ends there, and the next one begins with empty staging tables, or finds the rows.
    is_indexed = target() == "postgres" and not loaded
    dlt.config["load.raise_on_max_retries"] = 5 if is_indexed else 1
    if schema is None or not loaded:
        return
    jobs = [
        job.job_file_info.table_name
        for load_id in pipeline.list_extracted_load_packages()
        for job in pipeline.get_load_package_info(load_id).jobs["new_jobs"]
    ]
    for table, files in loaded.items():
        _drop_old_index(pull.source, table)
        if _is_plain(files, jobs.count(table)):
            with transaction() as execute:
                is_new = _are_new(execute, pull, table, files)
            if is_new:
                schema.tables[table]["write_disposition"] = "append"


@contextmanager
def writing(source: str) -> Iterator[None]:
    """Hold the source's lock while dlt reads or writes the warehouse."""
    with _loading, hold(f"ingest {source}"), ExitStack() as opened:
        if target() == "duckdb":
            # dlt does not wait for the DuckDB file: a concurrent reader would fail the load
            opened.enter_context(duckdb_connection(read_only=False))
        yield


def load_within_memory(pipeline: Pipeline, source: str) -> Any:
    """Run dlt's load.

    DuckDB keeps what it has written in memory up to its limit, otherwise most of the machine's;
    while it writes it needs a block or two for each column.
    """
    if target() != "duckdb":
        from signalroom.dlt_destinations import kept_connections

        with kept_connections():
            return pipeline.load()
    columns = max(len(table["columns"]) for table in pipeline.schemas[source].tables.values())
    limit = max(DUCKDB_LEAST_MB, DUCKDB_MB_PER_COLUMN * columns)
    with duckdb_connection(read_only=False) as connection:
        connection.execute(f"set memory_limit = '{limit}MB'")
        try:
            return pipeline.load()
        finally:
            connection.execute("reset memory_limit")  # others may keep the file open


def _is_plain(files: list[FileRecord], jobs: int) -> bool:
    """Whether an append is equivalent: readers see all rows at once, and no file is empty.

    Each job is a separate transaction; a file without rows adds one that clears its earlier rows.
    """
    return jobs == 1 and all(file.row_count for file in files)


def _are_new(execute: Execute, pull: Pull, table: str, files: list[FileRecord]) -> bool:
    """Whether the table holds no row of these files; waits for a load that is about to commit."""
    place = f'{pull.source}."{table}"'
    known = execute(
        "select 1 as found from information_schema.tables"
        " where table_schema = :source and table_name = :table_name",
        {"source": pull.source, "table_name": table},
    )
    if not known:
        return True
    if target() == "postgres":
        execute(f"lock table {place} in share mode")
        # for this question, for dlt's merge, and for the models, which read the names alone
        execute(
            f'create index if not exists "{table}_by_file_and_client"'
            f" on {place} (_file_name, _client_id)"
        )
        # for the alerts, which read a few days each hour; a hundredth of the size of another index
        execute(
            f'create index if not exists "{table}_by_day"'
            f" on {place} using brin (_file_date) with (autosummarize = on)"
        )
    for start in range(0, len(files), ROWS_PER_INSERT):
        some = files[start : start + ROWS_PER_INSERT]
        names = {f"file_{number}": file.file_name for number, file in enumerate(some)}
        found = execute(
            f"select 1 as found from {place} where _client_id = :client_id"  # noqa: S608
            f" and _file_name in ({', '.join(f':{name}' for name in names)}) limit 1",
            {"client_id": pull.client_id, **names},
        )
        if found:
            return False
    return True


def _drop_old_index(source: str, table: str) -> None:
    """Drop the index of older versions, which the one by file and client replaces.

    That needs the table for itself: while someone reads it, the next load is left to do it.
    """
    if target() != "postgres":
        return
    from psycopg2.errors import LockNotAvailable

    index = {"source": source, "index_name": f"{table}_by_file"}
    with suppress(LockNotAvailable), transaction() as execute:
        if execute(
            "select 1 as found from pg_indexes"
            " where schemaname = :source and indexname = :index_name",
            index,
        ):
            execute("set local lock_timeout = '200ms'")
            execute(f'drop index if exists {source}."{table}_by_file"')


def explained_step(pull: Pull, error: BaseException, step: str) -> Exception:
    """The cause in one readable line: our own errors unchanged, others without dlt's wrapping."""
    from dlt.common.exceptions import DltException

    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
        if isinstance(cause, SignalRoomError):
            return cause
    if step == "extract" and isinstance(cause, Exception) and not isinstance(cause, DltException):
        return cause  # a bug of ours
    reason = mask(" ".join(str(cause).split()))[:400]
    repair = when_full(cause) or "Repeat it: a repeated load replaces whatever was written."
    return WarehouseError(f"{pull}, {pull.window}: the load failed in {step}: {reason}. {repair}")
