"""A long range in slices, newest first; finished slices are recorded, so a second call resumes.

A backfill never moves the cursor: the daily pulls stay responsible for the newest days.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ingest import loads as ledger
from ingest import pull as pipeline
from ingest.model import Loaded, Pull, Window, slices
from ingest.pull import Extracted
from ingest.registry import SourceSettings
from signalroom import clock
from signalroom.errors import ConfigurationError, WarehouseError
from signalroom.warehouse import read, transaction

# An interruption repeats a slice: 30 days of a short range, at most a quarter of a long one.
SHORT_DAYS, LEAST_SLICES = 30, 4
SCOPE = (
    "_client_id = :client_id and source = :source"
    " and window_start = :window_start and window_end = :window_end"
)


def left(
    source: SourceSettings, client_id: str, window: Window, is_plan: bool = False
) -> list[Window]:
    """The remaining slices of a backfill, newest first; a plan writes nothing."""
    if not source.daily:
        raise ConfigurationError(
            f"{source.name} has no history by day: `signalroom ingest {source.name}` reads "
            "everything that is unread."
        )
    query = f"select slice_start, slice_end from ops.backfill_slices where {SCOPE}"  # noqa: S608
    scope = _scope(source, client_id, window)
    if is_plan:
        try:
            rows = read(query, scope, within="ops", wait_s=0)
        except WarehouseError:  # no table yet, or another process holds the database
            rows = []
    else:
        ledger.prepare()
        with transaction() as execute:
            rows = execute(query, scope)
    done = {(row["slice_start"], row["slice_end"]) for row in rows}
    days = (window.end - window.start).days + 1
    length = min(source.backfill_days, max(SHORT_DAYS, days // LEAST_SLICES))
    every = slices(window, length)
    parts = [part for part in every if (part.start, part.end) not in done]
    return parts[::-1]


def run(source: SourceSettings, pull: Pull, parts: list[Window]) -> Iterator[Loaded]:
    """Load the slices one after another; `pull.window` is the whole range.

    Each slice is recorded once it is loaded whole. After the last one the records are deleted, so
    that the same range can be requested again. A slice that failed in part stays to be done, and
    one that a vendor's limit cut off is the last. Raises what a pull raises; earlier slices stay
    done.
    """
    scope = _scope(source, pull.client_id, pull.window)
    pulls = [replace(pull, window=part, is_backfill=True) for part in parts]
    is_whole = True
    for part, loaded in zip(parts, _load_each(source, pulls), strict=True):
        if loaded.failures:
            is_whole = False
            yield loaded
            if loaded.deferred_until:
                return
            continue
        with transaction() as execute:
            execute(
                "insert into ops.backfill_slices values (:client_id, :source, :window_start,"
                " :window_end, :slice_start, :slice_end, :done_at)",
                {
                    **scope,
                    "slice_start": part.start,
                    "slice_end": part.end,
                    "done_at": clock.instant(),
                },
            )
        yield loaded
    if is_whole:
        with transaction() as execute:
            execute(f"delete from ops.backfill_slices where {SCOPE}", scope)  # noqa: S608


def _load_each(source: SourceSettings, pulls: Sequence[Pull]) -> Iterator[Loaded]:
    """Load one pull after another, while the next one is already being extracted.

    Raises what a pull raises; earlier pulls stay loaded.
    """
    ahead = [pipeline.extract_ahead(source, pull) for pull in pulls[:1]]
    for number in range(len(pulls)):
        extracted = ahead.pop().get()
        if extracted.error is None and not _is_deferred(extracted):
            following = pulls[number + 1 : number + 2]
            ahead += [pipeline.extract_ahead(source, pull) for pull in following]
        yield pipeline.load_extracted(extracted)


def _is_deferred(extracted: Extracted) -> bool:
    """Whether a vendor's limit cut it off: nothing more is requested then."""
    return any(one.failure and one.failure.until for one in extracted.tables.values())


def _scope(source: SourceSettings, client_id: str, window: Window) -> dict[str, object]:
    return {
        "client_id": client_id,
        "source": source.name,
        "window_start": window.start,
        "window_end": window.end,
    }
