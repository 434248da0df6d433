"""The product's own history in SQL: an analyst's query must match the truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ingest import meter
from reports.alerts import findings, incidents
from sandbox import Agency
from scheduler.steps.ingest import Request, ingest
from signalroom import clock, current_run, retention, run_database
from signalroom.ad_hoc import ask
from signalroom.progress import Silent
from signalroom.tables import OUTBOX
from tests.scheduler import story
from tests.support import parsed
from tests.support.warehouse import HISTORY_MARTS, Warehouse
from tests.support.warm import warm_builds
from transform.build import build

pytestmark = pytest.mark.slow

HISTORY = ("--select", "source:history+")  # no other model is there for the tests of all
COST = """
select _client_id, source, sum(rows) as rows, sum(requests) as requests, count(*) as pulls
from pulls
where run_id = 'hourly-20261119T1300Z'
group by 1, 2 order by 1, 2
"""
DAYS = """
select date, sum(case when status = 'failed' then 1 else 0 end), sum(requests) > 0
from pulls group by 1
"""
RUNS = "select job, status, seconds, steps, failed_steps, rows from runs order by created_at"
STEPS = """
select step, attempts, seconds, rows from run_steps where status = 'failed' and kind = 'ingest'
"""
SENT = "select report, channel, status, count(*) from deliveries group by 1, 2, 3 order by 1, 2, 3"
OPEN = """
select kind, subject, title, times, settled_at is null as is_open from incidents order by kind
"""
UNSENT = ("delivery_failed", "email", "daily_ccw was not delivered", 1, True)
NODES = "select node_name, builds, failures, seconds >= 0 from dbt_nodes where node_name = 'runs'"
DOUBLED = """
select count(*) - count(distinct run_id) from runs
union all select count(*) - count(distinct pull_id) from pulls
union all select count(*) - count(distinct message_id) from deliveries
union all select count(*) - count(distinct incident_id) from incidents
"""


@pytest.fixture(autouse=True)
def reader(warehouse: Warehouse, request: pytest.FixtureRequest) -> Iterator[None]:
    """The role of the reports, if the engine has roles."""
    if warehouse.target == "duckdb":
        yield
        return
    server = request.getfixturevalue("postgres")
    server.command("create role signalroom_report nologin")
    server.command("grant signalroom_report to signalroom")
    yield
    warehouse.execute("drop owned by signalroom_report")
    server.command("drop role signalroom_report")


def rows(sql: str, client_id: str | None = None) -> list[tuple[object, ...]]:
    return ask(sql, client_id).rows


# roles exist only on PostgreSQL, and both engines copy the rows with the same statements
@pytest.mark.parametrize(
    "warehouse", [pytest.param("duckdb", marks=pytest.mark.deep), "postgres"], indirect=True
)
def test_an_analysts_query_about_runs_is_not_the_truth(
    warehouse: Warehouse,
    start_agency: Callable[..., Agency],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agency = start_agency()
    warehouse.activate(monkeypatch)
    warm_builds(monkeypatch)
    parsed.before_product(warehouse.environment)
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SIGNALROOM_SANDBOX", "1")
    for client in ("713", "cti"):
        meter.taken("everflow", client)  # requests counted by earlier tests of this process
    with current_run.working_for(story.DONE):
        ingest(Request(("everflow",)), Silent())
    asked = {
        client: sum(
            one.vendor == "everflow" and key in one.headers.values() for one in agency.requests
        )
        for client, key in (
            ("713", agency.environment()["EVERFLOW_API_KEY"]),
            ("cti", agency.environment()["EVERFLOW_API_KEY__CTI"]),
        )
    }
    monkeypatch.setenv("REDTRACK_API_KEY", "refused")
    ingest(Request(("redtrack",), ("713",)), Silent())  # a command that a user ran
    monkeypatch.setenv("SIGNALROOM_NOW", story.NOW)
    monkeypatch.setenv("EVERFLOW_API_KEY", story.SECRET)  # so that it is known to be a secret
    story.tell(warehouse)
    incidents.report_trouble(
        findings.delivery_failed("713", "email", "boss@example.com", "daily_ccw", "refused")
    )
    assert build(HISTORY).failures == []

    raw = dict(
        warehouse.rows(
            "select _client_id, sum(row_count) from ops.loads"
            " where source = 'everflow' and load_id is not null group by 1"
        )
    )
    assert rows(COST) == [
        (client, "everflow", raw[client], asked[client], 1) for client in ("713", "cti")
    ]
    assert min(asked.values()) > 3
    ((day, failed, has_requests),) = rows(DAYS)
    assert (day, failed, has_requests) == (agency.calendar.today(), 1, True)
    tables = rows("select source, sum(rows) from pulled_tables group by 1")
    assert tables == [("everflow", sum(raw.values()))]
    done = sum(raw.values())
    assert rows(RUNS) == [
        ("restatement", "skipped", None, 1, 0, 0),
        ("daily_reports", "done_with_errors", 60, 2, 1, 0),
        ("hourly", "done", 60, 3, 0, done),
    ]
    assert rows(STEPS) == [("ingest:redtrack", 5, 18, None)]
    assert rows(SENT) == [
        ("alert", "slack", "sent", 1), ("daily_ccw", "email", "sent", 1),
        ("daily_ccw", "slack", "sent", 1), ("daily_ccw", "sms", "dead", 1),
    ]  # fmt: skip
    title = f"RedTrack answers nothing {story.HOSTILE}"
    assert rows(OPEN) == [UNSENT, ("step_failed", "ingest:redtrack", title, 1, True)]
    assert rows("select count(*) from dbt_nodes") == [(0,)], "this build is not over yet"

    # one client's reader sees its own rows and no runs, because runs belong to all clients
    assert {client for (client,) in rows("select _client_id from pulls", "cti")} == {"cti"}
    assert rows("select count(*) from runs", "cti") == [(0,)]
    assert rows("select count(*) from deliveries", "cti") == [(0,)]
    everything = json.dumps([rows(f"select * from {mart}") for mart in HISTORY_MARTS], default=str)
    for secret in ("boss@example.com", "+15550100", story.SECRET, "an alert", "short"):
        assert secret not in everything

    # changes are applied, and nothing appears twice
    incidents.settle_trouble("step_failed", "713", "ingest:redtrack")
    engine = run_database.prepared_engine()
    with engine.begin() as connection:
        sms = OUTBOX.c.channel == "sms"
        connection.execute(sa.update(OUTBOX).where(sms).values(status="sent"))
    engine.dispose()
    assert build(HISTORY).failures == []
    assert rows(OPEN) == [UNSENT, ("step_failed", "ingest:redtrack", title, 1, False)]
    assert ("daily_ccw", "sms", "sent", 1) in rows(SENT)
    assert rows(NODES) == [("runs", 1, 0, True)]
    assert rows(DOUBLED) == [(0,)] * 4

    # and old rows are removed
    later = clock.instant() + timedelta(days=retention.policy()["runs"] + 1)
    monkeypatch.setattr(clock, "instant", lambda: later)
    assert build(HISTORY).failures == []
    assert rows("select count(*) from runs") == [(0,)]
    assert rows("select count(*) from pulls") == [(0,)]
    parsed.after_product(warehouse.environment)
