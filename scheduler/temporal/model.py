"""What goes through Temporal: names and dataclasses, one as input and one as output of each call.

Days and instants are ISO text, without personal data: results are counts and references to the
ledger, which keeps the rest. Nothing is imported, so that workflows can be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

API_TASKS = "api-tasks"  # ingest and reports: they wait for others
WAREHOUSE_TASKS = "warehouse-tasks"  # dbt
QUEUES = (API_TASKS, WAREHOUSE_TASKS)
PREFIX = "signalroom-"  # prefix of the ids of schedules and workflows
DELIVERY = f"{PREFIX}deliver"
SCHEDULED_SYNC = "ScheduledSyncWorkflow"
SYNC_SOURCE = "SyncSourceWorkflow"
RUN_REPORT = "RunReportWorkflow"
BACKFILL = "BackfillWorkflow"
DELIVER = "DeliverWorkflow"
LONGEST_RUN_H = 26  # a vendor may rate-limit for a day
# Not failed tries: a vendor's Retry-After, a stopped worker, an unavailable ledger.
DEFERRED = "DeferredError"
STOPPED = "WorkerStopped"
LEDGER_AWAY = "LedgerAway"
BUSY = "Busy"  # another run has the same sources
PATIENT = (DEFERRED, STOPPED, LEDGER_AWAY)


@dataclass
class ScheduledSync:
    """A job of the schedule that is due, or with `run_id` a run already in the ledger.

    `at` is the business instant it is due at; empty: the schedule's. Before `not_before` (real
    clock) it does nothing.
    """

    job: str
    at: str = ""
    run_id: str = ""
    not_before: str = ""


@dataclass
class SyncSource:
    """One source, for one client or (empty) all, to be pulled now; no build, no report."""

    source: str
    client: str = ""
    resources: list[str] = field(default_factory=list)
    notify_success: list[str] = field(default_factory=list)
    notify_failure: list[str] = field(default_factory=list)
    at: str = ""


@dataclass
class RunReport:
    """One report, about the day before `at`; without `send` it is only rendered."""

    report: str
    client: str = ""
    channels: list[str] = field(default_factory=list)
    send: bool = False
    at: str = ""


@dataclass
class Backfill:
    """A long range of one source, in slices."""

    source: str
    start: str
    end: str
    client: str = ""


@dataclass
class Opening:
    """Which run to claim: of a job of the schedule, of the ledger by its id, or a new one."""

    job: str = ""
    at: str = ""
    run_id: str = ""
    source: str = ""
    report: str = ""
    client: str = ""
    notify_success: list[str] = field(default_factory=list)
    notify_failure: list[str] = field(default_factory=list)


@dataclass
class Opened:
    """A claimed run, and what is left to do of it; without `run_id` there is none.

    `reports_at` is the real instant at which its reports stop waiting; empty: no deadline.
    """

    run_id: str = ""
    job: str = ""
    owner: str = ""
    at: str = ""
    limit_min: int = 60
    pulls: list[str] = field(default_factory=list)
    has_dbt: bool = False
    reports: list[str] = field(default_factory=list)
    notify_success: list[str] = field(default_factory=list)
    notify_failure: list[str] = field(default_factory=list)
    reports_at: str = ""


@dataclass
class StepInput:
    """One step of a claimed run. `at` is the run's business instant.

    `wait_s` is the longest Retry-After that the step itself waits; a longer one defers it.
    With `again` the step runs once more although it is done.
    """

    run_id: str
    job: str
    owner: str
    at: str
    step: str
    limit_min: int
    wait_s: int = 600
    client: str = ""
    resources: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    send: bool = True
    again: bool = False


@dataclass
class StepResult:
    """A step's result, as in the ledger. `rows` are those loaded from the source."""

    step: str
    status: str
    rows: int = 0


@dataclass
class Finishing:
    """A run whose steps have ended; `canceled` if a person ended it."""

    run_id: str
    job: str
    owner: str
    at: str
    limit_min: int
    notify_success: list[str] = field(default_factory=list)
    notify_failure: list[str] = field(default_factory=list)
    canceled: bool = False


@dataclass
class Finished:
    """How a run ended. `resume_at` is when deferred steps are pulled again."""

    status: str
    resume_at: str = ""
    has_mail: bool = False


@dataclass
class SyncResult:
    """The runs that a workflow executed, the last one's status, and the counts by step."""

    runs: list[str] = field(default_factory=list)
    status: str = ""
    steps: dict[str, StepResult] = field(default_factory=dict)


@dataclass
class Delivery:
    """Send what is open; `at` is the business instant of the calling run, or empty."""

    at: str = ""


@dataclass
class Sent:
    """The result of a delivery."""

    exit_code: int = 0


@dataclass
class Loaded:
    """The progress of a backfill."""

    slices: int = 0
    exit_code: int = 0


@dataclass
class Lease:
    """The details of a heartbeat: which process works on the step, and for which try of it."""

    process: str = ""
    of_try: int = 0
    progress: int = 0


def workflow_of_schedule(job: str) -> str:
    """The id of a schedule, and the prefix of its workflows' ids."""
    return f"{PREFIX}{job}"


def workflow_of_run(run_id: str) -> str:
    """The id of the workflow that executes a run of the ledger."""
    return f"{PREFIX}{run_id}"
