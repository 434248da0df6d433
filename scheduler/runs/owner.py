"""The owner of a run: one process of one machine, not a later one with the same pid."""

from __future__ import annotations

import os
import socket
import zlib
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def me() -> str:
    """This process, as the ledger names it: `host/boot/namespace:pid:start`."""
    return process(os.getpid())


def process(pid: int) -> str:
    """A process of this machine, as the ledger names it."""
    return f"{here()}:{pid}:{_started(pid)}"


def here() -> str:
    """Where process ids are the same as here: host name, boot, pid namespace.

    Machines from one image, and containers, may share a host name; but never all three.
    """
    try:
        boot = BOOT_ID.read_text(encoding="utf-8").strip()
        space = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}/{boot}/{space}"


def has_died(owner: str) -> bool:
    """Whether the owner was a process of this machine and is gone; False if unknown."""
    try:
        place, pid, started = owner.rsplit(":", 2)
        number = int(pid)
    except ValueError:
        return False
    if place != here() or "/" not in place or not started:
        return False
    return _started(number) != started


def connection_name(run_id: str, step: str = "") -> str:
    """The `application_name` of connections to PostgreSQL that work for a run.

    With a step, the name for that step; it begins with the run's.
    """
    found = f"signalroom {zlib.crc32(run_id.encode()):08x}"
    return f"{found} {zlib.crc32(step.encode()):08x}" if step else found


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; empty if it is gone or unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]
