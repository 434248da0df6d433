"""Failures by cause over time: failed steps and runs, and dead letters, grouped and counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from scheduler.runs.ledger import Ledger, Run, Step
from signalroom import clock, run_database
from signalroom.clients import active_clients
from signalroom.errors import WarehouseError
from signalroom.logs import mask
from signalroom.warehouse import first_line
from signalroom.watch_tables import DEAD_LETTER_CAUSES

# what differs between failures with the same cause
VARYING = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|\+[\d:]+)?)?|\b\d[\d,.:]*\b")
LONGEST = 160
REJECTED = "Rejected"
SHOWN_DAYS = 7


@dataclass(frozen=True)
class Cause:
    """One cause: what failed, for whom, how often, when last (real clock), and the last message.

    `by_day` counts by business day. Dead letters have no run; `still_open` is how many of them are
    open.
    """

    subject: str
    client: str
    error_class: str
    count: int
    last_at: datetime
    last_run: str
    example: str
    by_day: Mapping[date, int]
    still_open: int = 0

    @property
    def days(self) -> str:
        """The last days on which it occurred, with counts."""
        newest = sorted(self.by_day)[-SHOWN_DAYS:]
        earlier = self.count - sum(self.by_day[day] for day in newest)
        shown = [f"{day:%b} {day.day}: {self.by_day[day]:,}" for day in newest]
        return ", ".join([*([f"earlier: {earlier:,}"] if earlier else []), *shown])


@dataclass(frozen=True)
class _Failure:
    subject: str
    client: str
    error_class: str
    said: str
    at: datetime
    run_id: str


def failures(days: int = 7) -> list[Cause]:
    """Causes of the last days, the most frequent first; WarehouseError without the ledger."""
    since = clock.instant() - timedelta(days=days)
    with Ledger() as ledger:
        steps = ledger.failed_steps(since)
        runs = ledger.failed_runs(since)
    groups: dict[tuple[str, str, str, str], list[_Failure]] = {}
    for one in [*_of_steps(steps), *_of_runs(runs)]:
        key = (one.subject, one.client, one.error_class, VARYING.sub("#", one.said))
        groups.setdefault(key, []).append(one)
    causes = [
        Cause(
            subject=subject,
            client=client,
            error_class=error_class,
            count=len(found),
            last_at=found[0].at,
            last_run=found[0].run_id,
            example=mask(found[0].said)[:LONGEST],
            by_day=Counter(_business_day(one.at) for one in found),
        )
        for (subject, client, error_class, _), found in groups.items()
    ]
    causes += _of_letters(_business_day(since))
    return sorted(causes, key=lambda one: (-one.count, -one.last_at.timestamp()))


def _business_day(instant: datetime) -> date:
    """The business day of a real instant; shifted in rehearsals."""
    return clock.local_date(instant + (clock.now() - clock.instant()))


def _of_steps(steps: Iterable[Step]) -> Iterator[_Failure]:
    """The failures of permanently failed steps, newest first."""
    for step in steps:
        at = step.finished_at or clock.instant()
        for client, error_class, said in _reasons(step):
            yield _Failure(step.step, client, error_class, said, at, step.run_id)


def _of_runs(runs: Iterable[Run]) -> Iterator[_Failure]:
    """Runs that failed without a failed step: interrupted, or never begun."""
    for run in runs:
        if not any(step.status == "failed" for step in run.steps):
            at = run.finished_at or clock.instant()
            said = run.error or "no reason was given"
            yield _Failure(f"run {run.job}", "*", "Interrupted", said, at, run.run_id)


def _reasons(step: Step) -> Iterable[tuple[str, str, str]]:
    """Client, class and message of each failure of a step."""
    details = step.details
    found = [
        (client, str(answer.get("error_class") or "Unknown"), failure)
        for client, answer in details.get("clients", {}).items()
        for failure in answer.get("failures", ())
    ]
    said = step.error or "no reason was given"
    usual = "TestsFailed" if "models" in details and "dbt test " in said else "Unknown"
    return found or [("*", str(details.get("error_class") or usual), said)]


def _of_letters(since: date) -> list[Cause]:
    """Rejected rows and unusable answers by reason, including resolved ones, as last recorded."""
    wanted = {client.id for client in active_clients()}
    query = (
        sa.select(DEAD_LETTER_CAUSES)
        .where(DEAD_LETTER_CAUSES.c.day >= since)
        .order_by(*DEAD_LETTER_CAUSES.primary_key.columns)
    )
    try:
        with run_database.reading_engine().connect() as connection:
            rows = connection.execute(query).mappings().all()
    except SQLAlchemyError as error:
        raise WarehouseError(f"Dead letters cannot be read: {first_line(error)}") from error
    groups: dict[tuple[str, str, str, str], list[Mapping[Any, Any]]] = {}
    for row in rows:
        key = (row["_client_id"], row["source"], row["table_name"], row["cause"])
        if row["_client_id"] in wanted:
            groups.setdefault(key, []).append(row)
    return [_rejected(key, found) for key, found in groups.items()]


def _rejected(key: tuple[str, str, str, str], rows: Sequence[Mapping[Any, Any]]) -> Cause:
    client, source, table, cause = key
    return Cause(
        subject=f"{source}.{table}",
        client=client,
        error_class=REJECTED,
        count=sum(row["letters"] for row in rows),
        last_at=max(row["last_at"] for row in rows),
        last_run="",
        example=mask(cause)[:LONGEST],
        by_day={row["day"]: row["letters"] for row in rows},
        still_open=sum(row["open_letters"] for row in rows),
    )
