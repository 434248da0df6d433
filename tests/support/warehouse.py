"""An empty warehouse for a test, on either engine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import psycopg2
import pytest

from tests.support.postgres import PostgresServer

Target = Literal["duckdb", "postgres"]
# For `parametrize(..., indirect=True)`: one engine is enough, the other runs in `make test-deep`.
DUCKDB_FIRST: list[Any] = ["duckdb", pytest.param("postgres", marks=pytest.mark.deep)]
# Marts about the product's own runs, which differ from run to run.
HISTORY_MARTS = (
    "runs", "run_steps", "pulls", "pulled_tables", "dbt_nodes", "deliveries", "incidents"
)  # fmt: skip
POSTGRES_FIRST: list[Any] = ["postgres", pytest.param("duckdb", marks=pytest.mark.deep)]
# For a test of PostgreSQL alone; one that uses it in its own process takes `postgres_warehouse`.
ON_POSTGRES = pytest.mark.parametrize("warehouse", ["postgres"], indirect=True)


@dataclass(frozen=True)
class Warehouse:
    """An empty warehouse; `environment` points any part of SignalRoom to it."""

    target: Target
    home: Path
    environment: dict[str, str]

    def execute(self, sql: str, *values: object) -> None:
        """Run statements and commit; the value placeholder is `?` (DuckDB) or `%s` (PostgreSQL)."""
        self._run(sql, values, fetch=False)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query; money as Decimal, instants as aware datetimes in UTC."""
        return self._run(sql, values, fetch=True)

    def activate(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Point the current process to this warehouse."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def _run(self, sql: str, values: tuple[object, ...], fetch: bool) -> list[tuple[Any, ...]]:
        if self.target == "duckdb":
            path = str(self.home / "warehouse.duckdb")
            with duckdb.connect(path) as connection:
                connection.execute("set TimeZone = 'UTC'")
                cursor = connection.execute(sql, values or None)
                return cursor.fetchall() if fetch else []
        connection = psycopg2.connect(
            host=self.environment["SUPABASE_DB_HOST"],
            port=self.environment["SUPABASE_DB_PORT"],
            dbname=self.environment["SUPABASE_DB_NAME"],
            user=self.environment["SUPABASE_DB_USER"],
            password=self.environment["SUPABASE_DB_PASSWORD"],
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return list(cursor.fetchall()) if fetch else []
        finally:
            connection.close()


@contextmanager
def empty_warehouse(
    target: Target, home: Path, server: PostgresServer | None
) -> Iterator[Warehouse]:
    """A warehouse with nothing in it; on postgres it has its own database on `server`."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        "SIGNALROOM_HOME": str(home),
        "SIGNALROOM_TARGET": target,
        "SIGNALROOM_HASH_SALT": "salt-of-the-tests",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    with ExitStack() as stack:
        if target == "postgres":
            assert server is not None
            environment |= stack.enter_context(server.database())
        yield Warehouse(target=target, home=home, environment=environment)


@contextmanager
def copied(prepared: Warehouse, home: Path, server: PostgresServer | None) -> Iterator[Warehouse]:
    """A separate warehouse with everything that the prepared one and its home contain."""
    shutil.copytree(prepared.home, home, dirs_exist_ok=True)
    environment = {**prepared.environment, "SIGNALROOM_HOME": str(home)}
    with ExitStack() as stack:
        if prepared.target == "postgres":
            assert server is not None
            template = environment["SUPABASE_DB_NAME"]
            environment |= stack.enter_context(server.database(template))
        yield Warehouse(target=prepared.target, home=home, environment=environment)


@contextmanager
def held_open(path: Path) -> Iterator[str]:
    """Another process has the DuckDB file open for writing; yields what messages call it."""
    code = (
        "import duckdb, sys\n"
        f"connection = duckdb.connect({str(path)!r})\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        yield f"process {holder.pid} ({Path(sys.executable).resolve().name})"
        holder.kill()
