"""Temporal's dev server for a test or a laptop: from the wheel, on a free port."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from signalroom.child_process import ending_with_this_process
from tests.support.processes import BIN

SERVER = BIN / "temporal"
SKIPPING = BIN / "temporal-test-server"


def free_port() -> int:
    """A port that is not in use now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass
class DevServer:
    """A dev server; with a database file it can be stopped and started again."""

    database: Path | None = None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [str(SERVER), "server", "start-dev", "--headless", "--port", str(self.port)]
        command += ["--log-level", "error"]
        command += ["--db-filename", str(self.database)] if self.database else []
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(
            ending_with_this_process(command), stdout=quiet, stderr=quiet
        )
        give_up_at = time.monotonic() + 60
        # its port is open before it accepts requests
        ask = [str(SERVER), "operator", "cluster", "health", "--address", self.address]
        while subprocess.run(ask, stdout=quiet, stderr=quiet).returncode:
            assert self.process.poll() is None
            assert time.monotonic() < give_up_at
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


@contextmanager
def dev_server(database: Path | None = None) -> Iterator[DevServer]:
    """A running dev server."""
    server = DevServer(database)
    server.start()
    try:
        yield server
    finally:
        server.stop()
