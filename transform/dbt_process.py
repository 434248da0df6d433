"""dbt as a child process, which imports dbt while its parent does other work.

The imports take a fifth of a build's time. Arguments and environment are sent later, on standard
input, once it is known what to build; a process that receives nothing exits.

    python -m transform.dbt_process ADAPTER
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from signalroom import child_process, paths, secrets, settings
from transform import quick_dbt

BEGINS = "LogStartLine"
ENDS = frozenset({"LogModelResult", "LogTestResult", "LogSeedResult", "LogNodeNoOpResult"})
# dbt's log file gets what was built, why not, and what was parsed; with every statement it was
# seven megabytes per build. The console logger formats thousands of events only to drop most.
LOG = ("--log-level", "none", "--log-format-file", "text", "--log-level-file", "info")
QUICK = (*LOG, "--no-write-json")
# What dbt validates before its first node.
CHECKED = {
    "dbt.contracts.project": (
        *("ProjectFlags", "ProfileConfig", "Project", "PackageConfig", "Configuration"),
    ),
    "dbt.contracts.selection": ("SelectorFile",),
    "dbt.adapters.duckdb.credentials": ("DuckDBCredentials",),
    "dbt.adapters.postgres.connections": ("PostgresCredentials",),
}


class Fork:
    """A fork of this process that waits for its arguments like any other that stands by."""

    def __init__(self) -> None:
        arguments, given = os.pipe()
        output, shown = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            child_process.end_with_parent(parent)
            for number, file in enumerate((arguments, shown, shown)):
                os.dup2(file, number)
            for file in (arguments, given, output, shown):
                os.close(file)
            _obey()
            os._exit(0)
        os.close(arguments)
        os.close(shown)
        self.stdin: IO[str] | None = os.fdopen(given, "w", encoding="utf-8")
        self.stdout: IO[str] | None = os.fdopen(output, encoding="utf-8")
        self.returncode = 0

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        if self.pid and (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            self._reaped(ended[1])
        return None if self.pid else self.returncode

    def kill(self) -> None:
        """End it."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)

    def __enter__(self) -> Fork:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self.stdin, self.stdout):
            with suppress(BrokenPipeError):
                if file:
                    file.close()
        if self.pid:
            self._reaped(os.waitpid(self.pid, 0)[1])

    def _reaped(self, status: int) -> None:
        self.pid, self.returncode = 0, os.waitstatus_to_exitcode(status)


Process = subprocess.Popen[str] | Fork
_standing_by: list[Process] = []


@contextmanager
def standby() -> Iterator[None]:
    """Start importing dbt for the first `run` in the body; no effect when nested."""
    if _standing_by:
        yield
        return
    _standing_by.append(_start())
    try:
        yield
    finally:
        for process in _standing_by:  # nothing was built
            process.kill()
            with process:
                pass
        _standing_by.clear()


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> Process:
    """Run dbt, in the waiting process or in a new one."""
    process = _standing_by.pop() if _standing_by else None
    if process is None or process.poll() is not None:  # a small machine may have killed it
        process = _start()
    assert process.stdin is not None  # noqa: S101 - a pipe
    with suppress(BrokenPipeError):  # it has died, as its exit code shows
        process.stdin.write(json.dumps([list(arguments), dict(environment)]))
        process.stdin.close()
    return process


def _start() -> Process:
    command = [sys.executable, "-m", "transform.dbt_process", settings.target()]
    return subprocess.Popen(
        child_process.ending_with_this_process(command),
        cwd=paths.root(),
        env={k: v for k, v in secrets.environment(()).items() if not k.startswith("DBT_")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def fork_standby() -> None:
    """Let the first `run` use a fork of this process, which has imported dbt and has no threads."""
    _standing_by.append(Fork())


def main() -> None:
    """Import dbt, wait for the arguments, run."""
    # What dbt imports stays in memory: exclude it from garbage collection.
    gc.disable()
    import_module("dbt.cli.main")
    import_module(f"dbt.adapters.{sys.argv[1]}")
    _obey()


def _obey() -> None:
    """Wait for the arguments, run."""
    with suppress(Exception):  # dbt does it itself, later, and names what is wrong
        generate_code()
    gc.freeze()
    gc.enable()
    quick_dbt.be_quick(paths.home() / "dbt" / "templates", settings.target())
    order = sys.stdin.read()
    if not order:
        return
    arguments, environment = json.loads(order)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["dbt", *arguments]
    child_process.end_process(_run(arguments))


@cache
def generate_code() -> None:
    """Have dbt's classes generate their readers and validators, as they do on first use.

    That takes half of the time between the arguments and the first node.
    """
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    for module, names in CHECKED.items():
        for name in names:
            getattr(import_module(module), name).json_schema()
    parsed = paths.home() / "dbt" / "target" / "partial_parse.msgpack"
    Manifest.from_msgpack(parsed.read_bytes(), decoder=extended_mashumuro_decoder)


def _run(arguments: list[str]) -> int:
    """Run dbt's command line and report where each node's file is; returns the exit code.

    Of dbt's artifacts only run_results.json is written: dbt would write manifest.json twice, which
    takes a fifth of a small build.
    """
    from click import ClickException
    from dbt.cli.main import cli

    result: Any = None
    code = 0
    try:
        done = cli([*QUICK, *arguments], obj={"callbacks": [_report]}, standalone_mode=False)
        result = done[0] if isinstance(done, tuple) else None  # --help returns an exit code
    except ClickException as error:  # dbt's subclass has the results of a failed build
        error.show()
        result, code = getattr(error, "result", None), error.exit_code
    if hasattr(result, "write"):
        last = len(arguments) - arguments[::-1].index("--target-path")  # an earlier one is a user's
        result.write(str(Path(arguments[last], "run_results.json")))
        nodes = [one.node for one in result.results]
        _print({"paths": {node.unique_id: node.original_file_path for node in nodes}})
    return code


def _report(message: Any) -> None:
    """Print the start and end of each node, and each error; `message` is dbt's EventMsg."""
    info, data = message.info, message.data
    if info.name == BEGINS:
        _print({"description": data.description})
    elif info.name in ENDS:
        total = data.num_models if info.name == "LogTestResult" else data.total
        _print({"index": data.index, "total": total})
    elif info.level == "error" and info.name != "MainStackTrace":
        _print({"error": info.msg})


def _print(event: Mapping[str, object]) -> None:
    with suppress(BrokenPipeError):  # the parent is gone; the build is still needed
        sys.stdout.write(json.dumps(event) + "\n")  # one write: dbt's threads report concurrently
        sys.stdout.flush()


if __name__ == "__main__":
    main()
