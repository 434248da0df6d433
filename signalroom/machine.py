"""Problems of this machine: its Python, memory, clock and network path to the database."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from statistics import median

from signalroom import clock
from signalroom.checks import Check

OLDEST_PYTHON = (3, 11)
LEAST_MB = 1000  # a load or a build takes a few hundred, and they may run together
LARGEST_SKEW = timedelta(minutes=2)
# The container's limit, in cgroup v2 and v1.
LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
_heard: dict[str, timedelta] = {}


def hear(who: str, date: datetime | str | None) -> None:
    """Record the time of another clock, such as the Date header of a response."""
    with suppress(TypeError, ValueError):
        said = parsedate_to_datetime(date) if isinstance(date, str) else date
        if said is not None:
            _heard[who] = clock.instant() - said


def python(version: tuple[int, int] = sys.version_info[:2]) -> list[Check]:
    """An unsupported Python version."""
    if version >= OLDEST_PYTHON:
        return []
    said = f"Python {version[0]}.{version[1]} is too old: SignalRoom needs 3.11 or newer"
    repair = "Remove .venv, then `make install-dev PYTHON=python3.11`."
    return [Check("python", "fault", said, repair)]


def memory(root: Path = Path("/")) -> list[Check]:
    """Less memory than a load and a build need, on the machine or in the container's limit."""
    found = []
    for name in LIMITS:
        with suppress(OSError, ValueError):  # `max` means no limit
            found.append(int((root / name).read_text()) // 1_000_000)
    with suppress(OSError):
        lines = (root / "proc" / "meminfo").read_text().splitlines()
        found += [int(line.split()[1]) // 1000 for line in lines if line.startswith("MemTotal:")]
    if not found or min(found) >= LEAST_MB:
        return []
    said = f"{min(found):,} MB of memory are little: a load with its build needs {LEAST_MB:,} MB"
    return [Check("memory", "warning", said, "Give the machine or the container more.")]


def skew() -> list[Check]:
    """A wrong clock, according to most clocks recorded since the last call."""
    heard = {who: one.total_seconds() for who, one in _heard.items()}
    _heard.clear()
    seconds = median(heard.values()) if heard else 0.0
    if abs(seconds) <= LARGEST_SKEW.total_seconds():
        return []
    agreeing = sorted(who for who, one in heard.items() if abs(one - seconds) < 60)
    said = (
        f"This machine's clock is {abs(seconds) / 60:,.0f} minutes "
        f"{'ahead of' if seconds > 0 else 'behind'} that of {', '.join(agreeing)}: days would "
        "close at another time, and S3 and Google refuse such requests"
    )
    return [Check("clock", "fault", said, "Let the machine set its clock by NTP.")]


def only_ipv6(host: str, port: str) -> str:
    """Why a host with only IPv6 addresses cannot be reached; empty if that is not the reason."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ""
    if not found or any(family != socket.AF_INET6 for family, *_ in found):
        return ""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(found[0][4])  # sends nothing: only looks up a route
        except OSError:
            return (
                f"{host} has an IPv6 address alone, and this machine has no way there: set "
                "SUPABASE_DB_HOST to the session pooler's host of Supabase, which has IPv4."
            )
    return ""
