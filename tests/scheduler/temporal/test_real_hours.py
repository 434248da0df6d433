"""One real hour and one real morning on the dev server: real steps, the simulated agency."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from scheduler.runs.ledger import Ledger
from scheduler.temporal import links
from tests.scheduler.temporal.fleet import Fleet
from tests.scheduler.temporal.server import dev_server
from tests.scheduler.test_chaos import wrong_marts
from tests.support import parsed
from tests.support.processes import signalroom_cli
from tests.support.warehouse import Warehouse
from tests.support.warm import VARIABLE, warm

SECRET = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_SALT", "_EMAILS", "_NUMBERS")


async def payloads(client: Client, workflow_id: str) -> str:
    """Everything that Temporal stores about a workflow, with its payloads as text."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    text = history.to_json()
    data = [base64.b64decode(one) for one in re.findall(r'"data": ?"([^"]*)"', text)]
    return text + b"\n".join(data).decode()


def wrong_figures(warehouse: Warehouse, agency: Agency) -> list[str]:
    """The marts that differ from the truth; orders are not complete yet."""
    return [one for one in wrong_marts(warehouse, agency) if "orders" not in one]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "has_hour",
    [
        pytest.param(False, id="morning"),
        pytest.param(True, id="hour and morning", marks=pytest.mark.deep),
    ],
)
@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_its_runs_load_the_truth_and_send_each_report_once(
    has_hour: bool,
    warehouse: Warehouse,
    start_agency: Callable[..., Agency],
    stack: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agency = start_agency(history_days=10)
    hour = datetime(2026, 11, 18, 23, tzinfo=BUSINESS_ZONE).astimezone(UTC)
    morning = datetime(2026, 11, 19, 7, tzinfo=BUSINESS_ZONE).astimezone(UTC)
    agency.set_now(hour)
    server = stack.enter_context(dev_server())
    env = {
        **agency.environment(),
        **warehouse.environment,
        "SIGNALROOM_CLIENTS": "713",
        VARIABLE: warm("dbt"),
    }
    parsed.before_product(env)
    fleet = Fleet(server, env)
    stack.callback(fleet.close)
    worker = fleet.start_worker()

    if has_hour:
        loaded = fleet.run("hourly", hour)
        assert (loaded.status, loaded.steps["dbt"].status) == ("done", "done")
        assert loaded.steps["ingest:everflow"].rows > 0
        assert wrong_figures(warehouse, agency) == []
    agency.set_now(morning)
    sent = fleet.run("daily_reports", morning)
    assert sent.status == "done"
    if not has_hour:  # which loaded a day more than the truth of the morning has
        assert wrong_figures(warehouse, agency) == []
    assert {name: one.status for name, one in sent.steps.items()} == {
        "ingest:everflow": "done",
        "ingest:redtrack": "done",
        "dbt": "done",
        "report:daily_ccw": "done",
        "report:daily_exp": "done",
    }
    messages = Counter((told.channel, told.recipients, told.text) for told in agency.messages)
    assert {channel for channel, _, _ in messages} >= {"slack", "resend"}
    assert set(messages.values()) == {1}

    # the same scheduled time again, from another engine or a person
    with pytest.raises(WorkflowAlreadyStartedError):
        fleet.begin("daily_reports", morning)
    again = fleet.result(fleet.begin("daily_reports", morning, "signalroom-again"))
    assert again.runs == []
    assert sum(messages.values()) == len(agency.messages)
    begun = ["hourly-2026-11-19T04:00:00Z"] if has_hour else []
    kept = [
        fleet.ask(lambda client, one=one: payloads(client, f"signalroom-{one}"))
        for one in (*begun, "daily_reports-2026-11-19T12:00:00Z")
    ]
    assert all("ingest:everflow" in text for text in kept)
    known = [told.recipients for told in agency.messages]
    names = [one for recipients in known for one in recipients]
    names += [value for name, value in env.items() if name.endswith(SECRET)]
    assert len(names) > 10
    assert [one for one in names if any(one in text for text in kept)] == []
    assert not re.search(r"\w@\w+\.\w|\+\d{7}", "".join(kept))

    warehouse.activate(monkeypatch)
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
    with Ledger() as ledger:
        run = ledger.run("daily_reports-20261119T1200Z")
    assert run is not None
    page = links.run_page(run)
    assert page.endswith(
        "/namespaces/default/workflows/signalroom-daily_reports-2026-11-19T12%3A00%3A00Z"
    )
    assert fleet.stop(worker) == 0
    shown = signalroom_cli(
        "runs", "show", run.run_id, env={**env, "TEMPORAL_ADDRESS": server.address}
    )
    assert page in shown.stdout
