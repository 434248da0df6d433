"""`make temporal`: one command, and what it prints works."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.scheduler.temporal.laptop import ADDRESS, HEALTH, PAGE, UI
from tests.support.processes import ROOT, own_environment, signalroom_cli


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_one_command_starts_server_pages_and_worker_and_its_advice_runs_a_job(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "tests.scheduler.temporal.laptop", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, env=own_environment(), stdout=subprocess.PIPE, text=True
    ) as laptop:
        try:
            assert laptop.stdout
            printed = ""
            while "Ctrl-C ends it all" not in printed:
                line = laptop.stdout.readline()
                assert line, printed  # otherwise it has ended
                printed += line
            pages = [UI, f"http://127.0.0.1:{PAGE}/", f"http://127.0.0.1:{HEALTH}/health"]
            for page in pages:
                assert page in printed
                wait_for(page)
            env = {"TEMPORAL_ADDRESS": ADDRESS, "SIGNALROOM_HOME": str(tmp_path)}
            run = signalroom_cli("trigger", "hourly", "--wait", env=env)
            assert run.returncode == 0, run.stdout + run.stderr
        finally:
            laptop.send_signal(signal.SIGINT)
            assert laptop.wait(120) == 0
    for page in pages:
        with pytest.raises(httpx.TransportError):
            httpx.get(page)


def wait_for(page: str) -> None:
    give_up_at = time.monotonic() + 60
    while True:
        with suppress(httpx.TransportError):
            if httpx.get(page, timeout=10, follow_redirects=True).status_code == 200:
                return
        assert time.monotonic() < give_up_at, page
        time.sleep(0.2)
