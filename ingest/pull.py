"""Every pull of every source goes through dlt's extract, normalize and load here.

Vendors are called concurrently, each pull in its own thread and working folder; the rows are loaded
one pull at a time under the source's lock in the main thread, the only one where dlt finishes its
work on SIGTERM. Nothing is loaded before every row of a pull was read; many files are pulled in
parts, the next of which is read while one is loaded. State comes only from the destination, so that
an unfinished load cannot corrupt the next one.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from ingest import adoption, dead_letters, unfinished
from ingest import loads as ledger
from ingest.dlt_pipeline import (
    choose_disposition,
    explained_step,
    keep_imports,
    load_within_memory,
    use_own_settings,
    working_folder,
    writing,
)
from ingest.model import (
    Loaded,
    Pull,
    Pulled,
    Say,
    TableMetrics,
    Tables,
    Window,
    default_window,
)
from ingest.registry import SourceSettings
from signalroom import clients, clock, demo_home, logs, settings, tracing
from signalroom.connecting import one_connection
from signalroom.errors import ConfigurationError, SignalRoomError
from signalroom.logs import explained
from signalroom.progress import Progress, Step
from signalroom.warehouse import dlt_destination

if TYPE_CHECKING:
    from dlt import Pipeline

WORKERS = 4  # each waits for its vendor most of the time


@dataclass
class Extracted:
    """Rows that were read and are ready to load, and what their tables report."""

    source: SourceSettings
    pull: Pull
    tables: dict[str, TableMetrics] = field(default_factory=dict)
    pipeline: Pipeline | None = None
    folder: ExitStack = field(default_factory=ExitStack)
    error: Exception | None = None
    begun: float = field(default_factory=time.monotonic)

    @property
    def rest(self) -> Pull | None:
        """The pull's next part."""
        tables = self.pull.tables
        if self.error or tables is None or tables.rest is None:
            return None
        return replace(self.pull, rest=tables.rest, is_backfill=False)


def is_on(source: SourceSettings, client_id: str) -> bool:
    """Whether the client has every variable that the source needs."""
    return not missing_variables(source, client_id)


def missing_variables(source: SourceSettings, client_id: str) -> list[str]:
    """The variables of the source that are not set for the client; "A or B" if it needs one."""
    return settings.unset(source.required, client_id)


def refuse_shared_accounts(source: SourceSettings) -> None:
    """Raise ConfigurationError when two clients would load the same account."""
    owners: dict[str, str] = {}
    for client in clients.active_clients():
        if is_on(source, client.id):
            account = source.account(client.id)
            if account in owners:
                raise ConfigurationError(
                    f"{source.name}: clients {owners[account]} and {client.id} use the same "
                    f"account; its rows would be loaded under two tags. Give {client.id} "
                    "credentials of its own."
                )
            owners[account] = client.id


def make_pull(
    source: SourceSettings,
    client_id: str,
    *,
    window: Window | None = None,
    since: date | None = None,
    resources: tuple[str, ...] = (),
    say: Say = lambda _: None,
    notice: Say = lambda _: None,
    is_plan: bool = False,
) -> Pull:
    """A pull of the given days, or of the days that are due (including `since`).

    A planned pull writes nothing, needs no warehouse and waits for no lock.
    """
    tables = source.chosen(client_id, resources)
    # every pull reads a list as a whole, so it has no days
    by_day = [table for table in tables if table in source.by_day] or tables
    if is_plan:
        is_new = demo_home.will_move()
        covered, known = (None, {}) if is_new else ledger.peek(client_id, source.name, by_day)
    else:
        with one_connection():
            ledger.prepare()
            for table in adoption.notice_dropped(source.name, tables):
                notice(f"{source.name}.{table} was dropped; this pull creates and fills it again")
            covered = ledger.coverage(client_id, source.name, by_day)
            known = ledger.known_files(client_id, source.name)
    first = clock.today() - timedelta(days=settings.window_days("initial", source.name) - 1)
    if covered:
        since = min(since or covered.end, covered.end)
    last_end = covered.end if covered and covered.start <= first else None
    return Pull(
        client_id=client_id,
        window=window or default_window(last_end, since, source.name),
        is_named=window is not None,
        as_of=clock.now(),
        resources=tables,
        say=say,
        known_files=known,
        notice=notice,
        source=source.name,
    )


def load(source: SourceSettings, pull: Pull) -> Loaded:
    """Pull and load; the tables keep their rows when anything fails before the load.

    Raises SourceError when the vendor cannot be read, WarehouseError when rows cannot be written.
    """
    loaded: Loaded | None = None
    rest: Pull | None = pull
    while rest is not None:
        extracted = extract(source, rest)
        rest = extracted.rest
        loaded = load_extracted(extracted).after(loaded)
    assert loaded is not None  # noqa: S101 - a pull has a first part
    return loaded


def load_all(pulls: Sequence[tuple[SourceSettings, Pull]], progress: Progress) -> Iterator[Pulled]:
    """Extract all pulls concurrently and load each as it finishes, with a step of its own.

    An error in one, including a bug of ours, does not stop the others.
    """
    steps: dict[tuple[str, str], Step] = {}
    shown: list[tuple[SourceSettings, Pull]] = []
    for one, pull in pulls:
        title = f"{one.title} {pull.client_id}"
        with logs.about(client=pull.client_id, source=one.name):
            step = steps[one.name, pull.client_id] = progress.step(title)

        def notice(text: str, title: str = title) -> None:
            progress.note(f"{title}: {text}")

        shown.append((one, replace(pull, say=step.say, notice=notice)))
    begun: dict[tuple[str, str], float] = {}
    parts: dict[tuple[str, str], Loaded] = {}
    ended: set[tuple[str, str]] = set()
    for extracted in extract_all(shown, ended):
        names = extracted.source.name, extracted.pull.client_id
        with logs.about(client=names[1], source=names[0]):
            pulled = _load_step(extracted, steps[names], parts.pop(names, None))
        since = begun.setdefault(names, extracted.begun)
        if extracted.rest and pulled.loaded and not pulled.error:
            parts[names] = pulled.loaded
            continue
        ended.add(names)
        yield replace(pulled, seconds=time.monotonic() - since)


def extract_all(
    pulls: Sequence[tuple[SourceSettings, Pull]], ended: Collection[tuple[str, str]] = ()
) -> Iterator[Extracted]:
    """Extract every pull, at most four at a time; yields each as soon as it is done.

    The next part of a pull is extracted unless the pull is among the `ended`: while the yielded one
    is loaded, but after it on DuckDB, which is in this process and would need the memory at the
    same time. The threads are daemons: on Ctrl-C nothing waits for a vendor that hangs.
    """
    waiting: queue.SimpleQueue[tuple[SourceSettings, Pull]] = queue.SimpleQueue()
    done: queue.SimpleQueue[Extracted] = queue.SimpleQueue()
    for one in pulls:
        waiting.put(one)

    def work() -> None:
        while True:
            try:
                source, pull = waiting.get_nowait()
            except queue.Empty:
                return
            done.put(extract(source, pull))

    for _ in range(min(WORKERS, len(pulls))):
        threading.Thread(target=work, daemon=True).start()
    left = len(pulls)
    while left:
        extracted, left = done.get(), left - 1
        rest, names = extracted.rest, (extracted.source.name, extracted.pull.client_id)
        if names in ended:
            extracted.folder.close()
            continue
        is_ahead = settings.target() == "postgres"
        if rest is not None and is_ahead:
            extract_ahead(extracted.source, rest, done)
        yield extracted
        if rest is not None and (is_ahead or names not in ended):
            if not is_ahead:
                extract_ahead(extracted.source, rest, done)
            left += 1


def extract_ahead(
    source: SourceSettings, pull: Pull, done: queue.SimpleQueue[Extracted] | None = None
) -> queue.SimpleQueue[Extracted]:
    """Start extracting in a thread; returns once it has begun. The result comes in the queue."""
    if done is None:
        done = queue.SimpleQueue()
    asking = threading.Event()

    def work() -> None:
        done.put(extract(source, pull, asking))
        asking.set()

    threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    asking.wait()  # it reads the warehouse first, and would wait for a load that began before it
    return done


def extract(source: SourceSettings, pull: Pull, asking: threading.Event | None = None) -> Extracted:
    """Extract from the vendor; an error is kept for the thread that loads.

    `asking` is set once the warehouse is no longer needed for this.
    """
    extracted = Extracted(source, replace(pull, source=source.name, tables=Tables()))
    with logs.about(client=pull.client_id, source=source.name):
        try:
            with tracing.span("source", source=source.name, client=pull.client_id):
                _run_extract(extracted, asking)
        except Exception as error:
            extracted.error = error
    return extracted


def _run_extract(extracted: Extracted, asking: threading.Event | None) -> None:
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    from signalroom.dlt_destinations import kept_connections

    use_own_settings()
    name, pull = extracted.source.name, extracted.pull
    folder = extracted.folder.enter_context(working_folder())
    pipeline = extracted.pipeline = dlt.pipeline(
        pipeline_name=f"{name}_{pull.client_id}",
        destination=dlt_destination(),
        dataset_name=name,
        pipelines_dir=folder,
    )
    try:
        with writing(name):
            with one_connection():
                adoption.claim(name)
                unfinished.fetch(pull)
            # without it the contract on types has no effect, and every pull adds to dlt's state
            with kept_connections():
                pipeline.sync_destination()
        if asking is not None:
            asking.set()
        data = extracted.source.dlt_source(pull)
        keep_imports()
        info = pipeline.extract(data)
    except PipelineStepFailed as error:
        raise explained_step(pull, error, str(error.step)) from None
    for parts in info.metrics.values():
        for part in parts:
            for table, found in part["resource_metrics"].items():
                if "totals" in found.custom_metrics:
                    extracted.tables[table] = TableMetrics.of(found.custom_metrics)
    failed = {table: one.failure for table, one in extracted.tables.items() if one.failure}
    if failed and all(one.failure and not one.totals for one in extracted.tables.values()):
        table, failure = next(iter(failed.items()))
        raise failure.as_error(table)
    if extracted.rest is not None:
        extracted.pull = replace(pull, is_backfill=True)


def load_extracted(extracted: Extracted) -> Loaded:
    """Load the extracted rows, and record the load; one at a time per warehouse."""
    pull, tables = extracted.pull, extracted.tables
    with extracted.folder:
        if extracted.error:
            dead_letters.keep(pull, tables)
            unfinished.keep(pull)
            raise extracted.error
        with writing(pull.source):
            load_id = _normalize_and_load(extracted)
            with one_connection():
                ledger.require_kept(pull, tables, load_id)
                dead_letters.resolve(pull, tables, extracted.source.by_day)
                changed = ledger.record(pull, tables, load_id)
                dead_letters.keep(pull, tables)
    return Loaded(
        source=pull.source,
        client_id=pull.client_id,
        window=pull.window,
        rows={
            table: sum(int(total.totals["rows"]) for total in one.totals)
            for table, one in tables.items()
            if one.totals or not one.failure
        },
        changed=changed,
        rejected_rows=sum(len(one.dead_letters) for one in tables.values()),
        failures=tuple(_failures(tables)),
        deferred_until=max(
            (one.failure.until for one in tables.values() if one.failure and one.failure.until),
            default=None,
        ),
    )


def _failures(tables: Mapping[str, TableMetrics]) -> Iterator[str]:
    for table, one in tables.items():
        yield from one.failures
        if one.failure:
            yield f"{table} keeps its rows: {one.failure.message}"


def _normalize_and_load(extracted: Extracted) -> str | None:
    """Normalize and load; returns dlt's load id, None without rows."""
    from dlt.pipeline.exceptions import PipelineStepFailed

    pull, tables, pipeline = extracted.pull, extracted.tables, extracted.pipeline
    if pipeline is None:
        return None
    pipeline.activate()
    try:
        with tracing.span("load", source=pull.source, client=pull.client_id):
            choose_disposition(pipeline, pull, tables)
            pipeline.normalize()
            info = load_within_memory(pipeline, pull.source)
        info.raise_on_failed_jobs()
    except PipelineStepFailed as error:
        raise explained_step(pull, error, str(error.step)) from None
    for package in info.load_packages:
        for table, update in package.schema_update.items():
            new = [name for name in update["columns"] if not name.startswith("_dlt")]
            # sources by file report this themselves, with the file's name
            is_known = table in tables and not tables[table].files
            if is_known and new and "_client_id" not in new:
                pull.notice(f"new columns in {table}: {', '.join(new)}")
    return info.loads_ids[-1] if info.loads_ids else None


def _load_step(extracted: Extracted, step: Step, earlier: Loaded | None) -> Pulled:
    """Load a pull, or a part of it after the `earlier` ones; the step ends with the last part."""
    name, client_id = extracted.source.name, extracted.pull.client_id
    try:
        if not extracted.error:
            step.say("loading")
        loaded = load_extracted(extracted).after(earlier)
    except Exception as error:
        line = explained(error)
        if not isinstance(error, SignalRoomError):
            line = f"{name} {client_id}: {line}"
        step.fail(line)
        failures = (*(earlier.failures if earlier else ()), line)
        return Pulled(name, client_id, earlier, error, failures)
    if extracted.rest:
        step.say(loaded.summary())
    elif loaded.failures:
        step.fail("; ".join(loaded.failures))
    else:
        step.finish(loaded.summary())
    return Pulled(name, client_id, loaded, failures=tuple(loaded.failures))
