"""The resident process: APScheduler wakes the jobs, children do the work, /health tells the truth.

dlt and dbt live in the children only, so that the process stays small and a hung step can be ended.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler

from scheduler.schedule import Job, read_schedule
from signalroom import clock, settings

log = logging.getLogger("scheduler")
TICK_SECONDS = 1
STALE_AFTER = timedelta(minutes=3)
GRACE_SECONDS = 20


class Resident:
    """Wakes jobs until it is told to stop."""

    def __init__(self) -> None:
        self._jobs = read_schedule()
        self._last_tick = clock.instant()
        self._children: set[subprocess.Popen[bytes]] = set()
        self._stopping = threading.Event()
        # one worker: jobs share one warehouse, and wait for one another
        self._scheduler = BackgroundScheduler(
            timezone=clock.zone(), executors={"default": {"type": "threadpool", "max_workers": 1}}
        )

    def run(self, port: int, host: str = "127.0.0.1") -> None:
        """Run until SIGTERM or SIGINT; children are ended with it and leave nothing half done."""
        for job in self._jobs:
            self._scheduler.add_job(
                self._perform,
                job.trigger(),
                args=[job],
                name=job.name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,  # a job that waited for another is late, not lost
            )
        self._scheduler.start()
        server = self._health_server(host, port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        log.warning("%d jobs, health on %s:%d", len(self._jobs), host, server.server_port)
        while not self._stopping.wait(TICK_SECONDS):
            self._tick()
        server.shutdown()
        self._end_children()
        self._scheduler.shutdown(wait=True)

    def is_healthy(self, now: datetime) -> bool:
        """Whether the scheduler's thread lives and the loop turns."""
        alive = any(thread.name == "APScheduler" for thread in threading.enumerate())
        return alive and now - self._last_tick < STALE_AFTER

    def _tick(self) -> None:
        self._last_tick = clock.instant()

    def _perform(self, job: Job) -> None:
        """Ingest, then dbt build, then reports; a failed part is logged, the others still run."""
        days: list[str] = []
        if job.days is not None:
            days = ["--start", (clock.today() - timedelta(days=job.days)).isoformat()]
            days += ["--end", clock.today().isoformat()]
        steps = [["ingest", source, *days] for source in job.sources]
        steps.append(["build"])
        steps += [["report", one, "--send", "--when-complete"] for one in job.reports]
        for step in steps:
            if not self._stopping.is_set():
                self._child(job, step)

    def _child(self, job: Job, arguments: Sequence[str]) -> None:
        command = [str(Path(sys.executable).parent / "signalroom"), *arguments]
        child = subprocess.Popen(command, cwd=settings.root(), start_new_session=True)
        self._children.add(child)
        try:
            code = child.wait(timeout=job.limit * 60)
        except subprocess.TimeoutExpired:
            log.error("%s: %s ended after %d minutes", job.name, arguments[0], job.limit)
            self._end(child)
            return
        finally:
            self._children.discard(child)
        log.warning("%s: %s exits %d", job.name, " ".join(arguments), code)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _end_children(self) -> None:
        for child in list(self._children):
            self._end(child)

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """TERM, then KILL, for the child and all that it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(child.pid, number)
                child.wait(timeout=GRACE_SECONDS)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    def _health_server(self, host: str, port: int) -> ThreadingHTTPServer:
        resident = self

        class Health(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                healthy = self.path == "/health" and resident.is_healthy(clock.instant())
                status = 200 if healthy else (503 if self.path == "/health" else 404)
                body = b'{"ok": true}' if healthy else b'{"ok": false}'
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Probes are no news."""

        server = ThreadingHTTPServer((host, port), Health)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server
