"""Ingest as one step: sources and clients, the days of each pull, one result for each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from ingest import pull as pulling
from ingest import registry
from ingest.model import explicit_window
from ingest.pull import load_all
from ingest.replay import pulls_of
from scheduler.status import freshness
from scheduler.steps.costs import keep_cost
from signalroom import clock, retention, source_states
from signalroom.clients import active_clients
from signalroom.connecting import one_connection
from signalroom.errors import ConfigurationError, DeferredError, SignalRoomError
from signalroom.kept_open import kept_open
from signalroom.logs import mask
from signalroom.progress import Progress
from signalroom.settings import own_variables, target
from signalroom.warehouse import duckdb_exists

if TYPE_CHECKING:
    from ingest.dead_letters import Letter
    from ingest.model import Loaded, Plan, Pull, Pulled
    from ingest.registry import SourceSettings

NO_DAYS: Mapping[str, date] = {}


@dataclass(frozen=True)
class PullResult:
    """The outcome of one source for one client.

    `rows` are counts by table, `changed` days and files that differ from the last load. `off` names
    the variables that are not set, `paused` says since when: nothing was requested.
    `deferred_until` is the ISO instant when the vendor may be called again.
    """

    source: str
    client: str
    window: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    changed: int = 0
    rejected_rows: int = 0
    failures: tuple[str, ...] = ()
    error_class: str | None = None
    deferred_until: str | None = None
    off: tuple[str, ...] = ()
    paused: str | None = None
    seconds: float = 0.0

    @property
    def is_loaded(self) -> bool:
        """Whether the vendor answered and its rows were at least partly loaded."""
        return self.window is not None

    @property
    def status(self) -> str:
        """Its status, as in the log of pulls."""
        if self.deferred_until:
            return "deferred"
        if self.failures:
            return "partly" if self.is_loaded else "failed"
        return "loaded"

    def answer(self) -> dict[str, Any]:
        """As one JSON object of `signalroom ingest --json`; without keys that do not apply."""
        found: dict[str, Any] = {"source": self.source, "client": self.client}
        if self.is_loaded:
            found |= {
                "window": self.window,
                "rows": dict(self.rows),
                "changed": self.changed,
                "rejected_rows": self.rejected_rows,
            }
        for name in ("error_class", "deferred_until", "off", "paused"):
            if getattr(self, name):
                found[name] = getattr(self, name)
        return {**found, "failures": [mask(failure) for failure in self.failures]}


@dataclass(frozen=True)
class Request:
    """What to load. Without `start` and `end`: the days that are due, and every unread file.

    `since` is, by source, the first day that a pull of due days must cover; `skip` are
    `source:client` pairs that were already loaded.
    """

    sources: tuple[str, ...]
    clients: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None
    since: Mapping[str, date] = field(default_factory=lambda: NO_DAYS)
    skip: tuple[str, ...] = ()


@dataclass
class IngestResult:
    """The results of all pulls, in the order in which they ended."""

    pulls: list[PullResult] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """Every failure, one line each."""
        return [failure for pull in self.pulls for failure in pull.failures]

    def add(self, pull: PullResult) -> None:
        """Add one that has ended, and keep what it cost."""
        self.pulls.append(pull)
        keep_cost(pull)


def ingest(
    request: Request, progress: Progress, heard: Callable[[PullResult], None] = lambda _: None
) -> IngestResult:
    """Pull every source of every client at the same time, load one at a time.

    A failure stops no other pull; `heard` gets each result. ConfigurationError: unknown client.
    """
    result = IngestResult()

    def add(one: PullResult) -> None:
        result.add(one)
        heard(one)

    as_of = clock.now()  # before the first request
    with _opened_once():
        states = source_states.states_of_pulls()
        pulls = list(_prepared(request, states, progress, add))
        source_states.record_on((pull.client_id, source.name) for source, pull in pulls)
    for pulled in load_all(pulls, progress):
        with one_connection():
            if pulled.loaded and not pulled.error:
                freshness.record_pull(pulled.client_id, pulled.source, pulled.loaded.rows, as_of)
            add(_result(pulled))
    with suppress(SignalRoomError), ExitStack() as opened:
        # a build may have the file now, and does the same
        if any(pull.is_loaded for pull in result.pulls):
            opened.enter_context(_opened_once())
            retention.prune_warehouse()
        freshness.refresh()  # only reads, and waits a second for a file that is in use
    return result


@contextmanager
def _opened_once() -> Iterator[None]:
    """Keep the warehouse open, if there is one."""
    with kept_open() if target() == "postgres" or duckdb_exists() else nullcontext():
        yield


def plans(
    request: Request, progress: Progress, heard: Callable[[PullResult], None]
) -> Iterator[tuple[SourceSettings, Pull, Plan]]:
    """What `ingest` would do, by each source's plan; without loading anything."""
    for source, pull in _prepared(
        request, source_states.states_of_pulls(is_plan=True), progress, heard, is_plan=True
    ):
        try:
            yield source, pull, source.plan(pull)
        except SignalRoomError as error:
            progress.step(f"{source.title} {pull.client_id}").fail(str(error))
            heard(failed_result(source.name, pull.client_id, error, [str(error)]))


def _prepared(
    request: Request,
    states: source_states.States,
    progress: Progress,
    heard: Callable[[PullResult], None],
    is_plan: bool = False,
) -> Iterator[tuple[SourceSettings, Pull]]:
    """The pulls, by source and client; sources that are off or misconfigured go to `heard`."""
    window = explicit_window(request.start, request.end) if request.start or request.end else None
    working_for = [client.id for client in active_clients(request.clients)]
    for name in request.sources:
        source = registry.source(name)
        clients = [one for one in working_for if f"{name}:{one}" not in request.skip]
        for client in with_variables(source, clients, states, progress, heard):
            try:
                pulling.refuse_shared_accounts(source)
                pull = pulling.make_pull(
                    source,
                    client,
                    window=window,
                    since=request.since.get(name),
                    resources=request.resources,
                    is_plan=is_plan,
                )
            except SignalRoomError as error:
                progress.step(f"{source.title} {client}").fail(str(error))
                heard(failed_result(name, client, error, [str(error)]))
            else:
                yield source, pull


def with_variables(
    source: SourceSettings,
    clients: Sequence[str],
    states: source_states.States,
    progress: Progress,
    heard: Callable[[PullResult], None],
) -> Iterator[str]:
    """The clients that can be pulled.

    A source without its variables is off for a client that never had it on, and a failure for one
    that had; a paused one is not pulled.
    """
    off: dict[str, list[str]] = {}
    ready = []
    for client in clients:
        state = states.get((client, source.name))
        try:
            missing = pulling.missing_variables(source, client)
        except ConfigurationError as mistake:
            progress.step(f"{source.title} {client}").fail(str(mistake))
            heard(
                failed_result(
                    source.name, client, mistake, [f"{source.name} for client {client}: {mistake}"]
                )
            )
            continue
        if state and state.state == "paused":
            progress.note(
                f"{source.title} {client}: {state.pause_text()}. `signalroom resume {source.name} "
                f"--client {client}` ends it."
            )
            heard(PullResult(source.name, client, paused=state.pause_text()))
        elif missing and state and state.state == "on":
            lost = ConfigurationError(
                f"{source.name} for client {client}: {_own(missing, client)} is not set, but the "
                f"source has been on since {clock.local_date(state.since)}; nothing was loaded. "
                f"Set it again, or `signalroom pause {source.name} --client {client}`."
            )
            progress.step(f"{source.title} {client}").fail(str(lost))
            heard(failed_result(source.name, client, lost, [str(lost)]))
        elif missing:
            off[client] = missing
            heard(PullResult(source.name, client, off=tuple(missing)))
        else:
            ready.append(client)
    _say_off(source, off, progress)
    yield from ready


def _say_off(
    source: SourceSettings, missing: Mapping[str, Sequence[str]], progress: Progress
) -> None:
    """One line for all clients that lack the source."""
    # the simulated agency sets what it has, so users cannot set more
    if missing and not os.environ.get("SIGNALROOM_SANDBOX"):
        client, names = next(iter(missing.items()))
        whom = " and ".join(missing)
        progress.note(f"{source.title} disabled for {whom}: set {_own(names, client)}.")


def _own(names: Iterable[str], client_id: str) -> str:
    return ", ".join(own_variables(one, client_id) for one in names)


def replay(letters: Sequence[Letter], progress: Progress) -> IngestResult:
    """Read the files and days of dead letters again; one failure does not stop the others."""
    result = IngestResult()
    for pull in pulls_of(letters):
        for pulled in load_all([pull], progress):
            result.add(_result(pulled))
    return result


def _result(pulled: Pulled) -> PullResult:
    whose = pulled.source, pulled.client_id
    if pulled.error is None:
        assert pulled.loaded is not None  # noqa: S101 - one of both
        return loaded_result(*whose, pulled.loaded, pulled.seconds)
    failed = failed_result(*whose, pulled.error, pulled.failures, pulled.seconds)
    if pulled.loaded is None:
        return failed
    return replace(
        loaded_result(*whose, pulled.loaded, pulled.seconds),
        failures=failed.failures,
        error_class=failed.error_class,
        deferred_until=failed.deferred_until,
    )


def loaded_result(source: str, client: str, loaded: Loaded, seconds: float) -> PullResult:
    return PullResult(
        source=source,
        client=client,
        window=str(loaded.window),
        rows=loaded.rows,
        changed=loaded.changed,
        rejected_rows=loaded.rejected_rows,
        failures=tuple(loaded.failures),
        deferred_until=_iso(loaded.deferred_until),
        seconds=seconds,
    )


def failed_result(
    source: str, client: str, error: Exception, failures: Sequence[str], seconds: float = 0.0
) -> PullResult:
    until = _iso(error.until) if isinstance(error, DeferredError) else None
    return PullResult(
        source,
        client,
        failures=tuple(failures),
        error_class=type(error).__name__,
        deferred_until=until,
        seconds=seconds,
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
