"""The main job over nine simulated weeks, once on each engine, from the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from subprocess import CompletedProcess
from typing import Any

import pytest

from sandbox import Agency, Truth
from tests.support.postgres import PostgresServer
from tests.support.processes import signalroom_cli
from tests.support.warehouse import Target, Warehouse, empty_warehouse

CLIENTS = ("713", "cti")


@dataclass(frozen=True)
class MainJob:
    """The job's results on both engines, and the truth they are compared with."""

    warehouses: dict[Target, Warehouse]
    environments: dict[Target, dict[str, str]]
    said: dict[Target, CompletedProcess[str]]
    truth: dict[str, Truth]
    first_recent_day: date
    messages: int  # that were sent

    def table(self, target: Target, name: str) -> list[dict[str, Any]]:
        """The rows of a table, without dlt's own columns."""
        warehouse = self.warehouses[target]
        schema, table = name.split(".")
        columns = [
            column
            for (column,) in warehouse.rows(
                "select column_name from information_schema.columns where table_schema ="
                f" '{schema}' and table_name = '{table}' order by column_name"
            )
            if not column.startswith("_dlt")
        ]
        quoted = ", ".join(f'"{column}"' for column in columns)
        rows = warehouse.rows(f"select {quoted} from {schema}.{table}")
        return [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.fixture(scope="package")
def main_job(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> Iterator[MainJob]:
    """Nine weeks of every source and client, loaded, built and reported on both engines."""
    warehouses: dict[Target, Warehouse] = {}
    with ExitStack() as stack:
        agency = stack.enter_context(Agency(scenario="messy", history_days=63))
        targets: tuple[Target, Target] = ("duckdb", "postgres")
        for target in targets:
            home = tmp_path_factory.mktemp(target)
            warehouses[target] = stack.enter_context(empty_warehouse(target, home, postgres))
        environments = {
            target: {
                **agency.environment(),
                **warehouses[target].environment,
                "SIGNALROOM_SANDBOX": "1",
            }
            for target in targets
        }
        with ThreadPoolExecutor() as pool:  # separate commands, which sometimes wait
            jobs = [pool.submit(_job, agency, environments[target]) for target in targets]
        said = {target: job.result() for target, job in zip(targets, jobs, strict=True)}
        yield MainJob(
            warehouses,
            environments,
            said,
            {client: agency.truth(client) for client in CLIENTS},
            agency.calendar.today() - timedelta(days=35),
            len(agency.messages),
        )


def _job(agency: Agency, env: Mapping[str, str]) -> CompletedProcess[str]:
    for source, table in (("everflow", "daily_stats"), ("redtrack", "daily_spend")):
        loaded = signalroom_cli(
            "ingest", source, "--resource", table, "--start", agency.first_day.isoformat(),
            "--end", agency.calendar.today().isoformat(), env=env,
        )  # fmt: skip
        assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    return signalroom_cli("run", env=env)
