"""The scheduler's process: a tick each minute records what is due, children execute it.

dlt and dbt run only in the children, so that the process stays small and a hung step can be killed.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import date, datetime, timedelta
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from ingest.registry import NAMES
from reports.alerts import incidents
from reports.alerts import policy as alert_policy
from reports.pages import files as pages
from scheduler.execution.child import LOGS, Child, Order, Start
from scheduler.execution.executor import Executor
from scheduler.planning import chosen_job, record_due, requested
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job, next_due, read_schedule
from scheduler.status import heartbeat
from scheduler.status.health import Pulse
from scheduler.web.server import WebServer
from signalroom import clock, paths, retention
from signalroom.errors import ConfigurationError
from signalroom.lock import hold_file
from signalroom.run_database import prepared_engine
from signalroom.times import when

log = logging.getLogger("scheduler")
TURN_S = 0.25
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, never listened on here
STALE_AFTER = timedelta(minutes=3)
STOP_WITHIN_S = 20.0  # containers allow longer
KEEP_LOGS = timedelta(days=60)
ERRAND_S = 1800.0
DELIVER = Order("deliver", ("deliver",), ("deliver",), 600.0)
PAGES = Order("pages", ("pages",), ("pages",), 600.0)
PAGES_EVERY_S = 60.0


class Resident:
    """Triggers jobs until it is stopped."""

    def __init__(self, start: Start | None = None) -> None:
        self._jobs = read_schedule()
        alert_policy.check()
        retention.policy()
        self._ledger = WorkLedger()
        self._executor = Executor(self._ledger, self._jobs, start=start)
        self._pulse = Pulse()
        self._began = clock.instant()
        self._pruned_on: date | None = None
        self._stopping = threading.Event()
        self._has_mail = threading.Event()
        self._deliverer: Child | None = None
        self._are_pages_due, self._pages_at = False, -PAGES_EVERY_S
        self._errands: queue.SimpleQueue[tuple[str, ...]] = queue.SimpleQueue()
        self._clock = BackgroundScheduler(timezone=clock.zone())

    def run(self, port: int, host: str = "127.0.0.1") -> int:
        """Run until SIGTERM or SIGINT; returns the exit code, 1 if the tick has died.

        Children are ended with it; their work is resumed by the next start.
        """
        with ExitStack() as stack:
            stack.callback(self._ledger.close)
            stack.enter_context(_only_scheduler())
            server = WebServer(
                (host, port), self._pulse, self._jobs, self._start_by_webhook, self._errands.put
            )
            server.start()
            stack.callback(server.close)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._stop)
            self._are_pages_due = pages.are_missing()  # in case they are not on a volume
            self.tick()
            # run late rather than never, and one at a time
            options = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
            self._clock.add_job(self.tick, _each_minute(), **options)
            self._clock.start()
            log.info(
                "Page: http://%s:%d/ (health on %s:%d) · %d jobs, next: %s",
                "127.0.0.1" if host in EVERYWHERE else host,
                server.server_port,
                host,
                server.server_port,
                len(self._jobs),
                _next(self._jobs),
            )
            code = self._turn_until_stopped()
            self._pulse.is_stopping = True
            self._clock.shutdown(wait=False)
            self._executor.stop(STOP_WITHIN_S)
            if self._deliverer:
                self._deliverer.kill()
            log.info("stopped")
        return code

    def tick(self) -> None:
        """Record the runs that are due; after any error, the next tick still runs."""
        self._pulse.last_tick = clock.instant()
        try:
            now, instant = clock.now(), clock.instant()
            self._ledger.beat_now(self._executor.owner, os.getpid(), self._began, instant)
            record_due(self._ledger, self._jobs, self._executor.owner, now, instant)
            if incidents.work_waits():
                self._has_mail.set()
            heartbeat.ping()
            self._remove_old(instant)
        except Exception as error:
            said = str(error).split("\n", 1)[0]
            log.warning("tick failed; will catch up next minute: %s", said)

    def _remove_old(self, instant: datetime) -> None:
        """Once a day: delete logs and records older than data/retention.yml allows."""
        forget_old_logs(instant)
        if self._pruned_on != instant.date():
            engine = prepared_engine()
            try:
                retention.prune_run_database(engine)
            finally:
                engine.dispose()
            self._pruned_on = instant.date()

    def _turn_until_stopped(self) -> int:
        while not self._stopping.wait(TURN_S):
            try:
                self._executor.turn()
                self._are_pages_due |= self._executor.has_built()
                self._deliver()
                self._pulse.last_turn = clock.instant()
            except Exception:
                log.exception("a turn failed; trying again")
            last = self._pulse.last_tick
            # also if the machine's clock was set back: APScheduler waits for the old time
            if last and abs(clock.instant() - last) > STALE_AFTER:
                log.critical("no tick since %s; exiting for restart", last)
                return 1
        return 0

    def _deliver(self) -> None:
        """Run commands from the page, then send what is open, in one child at a time."""
        if self._deliverer and self._deliverer.poll() is not None:
            self._deliverer.close()
            self._deliverer = None
        if self._deliverer:
            return
        with suppress(queue.Empty):
            arguments = self._errands.get_nowait()
            self._deliverer = Child(Order("errands", steps_of(arguments), arguments, ERRAND_S))
            return
        if self._has_mail.is_set():
            self._has_mail.clear()
            self._deliverer = Child(DELIVER)
        elif self._may_make_pages():
            self._are_pages_due, self._pages_at = False, time.monotonic()
            self._deliverer = Child(PAGES)

    def _may_make_pages(self) -> bool:
        """Pages are made when nothing else is to do, so that no message waits for them."""
        rests = time.monotonic() - self._pages_at >= PAGES_EVERY_S
        return self._are_pages_due and rests and not self._executor.works

    def _start_by_webhook(self, job: str) -> str:
        now = clock.now()
        found = chosen_job(job, self._jobs, now)
        if found is None:
            raise ConfigurationError(f"There is no job or source {job!r}.")
        run = requested(found, "webhook", now, clock.instant())
        self._ledger.record(run)
        return run.run_id

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()


def steps_of(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The step that determines an errand's secrets and log: a replay pulls from any source."""
    if arguments[:2] == ("dead-letters", "replay"):
        return tuple(f"ingest:{name}" for name in NAMES)
    return (arguments[0],)


def _next(jobs: Sequence[Job]) -> str:
    """What is due next and when, in business time."""
    now = clock.now()
    found = [(at, job.name) for job in jobs if (at := next_due(job, now))]
    if not found:
        return "nothing"
    at, name = min(found)
    return f"{name} {when(at)}"


def _each_minute() -> CronTrigger | IntervalTrigger:
    """When to tick: at each full minute, also in a rehearsal's business time."""
    factor = clock.factor()
    if factor:
        left = timedelta(seconds=(60 - clock.now().timestamp() % 60) / factor)
        seconds = max(60 / factor, 0.5)
        return IntervalTrigger(seconds=seconds, start_date=clock.instant() + left)
    return CronTrigger(second=0, timezone=clock.zone())


def _only_scheduler() -> AbstractContextManager[None]:
    """Refuse to start a second scheduler on the same SIGNALROOM_HOME."""
    refusal = f"Another scheduler is already running on {paths.home()}: {{holder}}."
    return hold_file("scheduler", "signalroom scheduler", 0, refusal)


def forget_old_logs(instant: datetime) -> None:
    """Delete the logs of runs older than the retention period."""
    oldest = (instant - KEEP_LOGS).timestamp()
    folder = paths.home() / LOGS
    for old in folder.iterdir() if folder.exists() else ():
        if old.stat().st_mtime < oldest:
            shutil.rmtree(old, ignore_errors=True)
