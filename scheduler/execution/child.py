"""One command of the product as a child process: its output, its log, its time limit.

The child leads a new session, so that it can be ended together with everything it started, and the
kernel ends it when this process ends (signalroom.child_process). Start it from a long-lived thread:
the kernel takes the end of the starting thread for the end of the parent.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from scheduler.runs.ledger import connection_name
from signalroom import child_process, clock, paths, secrets, sources, tracing

GRACE_S = 20.0
WORDS_S = 30.0  # before its limit, a child stops waiting for a lock and names its holder
SIGNALROOM = (str(Path(sys.executable).parent / "signalroom"),)
LOGS = Path("logs", "runs")


@dataclass(frozen=True)
class Order:
    """What a child is to do: arguments of `signalroom`, for which steps of whose run.

    `of_try` numbers the try of its step, if a later try revokes the right of this one to load.
    """

    run_id: str
    steps: tuple[str, ...]
    arguments: tuple[str, ...]
    limit_s: float
    owner: str = ""
    of_try: int = 0

    @property
    def connections(self) -> str:
        """The `application_name` of its connections to PostgreSQL."""
        step = self.steps[0] if self.of_try else ""
        return connection_name(self.run_id, step)

    @property
    def log(self) -> str:
        """Its log file, relative to SIGNALROOM_HOME."""
        kinds = {step.split(":", 1)[0] for step in self.steps}
        name = self.steps[0].replace(":", "-") if len(self.steps) == 1 else kinds.pop()
        return str(LOGS / self.run_id / f"{name}.log")


class Worker(Protocol):
    """The interface of a child; rehearsals use other implementations than `Child`."""

    over_limit: bool

    def poll(self) -> int | None: ...

    def answers(self) -> list[dict[str, Any]]: ...

    def end(self, grace_s: float | None = None) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...

    def wait(self, most_s: float) -> None: ...


class Process(Protocol):
    """A process that has been started; `returncode` is None until it was waited for."""

    pid: int
    returncode: int | None

    def has_ended(self) -> bool: ...

    def wait(self) -> int: ...


class Popen(subprocess.Popen[bytes]):
    """A new process."""

    def has_ended(self) -> bool:
        """Whether it has; its process id cannot be reused before `wait`."""
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self.pid, options) is not None


def started(
    command: Sequence[str], env: Mapping[str, str], output: IO[Any], errors: IO[Any]
) -> Process:
    """A new process that leads a session."""
    return Popen(
        command,
        cwd=paths.root(),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        start_new_session=True,
    )


Start = Callable[[Order], Worker]
StartProcess = Callable[[Sequence[str], Mapping[str, str], IO[Any], IO[Any]], Process]
CHANNEL_SECRETS = ("SLACK_BOT_TOKEN", "RESEND_API_KEY", "TWILIO_AUTH_TOKEN", "HEARTBEAT_URL")


class Child:
    """A running child; call `poll` every second or so until it returns the exit code."""

    def __init__(
        self,
        order: Order,
        command: Sequence[str] = SIGNALROOM,
        start: StartProcess = started,
    ) -> None:
        log = paths.home() / order.log
        log.parent.mkdir(parents=True, exist_ok=True)
        answers = log.with_suffix(".jsonl")
        with log.open("ab") as errors, answers.open("wb") as output:
            env = {**secrets.environment(_needed(order)), **_environment(order)}
            self._process = start([*command, *order.arguments], env, output, errors)
        self._reader = answers.open(encoding="utf-8", errors="replace")
        self._rest = ""
        self._end_at = time.monotonic() + order.limit_s
        self._kill_at = float("inf")
        self.over_limit = False

    @property
    def pid(self) -> int:
        """Its process, and the group of everything it starts."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code; None while it runs. Past its limit it is ended: TERM, 20 s, KILL."""
        if self._process.returncode is not None:
            return self._process.returncode
        if self._process.has_ended():
            self._signal(signal.SIGKILL)
            return self._process.wait()
        moment = time.monotonic()
        if moment > self._kill_at:
            self._signal(signal.SIGKILL)
        elif moment > self._end_at and not self.over_limit:
            self.over_limit = True
            self.end()
        return None

    def end(self, grace_s: float | None = None) -> None:
        """Send SIGTERM; after the grace period it is killed."""
        self._signal(signal.SIGTERM)
        self._kill_at = min(
            self._kill_at, time.monotonic() + (GRACE_S if grace_s is None else grace_s)
        )

    def kill(self) -> None:
        """Kill it and everything it started."""
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def answers(self) -> list[dict[str, Any]]:
        """The JSON objects that it has written since the last call."""
        *lines, self._rest = (self._rest + self._reader.read()).split("\n")
        found = []
        for line in lines:
            with suppress(ValueError):  # a library's output is not a result
                answer = json.loads(line)
                if isinstance(answer, dict):
                    found.append(answer)
        return found

    def wait(self, most_s: float) -> None:
        """Wait that long, or until it ends if the system can tell (only Linux can)."""
        handle = None
        if self._process.returncode is None and hasattr(os, "pidfd_open"):
            with suppress(OSError):  # an old kernel, or a container that forbids it
                handle = os.pidfd_open(self.pid)
        if handle is None:
            time.sleep(most_s)
            return
        try:
            select.select([handle], [], [], most_s)
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close its output."""
        self._reader.close()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def last_line(order: Order) -> str:
    """The end of a child's log, if it failed without a result."""
    try:
        text = (paths.home() / order.log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _needed(order: Order) -> set[str]:
    """The secrets that an order's steps need: a source's own, or those of the channels."""
    needed = {"SUPABASE_DB_PASSWORD"}
    for step in order.steps:
        kind, _, name = step.partition(":")
        if kind == "ingest":
            needed |= {"SIGNALROOM_HASH_SALT", *sources.variables(name)}
        elif kind in ("report", "deliver"):
            needed |= {"SUPABASE_DB_REPORT_PASSWORD", *CHANNEL_SECRETS}
        else:
            # findings after a build are read from the marts
            needed.add("SUPABASE_DB_REPORT_PASSWORD")
    return needed


def _environment(order: Order) -> Mapping[str, str]:
    found = {
        **tracing.environment(),
        child_process.PARENT: str(os.getpid()),
        "SIGNALROOM_RUN_ID": order.run_id,
        "SIGNALROOM_STEP": ",".join(order.steps),
        "SIGNALROOM_RUN_OWNER": order.owner,
        "SIGNALROOM_STEP_TRY": str(order.of_try or ""),
        "PGAPPNAME": order.connections,
        # a build waits for another one, with time left to name the holder of the lock
        "SIGNALROOM_LOCK_WAIT_S": str(max(order.limit_s - WORDS_S, order.limit_s / 2)),
    }
    if os.environ.get("SIGNALROOM_CLOCK_FACTOR", "").strip():
        found["SIGNALROOM_NOW"] = clock.now().isoformat()
        found["SIGNALROOM_CLOCK_SINCE"] = clock.instant().isoformat()
    return found
