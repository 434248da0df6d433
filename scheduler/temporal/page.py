"""`signalroom scheduler` if Temporal schedules: page, /health, /metrics and webhook, no jobs."""

from __future__ import annotations

import logging
import signal
import threading
import time
from datetime import datetime
from types import FrameType

from sqlalchemy.exc import SQLAlchemyError

from reports.pages import files as pages
from scheduler.process import PAGES
from scheduler.runs.ledger import Ledger
from scheduler.schedule import read_schedule
from scheduler.status.health import Pulse
from scheduler.temporal.connection import trigger
from scheduler.temporal.errands import Errands
from scheduler.temporal.links import address, overview
from scheduler.temporal.worker import record
from scheduler.web.server import WebServer
from signalroom import clock
from signalroom.errors import SignalRoomError
from signalroom.warehouse import first_line

log = logging.getLogger("scheduler")
TURN_S = 0.5
LOOK_EVERY_S = 60.0


def serve(port: int, host: str) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    jobs = read_schedule()
    pulse, errands, stop = Pulse(thread=""), Errands(), threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    server = WebServer((host, port), pulse, jobs, _start, errands.add)
    server.start()
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        log.info(
            "Page: http://%s:%d/. Temporal at %s schedules the %d jobs%s; `signalroom temporal "
            "worker` does the work.",
            host,
            server.server_port,
            address(),
            len(jobs),
            f" ({overview()})" if overview() else "",
        )
        last_build: datetime | None = _newest_build()
        look_at = time.monotonic() + LOOK_EVERY_S
        if pages.are_missing():
            errands.add(PAGES.arguments)
        while not stop.wait(TURN_S):
            pulse.last_tick = pulse.last_turn = clock.instant()
            errands.turn()
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK_EVERY_S
                newest = _newest_build()
                if newest and (last_build is None or newest > last_build):
                    errands.add(PAGES.arguments)  # a worker has built their data
                last_build = newest or last_build
        pulse.is_stopping = True
    finally:
        errands.close()
        server.close()
    log.info("stopped")
    return 0


def _newest_build() -> datetime | None:
    """When the marts were last built, according to the newest runs."""
    try:
        with Ledger() as ledger:
            ends = [
                step.finished_at
                for run in ledger.recent()
                for step in run.steps
                if step.kind == "dbt" and step.status == "done" and step.finished_at
            ]
    except (SignalRoomError, SQLAlchemyError) as error:
        log.warning("the run database is unavailable: %s", first_line(error))
        return None
    return max(ends, default=None)


def _start(job: str) -> str:
    """Record a run and start its workflow."""
    run_id = record(job, "webhook")
    trigger(job, run_id)
    return run_id
