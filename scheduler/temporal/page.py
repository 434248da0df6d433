"""`signalroom scheduler` where Temporal schedules: page, /health, /metrics and webhook, no jobs."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

from scheduler.schedule import read_schedule
from scheduler.status.health import Pulse
from scheduler.temporal.connection import trigger
from scheduler.temporal.errands import Errands
from scheduler.temporal.links import address, overview
from scheduler.temporal.worker import record
from scheduler.web.server import WebServer
from signalroom import clock

log = logging.getLogger("scheduler")
TURN_S = 0.5


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
        while not stop.wait(TURN_S):
            pulse.last_tick = pulse.last_turn = clock.instant()
            errands.turn()
        pulse.is_stopping = True
    finally:
        errands.close()
        server.close()
    log.info("stopped")
    return 0


def _start(job: str) -> str:
    """Record a run and start its workflow."""
    run_id = record(job, "webhook")
    trigger(job, run_id)
    return run_id
