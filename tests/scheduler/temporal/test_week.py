"""The same simulated week under both engines: equal marts, cell by cell, and equal messages.

DAYS shortens it: `DAYS=2 make test-temporal ARGS="-k week"`.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from reports.alerts import incidents
from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from scheduler.execution.child import Child
from scheduler.execution.executor import Executor
from scheduler.planning import Turn, scheduled
from scheduler.process import DELIVER
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Due, due_between, read_schedule
from signalroom import clock
from tests.scheduler.temporal.fleet import Fleet
from tests.scheduler.temporal.server import dev_server
from tests.support.postgres import PostgresServer
from tests.support.warehouse import HISTORY_MARTS, Warehouse, empty_warehouse

DAYS = int(os.environ.get("DAYS", "7"))
START = datetime(2026, 11, 16, 5, tzinfo=BUSINESS_ZONE).astimezone(UTC)  # a Monday
JOBS = read_schedule()
# The only hours used of the hourly pulls: the others just repeat.
HOURLY_AT = (12, 23)
REAL = re.compile(
    r"\b(as of|oldest data|since|latest) (?:\w+, )?\w+ \d+, \d+:\d\d [AP]M \w+", re.IGNORECASE
)
Cells = dict[str, list[tuple[str, ...]]]


def due() -> Iterator[Due]:
    """What is due in the week, in order."""
    for one in due_between(JOBS, START, START + timedelta(days=DAYS)):
        local = one.at.astimezone(BUSINESS_ZONE)
        if one.job.name == "hourly" and local.hour not in HOURLY_AT:
            continue
        if one.job.name in ("daily_reports", "monday_reports") and local.minute not in (0, 45):
            continue
        yield one


def cells(warehouse: Warehouse) -> Cells:
    """Every mart of the agency, every cell as text; without the times of builds and loads."""
    columns = warehouse.rows(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'marts' and data_type not like 'timestamp%'"
        " and column_name not like '%load_id%' order by 1, ordinal_position"
    )
    found: Cells = {}
    for table in dict.fromkeys(name for name, _ in columns if name not in HISTORY_MARTS):
        listed = ", ".join(f'"{column}"' for name, column in columns if name == table)
        rows = warehouse.rows(f"select {listed} from marts.{table}")
        found[table] = sorted(tuple(str(cell) for cell in row) for row in rows)
    return found


def messages(agency: Agency) -> Counter[tuple[str, str, str]]:
    """What everyone was sent, without load times and fault times, which use the real clock."""
    return Counter(
        (told.channel, str(told.recipients), REAL.sub(r"\1", told.text)) for told in agency.messages
    )


def deliver() -> None:
    """Send what is due, as the scheduler does every minute and between two runs.

    Business time is stopped for a whole run here. So what comes due at the run's scheduled time,
    such as at the end of the quiet hours, is sent before the run starts, with both engines: at that
    minute, and not after the checks that the run does minutes later.
    """
    if not incidents.work_waits():
        return
    child = Child(DELIVER)
    while child.poll() is None:
        time.sleep(0.1)
    child.close()


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(7200)
def test_a_week_is_the_same_under_both_engines(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        agencies = [stack.enter_context(Agency(now=START)) for _ in range(2)]
        warehouses = [
            stack.enter_context(empty_warehouse("postgres", tmp_path / name, postgres))
            for name in ("temporal", "apscheduler")
        ]
        server = stack.enter_context(dev_server())
        fleet = Fleet(server, {**agencies[0].environment(), **warehouses[0].environment})
        stack.callback(fleet.close)
        for number in range(3):
            fleet.start_worker(SIGNALROOM_HOME=str(tmp_path / f"worker{number}"))
        began = time.monotonic()
        for one in due():
            agencies[0].set_now(one.at)
            fleet.deliver(one.at)
            fleet.run(one.job.name, one.at)
        click.echo(f"Temporal: {time.monotonic() - began:.0f} s")
        fleet.close()

        for name, value in {**agencies[1].environment(), **warehouses[1].environment}.items():
            monkeypatch.setenv(name, value)
        began = time.monotonic()
        with WorkLedger() as ledger:
            executor = Executor(ledger, JOBS)
            for one in due():
                agencies[1].set_now(one.at)
                monkeypatch.setenv("SIGNALROOM_NOW", one.at.isoformat())
                deliver()
                run = scheduled(Turn(one.job, one.at), clock.instant())
                ledger.record(run)
                while getattr(ledger.run(run.run_id), "finished_at", None) is None:
                    executor.turn()
                    time.sleep(0.1)
                deliver()
        click.echo(f"APScheduler: {time.monotonic() - began:.0f} s")

        first, second = (cells(one) for one in warehouses)
        assert first.keys() == second.keys()
        different = {name for name in first if first[name] != second[name]}
        assert different == set()
        sent = [messages(one) for one in agencies]
        assert sent[0]
        alone = [sorted((sent[0] - sent[1]).elements()), sorted((sent[1] - sent[0]).elements())]
        assert alone == [[], []], "\n".join(text for one in alone for *_, text in one)
        count = sum(len(row) for rows in first.values() for row in rows)
        click.echo(f"{len(first)} marts, {count:,} cells and {sent[0].total()} messages are equal")
