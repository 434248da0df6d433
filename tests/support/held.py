"""Keeps a test's DuckDB file open in its process, as the product does during a pull.

Opening the file takes twenty milliseconds of processor time, and a test does so dozens of times.
The file is released as soon as the test starts another process, which may open it too.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

_held: list[duckdb.DuckDBPyConnection] = []
_start = subprocess.Popen.__init__


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Keep the warehouse of that home open until the block ends or a process is started."""
    _held.append(duckdb.connect(str(home / "warehouse.duckdb")))
    try:
        yield
    finally:
        release()


def release() -> None:
    """Close the file, for the rest of the test."""
    while _held:
        _held.pop().close()


def _release_and_start(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> None:
    release()
    _start(self, *arguments, **options)


os.register_at_fork(before=release)
subprocess.Popen.__init__ = _release_and_start  # type: ignore[method-assign]
