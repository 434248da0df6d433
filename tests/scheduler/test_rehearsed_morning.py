"""The bad morning with real scheduler, vendors and dbt: five hours in sixteen minutes.

A build takes half a minute, which is ten minutes of the rehearsal: if it ran any faster, everything
would be late.
"""

from __future__ import annotations

import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from sandbox import Agency
from tests.support.processes import BIN, own_environment

SPEED = 20.0
NIGHT = datetime.fromisoformat("2026-11-19T03:00:00-05:00")
FIRST = datetime.fromisoformat("2026-11-19T05:15:00-05:00")  # nothing is due before
MORNING = datetime.fromisoformat("2026-11-19T10:20:00-05:00")
REPORTS = ("C0REPORTS", "owner@", "media@", "coach@", "+1202555012", "+1202555013")


@pytest.mark.deep
@pytest.mark.timeout(2400)
def test_rehearsed_morning_floods_somebody(tmp_path: Path) -> None:
    signalroom = str(BIN / "signalroom")
    shared = {
        "SIGNALROOM_HOME": str(tmp_path / "home"), "SIGNALROOM_TARGET": "duckdb",
        "SIGNALROOM_CLIENTS": "713,cti", "SIGNALROOM_HTTP_MAX_WAIT_S": "5", "PORT": "0",
        "SIGNALROOM_SANDBOX": "1",
    }  # fmt: skip
    with Agency(now=NIGHT, scenario="bad_morning", limit_speed=600.0) as agency:
        env = own_environment({**shared, **agency.environment()})
        subprocess.run([signalroom, "run", "--no-sandbox"], env=env, check=True, timeout=600)
        agency.set_now(FIRST)
        agency.calendar.run(SPEED)
        env = own_environment({**shared, **agency.environment()})
        with subprocess.Popen([signalroom, "scheduler"], env=env) as scheduler:
            try:
                while agency.now() < MORNING:
                    assert scheduler.poll() is None
                    time.sleep(1)
            finally:
                scheduler.terminate()
        alerts = [
            one
            for one in agency.messages
            if not any(to.startswith(REPORTS) for to in one.recipients)
        ]
    assert 4 <= len(alerts) <= 6, [(one.channel, one.text[:80]) for one in alerts]
    assert all("RedTrack rejected the API key" in one.text for one in alerts)
