"""Real steps on PostgreSQL while workers, the server and the warehouse go away at random.

KILLS and OUTAGE_S shorten it: `KILLS=5 OUTAGE_S=60 make test-temporal ARGS="-k kills"`.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click
import pytest
from temporalio.client import Client

from sandbox import Agency
from scheduler.planning import requested
from scheduler.runs.work_ledger import WorkLedger
from scheduler.temporal.connection import start_run
from signalroom import clock
from tests.scheduler.chaos import JOB, broken
from tests.scheduler.temporal.fleet import Fleet
from tests.scheduler.temporal.server import dev_server
from tests.scheduler.test_chaos import wrong_marts
from tests.support.postgres import postgres_server
from tests.support.warehouse import empty_warehouse

KILLS = int(os.environ.get("KILLS", "20"))
OUTAGE_S = float(os.environ.get("OUTAGE_S", "600"))
WORKERS = 3
# the steps at which a worker is killed, in turn, and the maximum delay before the kill
AIM_S = {"ingest": 8.0, "dbt": 6.0, "report": 2.0}


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(7200)
def test_kills_a_freeze_and_outages_lose_nothing_and_send_nothing_twice(
    tmp_path: Path, start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> None:
    agency = start_agency()
    luck = random.Random(713)
    with (
        postgres_server(durable=True) as postgres,
        empty_warehouse("postgres", tmp_path / "home", postgres) as warehouse,
        dev_server(tmp_path / "temporal.sqlite") as server,
    ):
        env = {**agency.environment(), **warehouse.environment, "SIGNALROOM_CLIENTS": "713"}
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
        fleet = Fleet(server, env)
        asked_for = 0
        killed_at: Counter[str] = Counter()

        def ask(days_ago: int = 0) -> None:
            """Start a run now with an earlier day's reports, so there is always one to send."""
            now = clock.now()
            run = requested(JOB, "manual", now - timedelta(days=days_ago), clock.instant())
            run = replace(run, scheduled_for=now)
            with WorkLedger() as ledger:
                ledger.record(run)

            async def start(client: Client) -> None:
                await start_run(client, JOB.name, run.run_id)

            fleet.ask(start)

        def keep_busy() -> None:
            nonlocal asked_for
            with WorkLedger() as ledger:
                is_idle = not ledger.open_runs()
            if is_idle:
                ask(asked_for % 25)
                asked_for += 1

        def busy_with(kind: str) -> int:
            """A worker that is at a step of that kind."""
            give_up_at = time.monotonic() + 300
            while True:
                keep_busy()
                found = [port for port, steps in fleet.at_work().items() if kind in steps]
                if found:
                    return luck.choice(found)
                assert time.monotonic() < give_up_at, f"no worker came to {kind}"
                time.sleep(0.2)

        def until_idle() -> None:
            give_up_at = time.monotonic() + 1200
            with WorkLedger() as ledger:
                while found := ledger.open_runs():
                    assert time.monotonic() < give_up_at, found
                    time.sleep(0.5)

        try:
            homes = {}
            for number in range(WORKERS):
                home = str(tmp_path / f"worker{number}")
                homes[fleet.start_worker(SIGNALROOM_HOME=home)] = home
            for number in range(KILLS):
                kind = list(AIM_S)[number % len(AIM_S)]
                victim = busy_with(kind)
                time.sleep(luck.uniform(0, AIM_S[kind]))
                killed_at[fleet.at_work().get(victim, "nothing")] += 1
                fleet.signal(victim, signal.SIGKILL)
                home = homes.pop(victim)
                homes[fleet.start_worker(SIGNALROOM_HOME=home)] = home
            click.echo(f"{KILLS} kills at {dict(killed_at)}, {asked_for} runs")

            frozen = busy_with("ingest")
            fleet.signal(frozen, signal.SIGSTOP)
            time.sleep(45)  # longer than its heartbeat timeout
            fleet.signal(frozen, signal.SIGCONT)
            click.echo("one worker was frozen for 45 s")

            keep_busy()
            server.stop()
            time.sleep(15)
            server.start()
            click.echo("the server was away for 15 s")

            busy_with("ingest")
            time.sleep(3)
            postgres.stop("crash")
            time.sleep(OUTAGE_S)
            postgres.start()
            click.echo(f"the warehouse was away for {OUTAGE_S:.0f} s")

            until_idle()
            ask()
            until_idle()
            with WorkLedger() as ledger:
                runs = ledger.recent(limit=10**6)
            stages = {kind for kind in AIM_S if any(kind in steps for steps in killed_at)}
            assert KILLS < 20 or stages == set(AIM_S)
            assert broken(runs) == []
            assert wrong_marts(warehouse, agency) == []
            sent = Counter((told.channel, told.recipients, told.text) for told in agency.messages)
            assert sent
            assert [one for one, times in sent.items() if times > 1] == []
            ends = Counter(run.status for run in runs)
            tries = sum(step.attempt - 1 for run in runs for step in run.steps)
            click.echo(f"runs: {dict(ends)}, {tries} tries again, {len(sent)} messages, none twice")
        finally:
            fleet.close()
