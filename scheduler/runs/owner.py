"""Who works on a run: a process of a machine, told apart from a later one with the same number."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def me() -> str:
    """This process, as the ledger names it: `host:pid:start`."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def has_died(owner: str) -> bool:
    """Whether the owner is a process of this machine that is no more; False when nobody can say."""
    host, pid, started = owner.rsplit(":", 2)
    if host != socket.gethostname() or not started:
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty when it is gone or unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]
