"""Processes with preloaded libraries that fork for each command, which saves a second or two.

`python warm.py KIND SOCKET` listens on the socket, where tests/support/offline/warm_order.py sends
the order: the command's arguments, folder and environment, and the files for its input and output.
Nothing of SignalRoom itself is imported before the command runs. The command dies with the process
that requested it.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
# Where dbt as the product's child process finds the warm process, if a test allows it.
VARIABLE = "WARM_DBT"
# After these dbt commands a test reads the manifest; writing it takes the others a second, twice.
READ_IT = {"parse", "docs"}

# What commands import besides SignalRoom: most of the processor time of a short one.
LIBRARIES = (
    *("apscheduler.triggers.cron", "click", "dotenv", "duckdb", "httpx", "jinja2", "numpy"),
    *("psycopg2.extras", "pyarrow.parquet", "pydantic", "requests", "resend", "rich.progress"),
    *("s3fs", "sqlalchemy.dialects.postgresql", "tenacity", "twilio.rest", "yaml"),
    *("dlt.destinations.impl.duckdb.duck", "dlt.destinations.impl.postgres.postgres"),
    "dlt.sources.helpers",
)


def warm_builds(patch: pytest.MonkeyPatch) -> None:
    """Let builds in the test's own process use a dbt that is already imported."""
    patch.setenv(VARIABLE, warm("dbt"))
    patch.setenv("PYTHONPATH", str(Path(__file__).parent / "offline"))


@cache
def warm(kind: str) -> str:
    """The socket of this test process's own warm process, which ends with it."""
    from tests.support.processes import own_environment

    folder = tempfile.TemporaryDirectory(prefix="signalroom-warm-")
    atexit.register(folder.cleanup)
    address = f"{folder.name}/{kind}"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    with listener:
        process = subprocess.Popen(
            [sys.executable, "-P", __file__, kind, str(listener.fileno())],
            cwd=ROOT,
            env=own_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        )
    atexit.register(process.kill)
    return address


def serve(kind: str, descriptor: int) -> None:
    """Serve orders until the process that started this one is gone."""
    {"dbt": _import_dbt, "libraries": _import_libraries}[kind]()
    listener = socket.socket(fileno=descriptor)
    ended, ends = socket.socketpair()
    ends.setblocking(False)
    signal.set_wakeup_fd(ends.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[socket.socket, int] = {}
    with selectors.DefaultSelector() as all_of_them:
        for one in (0, listener, ended):
            all_of_them.register(one, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in all_of_them.select()}
            if 0 in ready:
                return
            for gone in [one for one in running if one in ready]:
                os.kill(running[gone], signal.SIGKILL)  # the requesting process is gone
                all_of_them.unregister(gone)
            if ended in ready:
                ended.recv(1 << 12)
                for connection in _answer_ended(running):
                    if connection in all_of_them.get_map():  # the requester may be gone
                        all_of_them.unregister(connection)
                    connection.close()
            if listener in ready:
                connection, _ = listener.accept()
                order, files = _taken(connection)
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    for other in (listener, ended, ends, connection, *running):
                        other.close()
                    _obey(order, files)
                for file in files:
                    os.close(file)
                running[connection] = pid
                all_of_them.register(connection, selectors.EVENT_READ)


def _answer_ended(running: dict[socket.socket, int]) -> Iterator[socket.socket]:
    """Send the exit codes of the commands that have ended; yields their connections."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            for connection in [one for one, pid in running.items() if pid == found[0]]:
                with suppress(OSError):
                    connection.sendall(str(os.waitstatus_to_exitcode(found[1])).encode())
                del running[connection]
                yield connection


def _taken(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive an order, and the files for the command's input and output."""
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    text = b""
    while not text.endswith(b"\n"):
        text += connection.recv(1 << 16) or b"{}\n"
    return json.loads(text), files


def _import_dbt() -> None:
    import dbt.cli.main  # noqa: F401
    from dbt.adapters.duckdb.credentials import DuckDBCredentials
    from dbt.adapters.postgres.connections import PostgresCredentials
    from dbt.artifacts.resources.v1.config import NodeConfig, TestConfig
    from dbt.artifacts.resources.v1.model import ModelConfig
    from dbt.artifacts.resources.v1.seed import SeedConfig
    from dbt.contracts import project
    from dbt.contracts.graph import nodes, unparsed

    # dbt derives the schema of each kind of file and node when it first checks one of them, which
    # takes a third of a short command and two seconds of one that parses the whole project.
    for checked in (
        *(DuckDBCredentials, PostgresCredentials, ModelConfig, NodeConfig, SeedConfig, TestConfig),
        *(project.Configuration, project.PackageConfig, project.Project, project.ProjectFlags),
        *(nodes.GenericTestNode, nodes.HookNode, nodes.ModelNode, nodes.SeedNode),
        *(nodes.SingularTestNode, unparsed.UnparsedModelUpdate, unparsed.UnparsedUnitTest),
        unparsed.UnparsedSourceDefinition,
    ):
        checked.json_schema()
    gc.freeze()  # forks then share this memory


def _import_libraries() -> None:
    os.environ["DLT_PROJECT_DIR"] = str(ROOT)  # as ingest/resources.py sets it before the import
    for name in LIBRARIES:
        import_module(name)
    gc.freeze()  # forks then share this memory


def _obey(order: dict[str, Any], files: list[int]) -> None:
    """Run the command in this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    random.seed()
    os._exit(_ended(CALLS[order["call"]], order["arguments"]))


def _ended(call: Callable[[list[str]], object], arguments: list[str]) -> int:
    try:
        call(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _dbt(arguments: list[str]) -> None:
    from dbt.cli.main import cli

    sys.argv = ["dbt", *arguments]
    gc.disable()  # a tenth of a build, for little: the process ends with it
    sys.path.insert(0, str(ROOT))
    from transform import quick_dbt

    quick_dbt.be_quick(ROOT / "target" / "templates", os.environ.get("SIGNALROOM_TARGET", ""))
    if not READ_IT & set(arguments):
        spare_the_manifest()
    # the semaphore tracker does not notice the end of a fork, and would complain in its output
    sys.warnoptions = ["ignore:resource_tracker"]
    cli(arguments)


def _dbt_of_the_product(arguments: list[str]) -> None:
    """Act as `python -m transform.dbt_process`."""
    sys.path.insert(0, str(Path.cwd()))
    from transform import dbt_process

    sys.argv = [dbt_process.__file__, *arguments]
    gc.set_threshold(100_000)  # it enables the search, whose passes take a fifteenth of a build
    sys.warnoptions = ["ignore:resource_tracker"]
    dbt_process.main()


def _signalroom(arguments: list[str]) -> None:
    if Path.cwd() != ROOT:
        sys.path.insert(0, str(Path.cwd()))
    from cli.main import main

    sys.argv = [str(Path(sys.executable).with_name("signalroom")), *arguments]
    main()


def spare_the_manifest() -> None:
    """Make this dbt process skip writing manifest.json."""
    from dbt.parser import manifest
    from dbt.task import runnable

    for module in (manifest, runnable):
        module.write_manifest = lambda *_: None  # type: ignore[attr-defined]


CALLS = {"dbt": _dbt, "build": _dbt_of_the_product, "signalroom": _signalroom}

if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
