"""The morning's reports: none about half a day, none twice, none missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from tests.support.processes import signalroom_cli
from tests.support.warehouse import Warehouse


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_report_waits_for_its_day_until_the_deadline_and_is_corrected_once(
    warehouse: Warehouse, start_agency: Callable[..., Agency]
) -> None:
    """RedTrack is down from 7:00 to 8:00: nothing, then INCOMPLETE, then one correction."""
    agency = start_agency(scenario="worked_example")

    def signalroom(hour: int, minute: int, *arguments: str, day: int = 19) -> str:
        moment = datetime(2026, 11, day, hour, minute, tzinfo=BUSINESS_ZONE)
        agency.set_now(moment)
        env = {
            **agency.environment(),
            **warehouse.environment,
            "SIGNALROOM_NOW": moment.isoformat(),
            "SIGNALROOM_HTTP_MAX_WAIT_S": "0",
            "SIGNALROOM_CLIENTS": "713",
        }
        said = signalroom_cli(*arguments, env=env)
        assert "Traceback" not in said.stdout + said.stderr
        return said.stdout + said.stderr

    def told() -> list[str]:
        """The emails about CCW that one reader received, in order."""
        sent = [one for one in agency.messages if one.channel == "resend" and "CCW" in one.text]
        return [one.text for one in sent if one.recipients == sent[0].recipients]

    job = ("run", "--source", "everflow", "--source", "redtrack", "--send")
    signalroom(20, 0, "ingest", "everflow", "redtrack", day=18)
    agency.faults.plan("redtrack", "status_500", times=200)

    waiting = signalroom(7, 0, *job)
    assert "waits for the day's data, until 7:45 AM at the latest" in waiting
    assert told() == []

    signalroom(7, 45, *job)
    assert len(told()) == 1
    assert "INCOMPLETE" in told()[0].upper()

    agency.faults.clear()
    signalroom(8, 0, *job)
    assert len(told()) == 2
    assert "$26.81" in told()[1]
    assert "INCOMPLETE" not in told()[1].splitlines()[0].upper()

    signalroom(9, 0, *job)
    assert len(told()) == 2
