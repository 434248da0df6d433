"""`--dry-run` writes nothing, waits for nothing, and a vendor's error does not end the plan."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from cli.main import signalroom
from signalroom.lock import hold
from tests.support.warehouse import POSTGRES_FIRST, Warehouse

if TYPE_CHECKING:
    from sandbox import Agency

PLANS = (
    ("ingest", "all", "--dry-run"),
    ("ingest", "redtrack", "--dry-run", "--json"),
    ("backfill", "everflow", "--start", "2026-09-01", "--end", "2026-10-30", "--dry-run"),
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(signalroom, list(arguments))


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder: its content and modification time."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def database(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """Every table of the server's database, with its write counters."""
    return warehouse.rows(
        "select schemaname, relname, n_tup_ins, n_tup_upd, n_tup_del from pg_stat_user_tables"
        " order by 1, 2"
    )


def test_a_plan_makes_no_folder_and_no_schema(
    start_agency: Callable[..., Agency], tmp_path: Path
) -> None:
    os.environ.update(start_agency().environment())
    for plan in PLANS:
        done = run(*plan)
        assert done.exit_code == 0, done.output
    assert files(tmp_path) == {}
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_a_plan_changes_no_byte_takes_no_lock_and_outlives_an_error(
    start_agency: Callable[..., Agency], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.environ.update(start_agency().environment())
    warehouse.activate(monkeypatch)
    assert run("ingest", "redtrack", "--client", "713").exit_code == 0
    os.environ["POSTHOG_API_KEY"] = "refused-0123456789"
    os.environ["AWS_ENDPOINT_URL"] = "no-address"
    before = files(warehouse.home)
    tables = database(warehouse) if warehouse.target == "postgres" else []
    started = time.monotonic()
    with ExitStack() as held:
        for name in ("ingest redtrack", "build")[: None if warehouse.target == "postgres" else 1]:
            held.enter_context(hold(name))  # on DuckDB they all hold the same lock
        for plan in PLANS:
            done = run(*plan)
            failed = "all" in plan
            assert done.exit_code == int(failed), done.output
            if failed:
                assert "posthog for client 713: API key rejected" in done.stderr
                assert "begin it with https://" in done.stderr
                assert "everflow 713: 2026-10-15..2026-11-19" in done.stdout
                assert "mautic 713:" in done.stdout
    assert time.monotonic() - started < 15
    if warehouse.target == "postgres":
        warehouse.rows("select pg_stat_force_next_flush()")
        assert database(warehouse) == tables
        assert [name for name in files(warehouse.home) if "duckdb" in name] == []
    locks = {name for name in files(warehouse.home) if "lock" in name}
    assert {name: one for name, one in files(warehouse.home).items() if name not in locks} == {
        name: one for name, one in before.items() if name not in locks
    }
