"""dbt as a child process, which imports dbt while its parent does other work.

The imports take a fifth of a build's time. Arguments and environment are sent later, on standard
input, once it is known what to build; a process that receives nothing exits.

    python -m transform.dbt_process ADAPTER
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module

from signalroom import child_process, paths, secrets, settings

Process = subprocess.Popen[str]
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


def main() -> None:
    """Import dbt, wait for the arguments, run."""
    # What dbt imports stays in memory: exclude it from garbage collection.
    gc.disable()
    from dbt.cli.main import cli

    import_module(f"dbt.adapters.{sys.argv[1]}")
    gc.freeze()
    gc.enable()
    order = sys.stdin.read()
    if not order:
        return
    arguments, environment = json.loads(order)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["dbt", *arguments]
    cli()


if __name__ == "__main__":
    main()
