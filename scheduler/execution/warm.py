"""Children of a process that has imported what builds and reports need, at half a second each.

The executor starts the process with a run's first step, so that it imports while pulls wait for
vendors, and ends it when no run is left. It executes nothing itself: each step is a fork of it,
with its own log, limit, secrets and process group, exactly as a child that was started by itself.

    python -m scheduler.execution.warm SOCKET ADAPTER
"""

from __future__ import annotations

import gc
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import IO, Any

from scheduler.execution.child import Child, Order, Worker
from signalroom import child_process, paths, secrets, settings

ANSWER_S = 30.0  # it answers between two imports
FORKED = frozenset({"build", "report"})
# What the commands import, the library that takes longest first. None of it reads the environment.
MODULES = (
    *("dbt.cli.main", "cli.main", "cli.build", "cli.report", "cli.console"),
    *("scheduler.steps.build", "scheduler.steps.report", "sqlalchemy.dialects.postgresql"),
    *("psycopg2.extras", "duckdb", "jinja2.bccache", "reports.charts.drawing", "bs4", "mjml"),
    *("PIL.BmpImagePlugin", "PIL.JpegImagePlugin", "reports.daily", "reports.weekly_rollup"),
    *("reports.affiliate_leaderboard", "reports.state_performance"),
)


class Warm:
    """Starts children: pulls as new processes, builds and reports as forks.

    A child that cannot be forked becomes a new process.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __call__(self, order: Order) -> Worker:
        """Start a child; OSError if no process can be started."""
        if not sys.platform.startswith("linux"):  # elsewhere it would outlive this process
            return Child(order)
        with suppress(OSError):
            self._begin()
        if order.arguments[0] not in FORKED or self._control is None:
            return Child(order)
        try:
            return Child(order, start=self._forked)
        except ForkError:
            self.end()
            return Child(order)

    def end(self) -> None:
        """End the process, and with it any child of it that still runs."""
        if self._control:
            self._control.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = self._control = None

    def _begin(self) -> None:
        if self._process and self._process.poll() is None:
            return
        self.end()
        self._control, theirs = socket.socketpair()
        number = str(theirs.fileno())
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scheduler.execution.warm", number, settings.target()],
                cwd=paths.root(),
                env={
                    **{k: v for k, v in secrets.environment(()).items() if k[:4] != "DBT_"},
                    child_process.PARENT: str(os.getpid()),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def _forked(
        self, command: Sequence[str], env: Mapping[str, str], output: IO[Any], errors: IO[Any]
    ) -> Fork:
        """A fork that runs the command; ForkError if the process does not answer."""
        assert self._control is not None  # noqa: S101 - it has begun
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = json.dumps({"command": list(command), "environment": dict(env)})
        try:
            with theirs:
                files = [theirs.fileno(), output.fileno(), errors.fileno()]
                self._control.settimeout(ANSWER_S)
                socket.send_fds(self._control, [b"."], files)
                self._control.sendall(order.encode() + b"\n")
            mine.settimeout(ANSWER_S)
            return Fork(mine, int(mine.recv(20)))
        except (OSError, ValueError) as error:  # ValueError: it ended without an answer
            mine.close()
            raise ForkError from error


class ForkError(Exception):
    """The process that forks does not work."""


class Fork:
    """A child of the process that forks, which tells its exit code and keeps its id until then."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        connection.settimeout(None)
        self._connection = connection
        self._code: int | None = None
        self.pid = pid
        self.returncode: int | None = None

    def has_ended(self) -> bool:
        """Whether it has; its process id cannot be reused before `wait`."""
        return self._code is not None or bool(select.select([self._connection], [], [], 0)[0])

    def wait(self) -> int:
        """Wait for its end; returns its exit code."""
        if self.returncode is None:
            told = self._connection.recv(20)
            # without an answer its parent has died, and the kernel has ended it
            self.returncode = int(told) if told else -signal.SIGKILL
            self._connection.close()
        return self.returncode


def main() -> None:
    """Import, fork for each order, tell its end; ends with the process that started it."""
    child_process.end_with_named_parent()
    gc.disable()
    control = socket.socket(fileno=int(sys.argv[1]))
    wanted = [MODULES[0], f"dbt.adapters.{sys.argv[2]}", *MODULES[1:]]
    ended, ends = socket.socketpair()
    ends.setblocking(False)
    signal.set_wakeup_fd(ends.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    has_time = True
    with selectors.DefaultSelector() as ready:
        ready.register(control, selectors.EVENT_READ)
        ready.register(ended, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select(0 if wanted and has_time else None):
                if key.fileobj is ended:
                    ended.recv(1 << 12)
                    _tell_ended(running, ready)
                elif key.fileobj is control:
                    order, files = _received(control)
                    # reports need no dbt; a run without a build has no use for it
                    for name in [one for one in wanted if _is_for(order, one)]:
                        import_module(name)
                        wanted.remove(name)
                    has_time = False
                    gc.freeze()
                    pid = os.fork()
                    if pid == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for other in (control, ended, ends, *running.values()):
                            other.close()
                        ready.close()
                        _run(order, files)
                    running[pid] = socket.socket(fileno=files[0])
                    for file in files[1:]:
                        os.close(file)
                else:  # the executor has heard the exit code
                    ready.unregister(key.fileobj)
                    key.data[0].close()
                    os.waitpid(key.data[1], 0)
            if wanted and has_time:
                import_module(wanted.pop(0))


def _is_for(order: Mapping[str, Any], module: str) -> bool:
    return order["command"][1] == "build" or not module.startswith("dbt.")


def _tell_ended(running: dict[int, socket.socket], ready: selectors.BaseSelector) -> None:
    """Tell exit codes; a child is not reaped before the executor has read its own."""
    for pid, connection in list(running.items()):
        status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if status:
            code = status.si_status if status.si_code == os.CLD_EXITED else -status.si_status
            with suppress(OSError):
                connection.sendall(str(code).encode())
            ready.register(connection, selectors.EVENT_READ, (connection, pid))
            del running[pid]


def _received(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """An order and its files; ends this process if there are no more."""
    first, files, _, _ = socket.recv_fds(control, 1, 3)
    text = b""
    while not text.endswith(b"\n"):
        more = control.recv(1 << 16) if first else b""
        if not more:
            os._exit(0)
        text += more
    return json.loads(text), list(files)


def _run(order: Mapping[str, Any], files: Sequence[int]) -> None:
    """Run one command in this fork, as a new process would."""
    os.setsid()
    os.write(files[0], str(os.getpid()).encode())  # from now on it can be ended as a group
    os.dup2(files[1], 1)
    os.dup2(files[2], 2)
    for file in files:
        os.close(file)
    if order["command"][1] == "build":
        from transform import dbt_process

        dbt_process.fork_standby()
    os.environ.clear()
    os.environ.update(order["environment"], **{child_process.PARENT: str(os.getppid())})
    sys.argv = list(order["command"])
    try:
        import_module("cli.main").command()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
