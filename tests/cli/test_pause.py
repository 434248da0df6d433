"""A source that is on: a lost key is noticed, and a pause is respected."""

from __future__ import annotations

import pytest

from sandbox import Agency
from tests.support.processes import signalroom_cli
from tests.support.warehouse import Warehouse


@pytest.mark.slow
@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_lost_key_is_a_fault_and_a_pause_is_not(warehouse: Warehouse) -> None:
    with Agency(scenario="empty") as agency:
        env = {**agency.environment(), **warehouse.environment, "SIGNALROOM_CLIENTS": "713"}
        bare = {name: value for name, value in env.items() if name != "REDTRACK_API_KEY"}
        pull = ("ingest", "redtrack", "--resource", "daily_spend")

        never_on = signalroom_cli(*pull, env=bare)
        assert never_on.returncode == 0, never_on.stderr
        assert "RedTrack disabled for 713: set REDTRACK_API_KEY" in never_on.stdout

        agency.faults.plan("redtrack", "status", times=9, status=401)
        refused = signalroom_cli(*pull, env=env)  # refused from the first day, but still on
        assert refused.returncode == 1
        agency.faults.clear()
        lost = signalroom_cli(*pull, env=bare)
        assert lost.returncode == 1
        assert "redtrack for client 713: REDTRACK_API_KEY is not set, but" in lost.stderr

        why = ("--until", "2099-01-01", "--reason", "account is moved")
        paused = signalroom_cli("pause", "redtrack", *why, env=bare)
        assert paused.stdout == "redtrack is paused for 713 until Jan 1, 2099, 12:00 AM EST.\n"
        for environment in (env, bare):
            skipped = signalroom_cli(*pull, env=environment)
            assert skipped.returncode == 0, skipped.stderr
            assert "until Jan 1, 2099, 12:00 AM EST: account is moved" in skipped.stdout
        resumed = signalroom_cli("resume", "redtrack", env=env)
        assert resumed.stdout == "redtrack resumed for 713.\n"
        again = signalroom_cli(*pull, env=env)
        assert "done    RedTrack 713" in again.stdout


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pause", "deep_restatment"), "Did you mean 'deep_restatement'?"),
        (("pause", "hourly", "--client", "713"), "leave out --client"),
        (
            ("pause", "hourly", "--until", "2001-01-01"),
            "is in the past: Jan 1, 2001, 12:00 AM EST.",
        ),
        (("pause", "hourly", "--until", "soon"), "'soon' is not a valid time"),
    ],
)
def test_wrong_usage_is_named(warehouse: Warehouse, arguments: tuple[str, ...], said: str) -> None:
    done = signalroom_cli(*arguments, env=warehouse.environment)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
