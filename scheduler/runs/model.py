"""What the ledger stores: runs, their steps, the heartbeat of the process that executes them.

A run is `due` (recorded, not begun), `running`, `waiting` (until `resume_at`), `done`,
`done_with_errors`, `failed` or `skipped` (by catch-up policy; `error` says why).

A step is `pending`, `running`, `waiting` (for a retry at `next_at`; a report: for its data),
`deferred` (rate-limited by the vendor until `next_at`), `done`, `failed`, `skipped`, or `off` (no
client has the source; for dbt and reports: no source of the run is on, so there was nothing to do).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from signalroom.source_states import paused

OPEN_RUNS = ("due", "running", "waiting")
SUPERSEDED = "superseded by "  # start of the error of a run that a newer one replaces
COMMAND = "command"  # the trigger of a run that a command executes itself


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
