"""dbt as a child process, which imports dbt while this one still has other work.

The imports take as long as a fifth of a build. Arguments and environment come later, by standard
input, when it is known what is to be built; a process that is told nothing ends.

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
    """Let dbt import itself meanwhile, for the first `run` in the body; within another, nothing."""
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
    """dbt at work, in the process that stands by, or in a new one."""
    process = _standing_by.pop() if _standing_by else None
    if process is None or process.poll() is not None:  # a small machine may have ended it
        process = _start()
    assert process.stdin is not None  # noqa: S101 - a pipe
    with suppress(BrokenPipeError):  # it has died, as its exit code says
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
    """Import dbt, wait for what it is to do, do it."""
    # What dbt imports stays for good: looking for garbage in it again and again finds none.
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
