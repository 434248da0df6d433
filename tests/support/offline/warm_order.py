"""Asks a warm process (tests/support/warm.py) to run a command; needs only the standard library."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence

KILLED = 137


def obeyed(
    address: str,
    call: str,
    arguments: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    files: tuple[int, int, int],
    wait_s: float | None = None,
) -> int:
    """Run the command on these three files until it ends; returns its exit code.

    It is killed when this process ends, or when the wait here times out (TimeoutError).
    """
    order = {
        "call": call,
        "arguments": list(arguments),
        "folder": folder,
        "environment": dict(environment),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(wait_s)
        connection.connect(address)
        socket.send_fds(connection, [b"."], files)
        connection.sendall(json.dumps(order).encode() + b"\n")
        answer = connection.recv(100)
    return int(answer) if answer else KILLED
