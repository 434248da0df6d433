"""What an attempt at a step reports to Temporal: when to retry, heartbeats, how it was ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, CancelledError
from temporalio.testing import ActivityEnvironment

from scheduler.runs.ledger import worker_id_of
from scheduler.schedule import read_schedule
from scheduler.temporal import activities, bookkeeping
from scheduler.temporal.activities import Activities
from scheduler.temporal.model import (
    DEFERRED,
    Backfill,
    Lease,
    Loaded,
    Opening,
    StepInput,
    StepResult,
)
from signalroom import clock, paths
from tests.scheduler.bench import Bench, begun, is_gone

AT = datetime(2026, 11, 19, 17, tzinfo=UTC)
HOURLY = next(job for job in read_schedule() if job.name == "hourly")
CANCELED = ActivityCancellationDetails(cancel_requested=True)


class Steps:
    """A claimed hourly run, and the activities that execute its steps."""

    def __init__(self) -> None:
        self.bench = Bench(HOURLY)
        self._activities = Activities("default", self.bench.start)
        holder = bookkeeping.owner_of("default", "signalroom-hourly-a", "1")
        opening = Opening(job="hourly", at=AT.isoformat())
        self.opened = bookkeeping.open_run(
            self.bench.ledger, opening, holder, "signalroom-hourly-a"
        )
        self.beats: list[Lease] = []
        self.environment = ActivityEnvironment()
        self.environment.on_heartbeat = self.beats.append

    def run(self, step: str = "ingest:everflow") -> StepResult:
        given = StepInput(self.opened.run_id, "hourly", self.opened.owner, self.opened.at, step, 30)
        found: StepResult = self.environment.run(self._activities.run_pipeline_activity, given)
        return found

    def fails(self, answer: str) -> ApplicationError:
        """Give the vendor's answer; returns the error that is raised for Temporal."""
        said = f'{{"source": "everflow", "client": "713", "failures": ["no: a@b.org"], {answer}}}'
        self.bench.body("ingest", f"echo '{said}'; exit 1")
        with pytest.raises(ApplicationError) as raised:
            self.run()
        assert "a@b.org" not in str(raised.value)  # it is in the ledger, but not in Temporal
        # otherwise the worker's log has a traceback of each attempt, in addition to its own line
        assert raised.value.category == ApplicationErrorCategory.BENIGN
        return raised.value


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    monkeypatch.setenv("SIGNALROOM_NOW", AT.isoformat())
    found = Steps()
    yield found
    found.bench.ledger.close()


def test_a_vendors_retry_after_is_when_temporal_tries_again(steps: Steps) -> None:
    until = clock.instant() + timedelta(minutes=4)
    error = steps.fails(f'"error_class": "DeferredError", "deferred_until": "{until.isoformat()}"')
    assert (error.type, error.non_retryable) == (DEFERRED, False)
    assert error.next_retry_delay is not None
    assert timedelta(minutes=3) < error.next_retry_delay <= timedelta(minutes=4)


def test_a_longer_retry_after_lets_the_run_go_on(steps: Steps) -> None:
    until = clock.instant() + timedelta(hours=2)
    said = (
        '{"source": "everflow", "client": "713", "failures": ["later"], '
        f'"error_class": "DeferredError", "deferred_until": "{until.isoformat()}"}}'
    )
    steps.bench.body("ingest", f"echo '{said}'; exit 1")
    assert steps.run().status == "deferred"


def test_a_failed_try_comes_again_after_a_second_and_a_refused_key_never(steps: Steps) -> None:
    first = steps.fails('"error_class": "SourceError"')
    assert (first.type, first.non_retryable) == ("SourceError", False)
    assert first.next_retry_delay is not None
    assert timedelta(seconds=0.5) < first.next_retry_delay < timedelta(seconds=1.5)
    refused = steps.fails('"error_class": "CredentialsError"')
    assert (refused.type, refused.non_retryable) == ("CredentialsError", True)
    assert steps.bench.step(steps.opened.run_id, "ingest:everflow").status == "failed"


def test_five_failed_tries_are_all_whatever_worker_had_them(steps: Steps) -> None:
    errors = [steps.fails('"error_class": "SourceError"') for _ in range(5)]
    assert [one.non_retryable for one in errors] == [False] * 4 + [True]
    pauses = [one.next_retry_delay.total_seconds() for one in errors[:4] if one.next_retry_delay]
    assert pauses == sorted(pauses)
    assert 5 < pauses[-1] < 11  # 1, 2, 4, 8, and up to a quarter more or less


def canceled_while(steps: Steps, is_so: Callable[[], bool]) -> None:
    """Cancel the step once a condition is reached."""

    def cancel() -> None:
        while not is_so():
            threading.Event().wait(0.02)
        steps.environment.cancel(cancellation_details=CANCELED)

    threading.Thread(target=cancel, daemon=True).start()
    with pytest.raises(CancelledError):
        steps.run()


def test_a_cancellation_lets_a_commit_end_and_leaves_no_process(steps: Steps) -> None:
    """The child is asked to end and gets a grace period; then everything it started is gone."""
    done, pids = paths.home() / "committed", paths.home() / "pids"
    steps.bench.body(
        "ingest",
        f"""sleep 600 & echo $! > {pids}
        trap 'sleep 1; touch {done}; exit 0' TERM
        echo $$ >> {pids}; while :; do sleep 0.1; done""",
    )
    canceled_while(steps, lambda: pids.exists() and len(pids.read_text().split()) == 2)
    assert done.exists()
    assert all(is_gone(pid) for pid in pids.read_text().split())
    assert steps.bench.step(steps.opened.run_id, "ingest:everflow").status == "pending"


def test_a_child_that_will_not_end_is_ended(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activities, "GRACE_S", 0.5)
    pids = paths.home() / "pids"
    steps.bench.body("ingest", f"trap '' TERM; echo $$ > {pids}; while :; do sleep 0.1; done")
    canceled_while(steps, pids.exists)
    assert is_gone(pids.read_text().strip())


def test_a_backfill_tells_its_slices_and_a_later_try_counts_on(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log lines while it runs have the same format as those of the command."""
    monkeypatch.setattr(activities, "BEAT_S", 0.1)
    said = "everflow 713: 2026-09-01 to 2026-09-30: 30 rows, {} of 3 slices, about 1 min left"
    asked = Backfill("everflow", "2026-07-01", "2026-09-30", "713")
    work = Activities("default", steps.bench.start).run_backfill_activity
    steps.bench.body("backfill", f"echo '{said.format(1)}' >&2; sleep 0.5; exit 1")
    with pytest.raises(ApplicationError, match="the backfill of everflow exits 1") as failed:
        steps.environment.run(work, asked)
    assert not failed.value.non_retryable
    assert {beat.progress for beat in steps.beats} >= {1}
    more = "; ".join(f"echo '{said.format(number)}' >&2; sleep 0.3" for number in (2, 3))
    steps.bench.body("backfill", more)
    assert steps.environment.run(work, asked) == Loaded(3, 0)
    assert [beat.progress for beat in steps.beats] == sorted(beat.progress for beat in steps.beats)
    assert begun()[-1].endswith(
        "backfill everflow --start 2026-07-01 --end 2026-09-30 --client 713"
    )


def test_a_heartbeat_names_the_process_and_the_try_so_that_the_next_one_ends_an_orphan(
    steps: Steps,
) -> None:
    """A worker whose heartbeats no longer arrive may still have a working child process."""
    pid_file = paths.home() / "pid"
    steps.bench.body("ingest", f"[ -e {pid_file} ] || {{ echo $$ > {pid_file}; sleep 600; }}")
    lost: list[str | None] = []

    def run_first() -> None:
        with pytest.raises(ApplicationError) as raised:
            steps.run()
        lost.append(raised.value.type)

    first = threading.Thread(target=run_first, daemon=True)
    first.start()
    while not (steps.beats and pid_file.exists() and pid_file.read_text().strip()):
        threading.Event().wait(0.02)
    pid = int(pid_file.read_text())
    [lease, *_] = steps.beats
    assert (lease.process, lease.of_try) == (worker_id_of(pid), 1)
    assert not is_gone(pid)

    second = ActivityEnvironment()
    details = [{"process": lease.process, "of_try": 1, "progress": 0}]
    second.info = replace(second.info, attempt=2, heartbeat_details=details)
    steps.environment = second
    assert steps.run().status == "done"
    assert is_gone(pid)
    first.join(20)
    assert lost == ["LostError"]
    assert steps.bench.step(steps.opened.run_id, "ingest:everflow").attempt == 2
