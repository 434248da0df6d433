"""dlt's variables in the shell, such as REFRESH and DEV_MODE, must not change what a pull does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ingest import pull as pipeline
from ingest import registry
from tests.support.processes import signalroom_cli
from tests.support.warehouse import Warehouse

if TYPE_CHECKING:
    from sandbox import Agency

OF_A_SHELL = {
    "REFRESH": "drop_sources",
    "DEV_MODE": "true",
    "RESTORE_FROM_DESTINATION": "false",
    "CREDENTIALS": "duckdb:////nowhere/other.duckdb",
    "DATASET_NAME": "other",
    "SCHEMA__NAMING": "direct",
    "NORMALIZE__WORKERS": "many",
    "LOAD__RAISE_ON_MAX_RETRIES": "many",
    "DESTINATION__REPLACE_STRATEGY": "none",
    "RUNTIME__LOG_LEVEL": "DEBUG",
    "PROVIDERS__ENABLE_GOOGLE_SECRETS": "true",
    "DLT_PROJECT_DIR": "/nowhere",
    "DLT_CONFIG_FOLDER": "nowhere",
    "DLT_DEFAULT_NAMING_MODULE": "direct",
}
COUNTS = "select _client_id, count(*) from redtrack.daily_spend group by 1 order by 1"
SCHEMAS = """
select distinct table_schema from information_schema.tables
where table_schema not in ('information_schema', 'pg_catalog', 'ops') order by 1
"""


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_dlts_variables_of_the_shell_change_no_pull(
    warehouse: Warehouse, start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> None:
    agency = start_agency(history_days=10)
    warehouse.activate(monkeypatch)
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    source = registry.source("redtrack")
    # in this process too, where dlt was imported with them
    monkeypatch.setenv("LOAD__WORKERS", "many")
    monkeypatch.setenv("REFRESH", "drop_sources")
    pipeline.load(source, pipeline.make_pull(source, "713", resources=("daily_spend",)))
    before = warehouse.rows(COUNTS)
    schemas = warehouse.rows(SCHEMAS)
    pull = ["ingest", "redtrack", "--client", "cti"]
    done = signalroom_cli(
        *pull, env={**agency.environment(), **warehouse.environment, **OF_A_SHELL}
    )
    assert done.returncode == 0, done.stderr
    assert "DEBUG" not in done.stdout + done.stderr
    assert warehouse.rows(COUNTS)[0] == before[0]
    assert [client for client, _ in warehouse.rows(COUNTS)] == ["713", "cti"]
    assert warehouse.rows(SCHEMAS) == schemas
