"""No figure of any daily message may differ from the sum of the rows that explain it."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta

import pytest

from ingest import pull as pipeline
from ingest import registry as sources
from ingest.model import Window
from reports.explain import Day
from reports.registry import reports
from sandbox import Agency
from signalroom import clock
from signalroom.migrations import prepare_warehouse
from tests.support.warehouse import Warehouse
from tests.transform.dbt import Dbt
from tests.transform.explained import explained

MARTS = (
    "figure_parts",
    "daily_performance",
    "daily_summary",
    "daily_performance_versions",
    "goal_pace",
)
TABLES = {"everflow": ("daily_stats",), "redtrack": ("daily_spend",)}
MONTH, TREND_DAYS = 30, 14


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_figure_of_a_random_months_messages_is_made_of_its_rows(
    warehouse: Warehouse, dbt: Dbt, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Agency() as agency:
        for name, value in agency.environment().items():
            monkeypatch.setenv(name, value)
        warehouse.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", agency.now().isoformat())
        prepare_warehouse()
        back = random.randint(1, 40)
        last = clock.today() - timedelta(days=back)
        window = Window(last - timedelta(days=MONTH + TREND_DAYS), last)
        for source, tables in TABLES.items():
            for client_id in agency.clients:
                one = sources.source(source)
                pull = pipeline.make_pull(one, client_id, window=window, resources=tables)
                assert pipeline.load(one, pull).failures == ()
    dbt.succeeds("seed")
    dbt.succeeds("run", "--select", *(f"+{mart}" for mart in MARTS))
    found = 0
    known: defaultdict[str, dict[date, Day]] = defaultdict(dict)
    for name, report in reports().items():
        if report.folder == "daily":
            for client in report.clients():
                for number in range(MONTH):
                    found += explained(
                        name, client.id, last - timedelta(days=number), known[client.id]
                    )
    assert found > 30 * MONTH, f"a month that ends {back} days ago"
