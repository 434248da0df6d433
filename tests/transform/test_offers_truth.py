"""Spend that is mapped by offer links, compared with the simulated agency's own calculation."""

from __future__ import annotations

import json

import pytest
import yaml

from ingest import pull as pipeline
from ingest import registry as sources
from ingest.model import Window
from sandbox import Agency
from signalroom import clock
from signalroom.migrations import prepare_warehouse
from signalroom.paths import root
from tests.main_job.test_main_job import rows_of
from tests.support.warehouse import DUCKDB_FIRST, Warehouse
from tests.transform.dbt import Dbt

TABLES = {
    "everflow": ("daily_stats", "affiliates", "advertisers", "offers", "tracking_codes"),
    "redtrack": ("daily_spend", "campaign_spend", "offers"),
}
HISTORY_DAYS = 20


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_spend_mapped_by_links_of_offers_is_the_truth(
    warehouse: Warehouse, dbt: Dbt, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Agency(scenario="messy", history_days=HISTORY_DAYS) as agency:
        for name, value in agency.environment().items():
            monkeypatch.setenv(name, value)
        warehouse.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", agency.now().isoformat())
        prepare_warehouse()
        window = Window(agency.first_day, clock.today())
        for source, tables in TABLES.items():
            for client_id in agency.clients:
                one = sources.source(source)
                pull = pipeline.make_pull(one, client_id, window=window, resources=tables)
                assert pipeline.load(one, pull).failures == ()
        truths = {client_id: agency.truth(client_id) for client_id in agency.clients}
    clients = yaml.safe_load((root() / "dbt_project.yml").read_text())["vars"]["clients"]
    entries = {name: {**entry, "mapping": "offer"} for name, entry in clients.items()}
    dbt.succeeds("seed")
    variables = ("--vars", json.dumps({"clients": entries}))
    dbt.succeeds("run", "--select", "+daily_performance", *variables)
    for client_id, truth in truths.items():
        wanted = truth.performance_by_offer
        assert wanted != truth.daily_performance, "links map something"
        columns = sorted(set(wanted[0]) - {"_client_id"})
        found = warehouse.rows(
            f"select {', '.join(columns)} from marts.daily_performance"
            f" where _client_id = '{client_id}'"
        )
        named = [dict(zip(columns, row, strict=True)) for row in found]
        assert rows_of(named, columns) == rows_of(wanted, columns)
