"""Children of a process that has imported and prepared what builds and reports need.

The executor starts the process with a run's first step, so that it imports while pulls wait for
vendors, and ends it when no run is left. It executes nothing itself: each step is a fork of it,
with its own log, limit, secrets and process group, exactly as a child that was started by itself.
What a step is to do, and its secrets, only its fork reads, so that no later fork inherits them.

    python -m scheduler.execution.warm SOCKET ADAPTER
"""

from __future__ import annotations

import gc
import json
import logging
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

from scheduler.execution.child import Child, Order, Worker
from signalroom import child_process, paths, secrets, settings

log = logging.getLogger("scheduler")
ANSWER_S = 10.0  # it answers between two imports; leases of runs must be renewed in time
BEGUN = b"pid "  # begins what a fork says of itself; its exit code comes later, from the server
PACKET = 1 << 16
# Libraries that would begin threads when imported: numpy's. Steps have an environment of their own.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
FORKED = frozenset({"build", "report"})
# What the commands import, the library that takes longest first. None of it reads the environment.
MODULES = (
    *("dbt.cli.main", "cli.main", "cli.build", "cli.report", "cli.console"),
    *("scheduler.steps.build", "scheduler.steps.report", "sqlalchemy.dialects.postgresql"),
    *("psycopg2.extras", "duckdb", "jinja2.bccache", "reports.charts.drawing", "bs4", "mjml"),
    *("PIL.BmpImagePlugin", "PIL.JpegImagePlugin", "PIL.GifImagePlugin", "PIL.PpmImagePlugin"),
    *("reports.messages.render", "reports.alerts.deliver", "cli.as_known"),
)


def _generate_code() -> None:
    from transform import dbt_process

    dbt_process.generate_code()


def _compile_templates() -> None:
    # Jinja notices an edited one; the reports' own code is left to the forks, as are their queries,
    # so that an edit of them during a long run is used as a whole
    from reports.messages import render

    render.compile_templates("daily")


# What the first use of the imports would do again in each fork.
PREPARATIONS: tuple[Callable[[], None], ...] = (_generate_code, _compile_templates)


class Warm:
    """Starts children: pulls as new processes, builds and reports as forks.

    A child that cannot be forked becomes a new process, and so does each one after it until `end`;
    forks that run go on.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._forks: list[Fork] = []
        self._has_failed = False

    def __call__(self, order: Order) -> Worker:
        """Start a child; OSError if no process can be started."""
        if not sys.platform.startswith("linux"):  # elsewhere it would outlive this process
            return Child(order)
        try:
            self._begin()
            if order.arguments[0] in FORKED and not self._has_failed:
                return Child(order, start=self._forked)
        except ForkError as error:
            self._has_failed = True
            log.warning("builds and reports are new processes until no run is left: %s", error)
            if all(fork.returncode is not None for fork in self._forks):
                self._stop()
        return Child(order)

    def end(self) -> None:
        """End the process, and with it any child of it that still runs."""
        self._stop()
        self._has_failed = False

    def _stop(self) -> None:
        if self._control:
            self._control.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = self._control = None
        self._forks.clear()

    def _begin(self) -> None:
        """Start the process if need be; ForkError if it has ended by itself."""
        if self._has_failed:
            return
        if self._process:
            if (code := self._process.poll()) is not None:
                raise ForkError(f"the process that forks them ended with code {code}")
            return
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(ANSWER_S)
        number = str(theirs.fileno())
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scheduler.execution.warm", number, settings.target()],
                cwd=paths.root(),
                env={
                    **{k: v for k, v in secrets.environment(()).items() if k[:4] != "DBT_"},
                    **ONE_THREAD,
                    child_process.PARENT: str(os.getpid()),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the executor, which ends its steps in order
            )
        except OSError as error:
            raise ForkError(str(error)) from error
        finally:
            theirs.close()

    def _forked(
        self, command: Sequence[str], env: Mapping[str, str], output: IO[Any], errors: IO[Any]
    ) -> Fork:
        """A fork that runs the command; ForkError if there is none, and none will run it."""
        assert self._control is not None  # noqa: S101 - it has begun
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.settimeout(ANSWER_S)
        try:
            with theirs:
                files = [theirs.fileno(), output.fileno(), errors.fileno()]
                socket.send_fds(self._control, [command[1].encode()], files)
            told = mine.recv(PACKET)
            # an exit code, of a fork that ended at once, must never be taken for a process id
            if not told.startswith(BEGUN):
                raise ForkError(told.decode() or "the process that forks them has ended")
            # only now: a fork that we no longer wait for runs nothing
            text = json.dumps({"command": list(command), "environment": dict(env)}).encode() + b"\n"
            for start in range(0, len(text), PACKET):
                mine.sendall(text[start : start + PACKET])
        except (OSError, ForkError) as error:
            mine.close()
            raise ForkError(str(error)) from error
        fork = Fork(mine, int(told.removeprefix(BEGUN)))
        self._forks = [*(one for one in self._forks if one.returncode is None), fork]
        return fork


class ForkError(Exception):
    """There is no fork for a step."""


class Fork:
    """A child of the process that forks, which tells its exit code and keeps its id until then."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self._connection = connection
        self.pid = pid
        self.returncode: int | None = None

    def has_ended(self) -> bool:
        """Whether it has; its process id cannot be reused before `wait`."""
        return bool(select.select([self._connection], [], [], 0)[0])

    def wait(self) -> int:
        """Its exit code, once it has ended or was killed."""
        if self.returncode is None:
            told = b""
            with suppress(OSError):
                told = self._connection.recv(PACKET)
            # without an answer its parent has died, and the kernel has ended it
            self.returncode = int(told) if told else -signal.SIGKILL
            self._connection.close()
        return self.returncode


class Server:
    """Imports, prepares, forks for each order, tells the ends of forks."""

    def __init__(
        self,
        control: socket.socket,
        wanted: Sequence[str],
        preparations: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._control = control
        self._wanted = list(wanted)
        self._preparations = list(preparations)
        self._has_time = True
        self._running: dict[int, socket.socket] = {}
        self._ended, self._ends = socket.socketpair()
        self._ends.setblocking(False)
        signal.set_wakeup_fd(self._ends.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._ready = selectors.DefaultSelector()
        for one in (self._control, self._ended):
            self._ready.register(one, selectors.EVENT_READ, (one, 0))

    def serve(self) -> NoReturn:
        """Work until the executor closes its end."""
        while True:
            may_import = self._has_time and self._wanted
            may_prepare = not may_import and self._preparations
            for key, _ in self._ready.select(0 if may_import or may_prepare else None):
                connection, pid = key.data
                if connection is self._ended:
                    self._ended.recv(PACKET)
                    self._tell_ended()
                elif connection is self._control:
                    self._take_order()
                elif _is_closed(connection):  # the executor has heard the exit code
                    self._ready.unregister(connection)
                    connection.close()
                    os.waitpid(pid, 0)
            if self._has_time and self._wanted:
                try:
                    import_module(self._wanted[0])
                    del self._wanted[0]
                except Exception:  # told to a step that needs it
                    self._has_time = False
            elif self._preparations:
                self._prepare(self._preparations.pop(0))

    def _prepare(self, prepare: Callable[[], None]) -> None:
        """Do it, and keep only what lasts: each fork would copy the garbage that it touches."""
        gc.freeze()
        with suppress(Exception):  # told to a step that needs it
            prepare()
        gc.collect()

    def _take_order(self) -> None:
        kind, files, _, _ = socket.recv_fds(self._control, PACKET, 3)
        if not kind:
            os._exit(0)
        try:
            pid = self._fork(files, is_build=kind == b"build")
        except Exception as error:  # the step becomes a new process; forks that run go on
            with suppress(OSError, IndexError):
                os.write(files[0], f"{type(error).__name__}: {error}".encode()[:1000])
        else:
            self._running[pid] = socket.socket(fileno=files.pop(0))
        for file in files:
            os.close(file)

    def _fork(self, files: list[int], *, is_build: bool) -> int:
        if len(files) < 3:
            raise OSError("no file descriptor is left")
        self._has_time = False
        if is_build or any(one.startswith("dbt.") for one in self._wanted):
            # a build does that itself; what reports need is done while it works
            self._preparations = [one for one in self._preparations if one != _generate_code]
        # reports need no dbt; a run without a build has no use for it
        for name in [one for one in self._wanted if is_build or not one.startswith("dbt.")]:
            import_module(name)
            self._wanted.remove(name)
        if len(list(Path("/proc/self/task").iterdir())) > 1:
            raise RuntimeError("an import has started a thread, whose locks a fork would keep")
        gc.freeze()
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                self._run(server, files, is_build=is_build)
            finally:
                os._exit(1)
        return pid

    def _run(self, server: int, files: Sequence[int], *, is_build: bool) -> None:
        """Run the command that the executor sends to this fork, as a new process would."""
        child_process.end_with_parent(server)  # it may already have ended
        self._leave()
        os.setsid()
        with socket.socket(fileno=files[0]) as executor:
            executor.sendall(
                BEGUN + str(os.getpid()).encode()
            )  # from now on it can be ended as a group
            text = b""
            while not text.endswith(b"\n"):
                more = executor.recv(PACKET)
                if not more:  # it no longer wants this fork
                    return
                text += more
        order = json.loads(text)
        for number, file in enumerate(files[1:], start=1):
            os.dup2(file, number)
            os.close(file)
        try:
            if is_build:
                from transform import dbt_process

                dbt_process.fork_standby()
            os.environ.clear()
            os.environ.update(order["environment"], **{child_process.PARENT: str(server)})
            sys.argv = list(order["command"])
            import_module("cli.main").command()
        except BaseException:
            sys.excepthook(*sys.exc_info())

    def _leave(self) -> None:
        """Close in a fork what belongs to the server, and to other forks."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        known = [key.data[0] for key in self._ready.get_map().values()]
        for other in (self._ends, *self._running.values(), *known):
            other.close()
        self._ready.close()

    def _tell_ended(self) -> None:
        """Tell exit codes; a child is not reaped before the executor has read its own."""
        for pid, connection in list(self._running.items()):
            status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if status:
                code = status.si_status if status.si_code == os.CLD_EXITED else -status.si_status
                with suppress(OSError):
                    connection.sendall(str(code).encode())
                self._ready.register(connection, selectors.EVENT_READ, (connection, pid))
                del self._running[pid]


def _is_closed(connection: socket.socket) -> bool:
    """Whether the other end is; an order that a killed fork did not read may come first."""
    try:
        return not connection.recv(PACKET)
    except OSError:  # closed before it had read everything
        return True


def main() -> None:
    """Serve the process that started this one, and end with it."""
    child_process.end_with_named_parent()
    gc.disable()
    wanted = [MODULES[0], f"dbt.adapters.{sys.argv[2]}", *MODULES[1:]]
    Server(socket.socket(fileno=int(sys.argv[1])), wanted, PREPARATIONS).serve()


if __name__ == "__main__":
    main()
