"""Backfill as one step: a long range of one source, in slices."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from ingest import backfill as slices
from ingest import pull as pulling
from ingest import registry
from ingest.model import explicit_window
from scheduler.steps.ingest import (
    IngestResult,
    PullResult,
    failed_result,
    loaded_result,
    with_variables,
)
from signalroom import source_states
from signalroom.clients import active_clients
from signalroom.errors import SignalRoomError
from signalroom.plural import counted
from signalroom.progress import Progress

if TYPE_CHECKING:
    from ingest.model import Loaded, Pull
    from ingest.registry import SourceSettings


@dataclass(frozen=True)
class BackfillPlan:
    """The rest of a backfill for one client."""

    client: str
    window: str
    tables: tuple[str, ...]
    slices: int
    days: int
    requests: int


def backfill_plans(
    name: str,
    start: date,
    end: date,
    clients: tuple[str, ...],
    progress: Progress,
    heard: Callable[[PullResult], None] = lambda _: None,
) -> Iterator[BackfillPlan]:
    """What `backfill` would do; no request is made. Clients that cannot be pulled go to `heard`."""
    for source, pull, parts in _backfills(name, start, end, clients, progress, heard, is_plan=True):
        found = [source.plan(replace(pull, window=part)) for part in parts]
        yield BackfillPlan(
            client=pull.client_id,
            window=str(pull.window),
            tables=pull.resources,
            slices=len(parts),
            days=sum(one.days for one in found),
            requests=sum(one.requests for one in found),
        )


def backfill(
    name: str, start: date, end: date, clients: tuple[str, ...], progress: Progress
) -> IngestResult:
    """Load a long range of one source in slices, newest first; a second call does the rest."""
    result = IngestResult()
    given = name, start, end, clients, progress
    for source, pull, parts in _backfills(*given, result.pulls.append):
        source_states.record_on([(pull.client_id, name)])
        step = progress.step(f"{source.title} {pull.client_id}")
        done: list[Loaded] = []
        started = before = time.monotonic()
        try:
            loads = slices.run(source, replace(pull, say=step.say), parts)
            for number, loaded in enumerate(loads, start=1):
                done.append(loaded)
                step.advance(number, len(parts))
                left = (time.monotonic() - started) / number * (len(parts) - number)
                progress.note(
                    f"{loaded.window}: {_rows([loaded])}, {number} of {len(parts)} slices, "
                    f"about {timedelta(seconds=round(left))} left"
                )
                took, before = time.monotonic() - before, time.monotonic()
                result.add(loaded_result(name, pull.client_id, loaded, took))
        except SignalRoomError as error:
            step.fail(str(error))
            took = time.monotonic() - before
            result.add(failed_result(name, pull.client_id, error, [str(error)], took))
        else:
            line = f"{_rows(done)} in {counted(len(done), 'slice')} ({pull.window})"
            failed = "; ".join(failure for one in done for failure in one.failures)
            step.fail(failed) if failed else step.finish(line)
    return result


def _rows(loads: list[Loaded]) -> str:
    return counted(sum(sum(one.rows.values()) for one in loads), "row")


def _backfills(
    name: str,
    start: date,
    end: date,
    clients: tuple[str, ...],
    progress: Progress,
    heard: Callable[[PullResult], None],
    is_plan: bool = False,
) -> Iterator[tuple[SourceSettings, Pull, list[Any]]]:
    source = registry.source(name)
    window = explicit_window(start, end)
    pulling.refuse_shared_accounts(source)
    working_for = [client.id for client in active_clients(clients)]
    for client in with_variables(
        source, working_for, source_states.states_of_pulls(is_plan), progress, heard
    ):
        parts = slices.left(source, client, window, is_plan)
        pull = pulling.make_pull(
            source, client, window=window, resources=source.daily, is_plan=is_plan
        )
        yield source, pull, parts
