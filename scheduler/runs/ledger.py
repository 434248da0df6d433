"""The ledger: every run that was ever due, its steps, its owner, the heartbeat of its process.

In the run database, next to the outbox. Each change is one conditional statement, so that two
schedulers on one ledger do nothing twice.

A run is `due` (recorded, not begun), `running`, `waiting` (until `resume_at`), `done`,
`done_with_errors`, `failed` or `skipped` (by catch-up policy; `error` says why).

A step is `pending`, `running`, `waiting` (for a retry at `next_at`; a report: for its data),
`deferred` (rate-limited by the vendor until `next_at`), `done`, `failed`, `skipped`, or `off` (no
client has the source; for dbt and reports: no source of the run is on, so there was nothing to do).

The owner of a run is one process of one machine, not a later one with the same pid.
"""

from __future__ import annotations

import json
import os
import socket
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from signalroom import paths
from signalroom.logs import mask
from signalroom.run_database import prepared_engine
from signalroom.source_states import paused
from signalroom.tables import BEATS, PAUSED_JOBS, RUNS, STEPS, without_client

RUN, STEP = without_client(RUNS), without_client(STEPS)
OPEN_RUNS = ("due", "running", "waiting")
SUPERSEDED = "superseded by "  # start of the error of a run that a newer one replaces
COMMAND = "command"  # the trigger of a run that a command executes itself
LOG_LINES = 60
LOG_BYTES = 64 * 1024
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
BEAT = "scheduler"


@dataclass(frozen=True)
class Step:
    """One step of a run; instants in UTC on the real clock.

    `since` is the first day that an ingest covers. `detail` is JSON: per client what was loaded,
    what failed, what was delivered. `log` is relative to SIGNALROOM_HOME.
    """

    run_id: str
    step: str
    position: int
    status: str = "pending"
    attempt: int = 0
    since: date | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    next_at: datetime | None = None
    rows: int | None = None
    detail: str = "{}"
    error: str | None = None
    log: str | None = None

    @property
    def kind(self) -> str:
        """`ingest`, `dbt` or `report`."""
        return self.step.split(":", 1)[0]

    @property
    def subject(self) -> str:
        """The source or report; empty for dbt."""
        return self.step.partition(":")[2]

    @property
    def details(self) -> dict[str, Any]:
        """`detail`, parsed."""
        found: dict[str, Any] = json.loads(self.detail)
        return found


@dataclass(frozen=True)
class Run:
    """One run of a job; `scheduled_for` in business time, the other instants on the real clock.

    `day` is the business day of `scheduled_for`; reports are about the day before.
    """

    run_id: str
    dedupe_key: str
    job: str
    scheduled_for: datetime
    day: date
    trigger: str
    status: str
    created_at: datetime
    owner: str | None = None
    leased_until: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    resume_at: datetime | None = None
    attempt: int = 0
    error: str | None = None
    steps: tuple[Step, ...] = field(default=())

    @property
    def sources(self) -> frozenset[str]:
        """The sources that the run pulls."""
        return frozenset(step.subject for step in self.steps if step.kind == "ingest")

    @property
    def state(self) -> str:
        """The status in more detail, for people.

        Additional values: `nothing_to_do` (every step is off), `waiting_for_vendor` (a step is
        deferred), `superseded` (a newer run does the work).
        """
        if self.status == "done" and self.steps and all(one.status == "off" for one in self.steps):
            return "nothing_to_do"
        if self.status == "waiting" and any(one.status == "deferred" for one in self.steps):
            return "waiting_for_vendor"
        if self.status == "skipped" and (self.error or "").startswith(SUPERSEDED):
            return "superseded"
        return self.status

    @property
    def rows(self) -> int:
        """Rows that its pulls loaded."""
        return sum(step.rows or 0 for step in self.steps)


@dataclass(frozen=True)
class Beat:
    """The scheduler's heartbeat; instants on the real clock."""

    name: str
    at: datetime
    owner: str
    pid: int
    started_at: datetime


@dataclass(frozen=True)
class Pause:
    """A paused job (instants in UTC), until `until` or until it is resumed."""

    job: str
    since: datetime
    until: datetime | None = None
    reason: str | None = None

    def text(self) -> str:
        """Why its runs are skipped, in a few words."""
        return paused(self.since, self.until, self.reason)


class Ledger:
    """The ledger for reading; a context manager. Raises WarehouseError if it is unavailable.

    Queries on a ledger that becomes unavailable later raise SQLAlchemyError.
    """

    def __init__(self) -> None:
        self._engine = prepared_engine()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def recent(self, job: str | None = None, limit: int = 20) -> list[Run]:
        """The newest runs, newest first, of one job or of all."""
        query = sa.select(*RUN).order_by(RUNS.c.scheduled_for.desc(), RUNS.c.created_at.desc())
        if job is not None:
            query = query.where(RUNS.c.job == job)
        return self._runs(query.limit(limit))

    def run(self, run_id: str) -> Run | None:
        """One run with its steps."""
        found = self._runs(sa.select(*RUN).where(RUNS.c.run_id == run_id))
        return found[0] if found else None

    def since(self, moment: datetime) -> list[Run]:
        """The runs that were due since an instant of business time, oldest first."""
        query = sa.select(*RUN).where(RUNS.c.scheduled_for >= moment)
        return self._runs(query.order_by(RUNS.c.scheduled_for, RUNS.c.created_at))

    def numbers(self) -> dict[str, int]:
        """A short number for each run, for people (#128), in order of creation."""
        place = sa.func.row_number().over(order_by=(RUNS.c.created_at, RUNS.c.run_id))
        with self._engine.begin() as connection:
            return {row[0]: row[1] for row in connection.execute(sa.select(RUNS.c.run_id, place))}

    def pulls_since(self, moment: datetime) -> list[Any]:
        """The ingest steps of runs since an instant of business time: day, step and its result."""
        query = (
            sa.select(RUNS.c.day, *STEPS.c)
            .join(STEPS, STEPS.c.run_id == RUNS.c.run_id)
            .where(RUNS.c.scheduled_for >= moment, STEPS.c.step.like("ingest:%"))
        )
        with self._engine.begin() as connection:
            return list(connection.execute(query).mappings())

    def failed_steps(self, moment: datetime) -> list[Step]:
        """Steps that failed permanently since a real instant, newest first."""
        query = sa.select(*STEP).where(STEPS.c.status == "failed", STEPS.c.finished_at >= moment)
        with self._engine.begin() as connection:
            rows = connection.execute(query.order_by(STEPS.c.finished_at.desc())).mappings()
            return [Step(**row) for row in rows]

    def failed_runs(self, moment: datetime) -> list[Run]:
        """Runs that ended with an error since a real instant, newest first."""
        ended = sa.and_(
            RUNS.c.status.in_(("failed", "done_with_errors")), RUNS.c.finished_at >= moment
        )
        return self._runs(sa.select(*RUN).where(ended).order_by(RUNS.c.finished_at.desc()))

    def known_since(self) -> dict[str, datetime]:
        """Since when (business time) each job's schedule is recorded."""
        query = sa.select(BEATS.c.name, BEATS.c.started_at).where(BEATS.c.name.like("job:%"))
        with self._engine.begin() as connection:
            return {
                row.name.removeprefix("job:"): row.started_at for row in connection.execute(query)
            }

    def running(self) -> list[Run]:
        """Running runs, oldest first."""
        return [run for run in self.open_runs() if run.status == "running"]

    def open_runs(self) -> list[Run]:
        """Runs that are due, running or waiting, oldest first."""
        query = sa.select(*RUN).where(RUNS.c.status.in_(OPEN_RUNS))
        return self._runs(query.order_by(RUNS.c.scheduled_for, RUNS.c.created_at))

    def paused_jobs(self, now: datetime) -> dict[str, Pause]:
        """Paused jobs, by name; without expired pauses."""
        lasts = sa.or_(PAUSED_JOBS.c.until.is_(None), PAUSED_JOBS.c.until > now)
        columns = (PAUSED_JOBS.c[name] for name in ("job", "since", "until", "reason"))
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(*columns).where(lasts)).mappings()
            return {row["job"]: Pause(**row) for row in rows}

    def beat(self) -> Beat | None:
        """The scheduler's last heartbeat."""
        with self._engine.begin() as connection:
            row = (
                connection.execute(sa.select(*without_client(BEATS)).where(BEATS.c.name == BEAT))
                .mappings()
                .first()
            )
        return Beat(**row) if row else None

    def _runs(self, query: sa.Select[Any]) -> list[Run]:
        with self._engine.begin() as connection:
            rows: Sequence[Any] = connection.execute(query).mappings().all()
            steps = self._steps(connection, [row["run_id"] for row in rows])
        return [Run(**row, steps=tuple(steps.get(row["run_id"], ()))) for row in rows]

    @staticmethod
    def _steps(connection: sa.Connection, run_ids: Iterable[str]) -> dict[str, list[Step]]:
        query = sa.select(*STEP).where(STEPS.c.run_id.in_(list(run_ids))).order_by(STEPS.c.position)
        found: dict[str, list[Step]] = {}
        for row in connection.execute(query).mappings():
            found.setdefault(row["run_id"], []).append(Step(**row))
        return found


def worker_id() -> str:
    """This process, as the ledger names it: `host/boot/namespace:pid:start`."""
    return worker_id_of(os.getpid())


def worker_id_of(pid: int) -> str:
    """A process of this machine, as the ledger names it."""
    return f"{this_machine()}:{pid}:{_started(pid)}"


def this_machine() -> str:
    """Where process ids are the same as here: host name, boot, pid namespace.

    Machines from one image, and containers, may share a host name; but never all three.
    """
    try:
        boot = BOOT_ID.read_text(encoding="utf-8").strip()
        space = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}/{boot}/{space}"


def has_died(owner: str) -> bool:
    """Whether the owner was a process of this machine and is gone; False if unknown."""
    try:
        place, pid, started = owner.rsplit(":", 2)
        number = int(pid)
    except ValueError:
        return False
    if place != this_machine() or "/" not in place or not started:
        return False
    return _started(number) != started


def connection_name(run_id: str, step: str = "") -> str:
    """The `application_name` of connections to PostgreSQL that work for a run.

    With a step, the name for that step; it begins with the run's.
    """
    found = f"signalroom {zlib.crc32(run_id.encode()):08x}"
    return f"{found} {zlib.crc32(step.encode()):08x}" if step else found


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; empty if it is gone or unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def log_tail(step: Step) -> str:
    """The last lines of a step's log, masked; empty if this machine does not have it."""
    if not step.log:
        return ""
    folder = paths.home() / "logs"
    path = (paths.home() / step.log).resolve()
    if not path.is_relative_to(folder.resolve()):
        return ""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return mask("\n".join(lines[-LOG_LINES:]))
