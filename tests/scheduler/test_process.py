"""What goes wrong with the resident process: it does not answer, or does not end."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx

from tests.support.processes import BIN, own_environment


def test_the_process_answers_for_its_health_and_ends_when_told(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = own_environment({"SIGNALROOM_HOME": str(tmp_path), "PORT": str(port)})
    with subprocess.Popen([str(BIN / "signalroom"), "scheduler"], env=env) as resident:
        try:
            address = f"http://127.0.0.1:{port}"
            give_up_at = time.monotonic() + 60
            while True:
                try:
                    answer = httpx.get(f"{address}/health", timeout=5)
                    break
                except httpx.TransportError:
                    assert time.monotonic() < give_up_at
                    time.sleep(0.2)
            assert answer.status_code == 200
            assert answer.json() == {"ok": True}
            assert httpx.get(f"{address}/secrets", timeout=5).status_code == 404
        finally:
            resident.send_signal(signal.SIGTERM)
            code = resident.wait(timeout=30)
    assert code == 0
