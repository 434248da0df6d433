"""The run that this process works for.

The scheduler's children have it in their environment; a command that executes its run itself
registers it here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "SIGNALROOM_RUN_ID"
_own: list[str] = []


@contextmanager
def working_for(run_id: str) -> Iterator[None]:
    """This process executes that run itself, in all of its threads, during the body."""
    _own.append(run_id)
    try:
        yield
    finally:
        _own.remove(run_id)


def run_id() -> str:
    """Its id; empty if this process works for none."""
    return _own[-1] if _own else os.environ.get(VARIABLE, "").strip()
