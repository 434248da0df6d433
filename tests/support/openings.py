"""Counts how often a test opens the embedded warehouse's file; reusing an open file is free."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest


def count_openings(monkeypatch: pytest.MonkeyPatch, file: Path) -> Callable[[], int]:
    """Count from now on; returns a function that gives the number so far."""
    found: list[bool] = []
    connect: Callable[..., Any] = duckdb.connect

    def noted(*args: Any, **kwargs: Any) -> Any:
        was_open = _is_open(file)
        connection = connect(*args, **kwargs)
        found.append(not was_open)
        return connection

    monkeypatch.setattr(duckdb, "connect", noted)
    return lambda: sum(found)


def _is_open(file: Path) -> bool:
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if handle.readlink() == file:
                return True
    return False
