"""Keeps a Python process on loopback: any other connection fails with one readable line.

Python imports a module with this name automatically if its folder is on PYTHONPATH, which is how
the guard reaches the commands that tests start. Where a test allows it, a child process that would
import dbt is replaced by one that has already imported it (tests/support/warm.py).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from pathlib import Path
from typing import Any

# Tests add the machine's own address if containers have to reach a server of the test.
ALLOWED = {"", "localhost", "localhost.localdomain"}
_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


class NotLoopbackError(OSError):
    """A test tried to connect to another machine."""


def _refuse_outside(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    if name in ALLOWED:
        return
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        raise NotLoopbackError(f"Tests stay on loopback; something asked for {name}.") from None
    if not (address.is_loopback or address.is_unspecified):
        raise NotLoopbackError(f"Tests stay on loopback; something connected to {name}.")


def connect(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        _refuse_outside(address[0])
    _connect(self, address)


def connect_ex(self: socket.socket, address: Any) -> int:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        _refuse_outside(address[0])
    return _connect_ex(self, address)


def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    if host != socket.gethostname():
        _refuse_outside(host)
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = connect  # type: ignore[method-assign, assignment]
socket.socket.connect_ex = connect_ex  # type: ignore[method-assign, assignment]
socket.getaddrinfo = getaddrinfo

if "WARM_DBT" in os.environ and sys.orig_argv[1:3] == ["-m", "transform.dbt_process"]:
    from warm_order import obeyed  # type: ignore[import-not-found]

    os._exit(
        obeyed(
            os.environ["WARM_DBT"],
            "build",
            sys.orig_argv[3:],
            str(Path.cwd()),
            os.environ,
            (0, 1, 2),
        )
    )
