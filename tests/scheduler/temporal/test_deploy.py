"""A deploy while reports are sent: the old worker finishes its steps, a new one continues."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from scheduler.runs.ledger import Ledger, Run
from tests.scheduler.temporal.fleet import Fleet
from tests.scheduler.temporal.server import dev_server
from tests.support.warehouse import Warehouse

MORNING = datetime(2026, 11, 19, 7, tzinfo=BUSINESS_ZONE).astimezone(UTC)


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(900)
def test_a_deploy_in_the_middle_of_a_run_sends_nothing_again(
    postgres_warehouse: Warehouse,
    start_agency: Callable[..., Agency],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Slack is slow for each message, so that the deploy happens in the middle of one."""
    agency = start_agency()
    agency.set_now(MORNING)
    agency.faults.plan("slack", "hang", times=100, match="chat.postMessage", seconds=4)
    env = {**agency.environment(), **postgres_warehouse.environment, "SIGNALROOM_CLIENTS": "713"}

    def the_run() -> Run | None:
        with Ledger() as ledger:
            return ledger.run(f"daily_reports-{MORNING:%Y%m%dT%H%MZ}")

    with dev_server() as server:
        fleet = Fleet(server, env)
        try:
            old = fleet.start_worker(SIGNALROOM_HOME=str(tmp_path / "old"))
            workflow = fleet.begin("daily_reports", MORNING)
            give_up_at = time.monotonic() + 600
            while agency.faults.planned[0].times == 100:
                assert time.monotonic() < give_up_at, the_run()
                time.sleep(0.05)
            at_work = fleet.at_work()[old]
            fleet.workers[old].send_signal(signal.SIGTERM)
            new = fleet.start_worker(SIGNALROOM_HOME=str(tmp_path / "new"))
            result = fleet.result(workflow)
            assert fleet.workers.pop(old).wait(120) == 0
        finally:
            fleet.close()
    assert at_work.startswith("report:")
    assert {name: one.status for name, one in result.steps.items()} == {
        "ingest:everflow": "done",
        "ingest:redtrack": "done",
        "dbt": "done",
        "report:daily_ccw": "done",
        "report:daily_exp": "done",
    }
    sent = Counter((told.channel, told.recipients, told.text) for told in agency.messages)
    assert {channel for channel, _, _ in sent} >= {"slack", "resend"}
    assert set(sent.values()) == {1}
    run = the_run()
    assert run is not None
    assert {step.attempt for step in run.steps} == {1}  # no step was interrupted
    worked = {
        home: {path.stem for path in (tmp_path / home / "logs" / "runs").rglob("*.log")}
        for home in ("old", "new")
    }
    assert worked["new"], f"the new worker did nothing: {worked}"
    assert not fleet.workers.get(new)
