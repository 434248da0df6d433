"""The scheduler process: it answers, ends, stays small, and refuses a second one."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx

from tests.support.processes import BIN, own_environment, signalroom_cli


def resident_kilobytes(pid: int) -> int:
    """Memory of a process that is not swapped out."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def test_the_process_answers_for_its_health_and_ends_when_told(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ours = {"SIGNALROOM_HOME": str(tmp_path), "SIGNALROOM_TRIGGER_TOKEN": "webhook-token"}
    env = own_environment({**ours, "PORT": str(port)})
    log = tmp_path / "said.log"
    command = [str(BIN / "signalroom"), "scheduler"]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=env, stdout=out, stderr=out) as resident,
    ):
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
            while not answer.json()["ok"]:  # not before the first tick
                assert time.monotonic() < give_up_at
                time.sleep(0.2)
                answer = httpx.get(f"{address}/health", timeout=5)
            assert (answer.status_code, answer.json()) == (200, {"ok": True})
            assert resident_kilobytes(resident.pid) < 120 * 1024
            second = signalroom_cli("scheduler", env=env)
            assert second.returncode == 1
            assert f"process {resident.pid}, since 2" in second.stderr
            assert httpx.get(f"{address}/secrets", timeout=5).status_code == 404
            token = {"Authorization": "Bearer webhook-token"}
            begun = httpx.post(f"{address}/trigger/audience", headers=token, timeout=30)
            assert begun.status_code == 202
            shown = signalroom_cli("runs", "show", begun.json()["run_id"], "--json", env=env)
            assert json.loads(shown.stdout)["trigger"] == "webhook"
            said = json.loads(signalroom_cli("status", "--json", env=env).stdout)
            assert said["scheduler"]["alive"] is True
        finally:
            resident.send_signal(signal.SIGTERM)
            code = resident.wait(timeout=30)
    assert code == 0, log.read_text(encoding="utf-8")
    greeting = next(one for one in log.read_text(encoding="utf-8").splitlines() if "Page: " in one)
    assert f"Page: {address}/ " in greeting
    assert re.search(r"next: \w+ .*\d [AP]M$", greeting), "as the page and status write times"
    said = json.loads(signalroom_cli("status", "--json", env=env).stdout)
    assert said["scheduler"]["alive"] is False  # immediately, not after three minutes
