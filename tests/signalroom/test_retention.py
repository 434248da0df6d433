"""What goes wrong with old records: they grow without end, or a message leaves twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from signalroom import clock, migrations, retention, run_database
from signalroom.errors import ConfigurationError
from signalroom.tables import INCIDENTS, OUTBOX, RUNS, STEPS
from tests.support.deployed import restore_postgres, unpack_home
from tests.support.warehouse import Warehouse


@contextmanager
def prepared() -> Iterator[sa.Engine]:
    engine = run_database.prepared_engine()
    yield engine
    engine.dispose()


def count(engine: sa.Engine, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    with engine.connect() as connection:
        found = connection.execute(sa.select(sa.func.count()).select_from(table).where(*conditions))
        return int(found.scalar_one())


@pytest.mark.parametrize("warehouse", ["duckdb", "postgres"], indirect=True)
def test_old_records_go_and_the_keys_of_messages_stay(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    if warehouse.target == "duckdb":
        unpack_home(warehouse.home)
    else:
        restore_postgres(warehouse.environment)
    migrations.prepare_warehouse()
    with prepared() as engine:
        keys = count(engine, OUTBOX)
        sent = OUTBOX.c.status == "sent"
        assert count(engine, OUTBOX, sent, OUTBOX.c.payload != "{}")
        is_open = INCIDENTS.c.settled_at.is_(None)
        open_ones = count(engine, INCIDENTS, is_open)
        retention.prune_run_database(engine)
        assert count(engine, RUNS)  # none is old yet
        warehouse.execute("update ops.dead_letters set resolved_at = created_at")
        retention.prune_warehouse()
        assert warehouse.rows("select count(*) from ops.dead_letters") == [(1,)]

        later = clock.instant() + timedelta(days=401)
        monkeypatch.setattr(clock, "instant", lambda: later)
        retention.prune_run_database(engine)
        retention.prune_warehouse()
        assert count(engine, OUTBOX) == keys
        assert count(engine, OUTBOX, sent, OUTBOX.c.payload != "{}") == 0
        over = RUNS.c.status.in_(retention.OVER)
        assert (count(engine, RUNS, over), count(engine, STEPS)) == (0, 0)
        assert count(engine, INCIDENTS) == count(engine, INCIDENTS, is_open) == open_ones
        assert warehouse.rows("select count(*) from ops.dead_letters") == [(0,)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("runs: 400\n", "is missing or unknown"),
        (
            "{runs: 3, dbt_nodes: 99, outbox_payloads: 400, incidents: 400, dead_letters: 400}",
            "runs is 3",
        ),
        (
            "{runs: long, dbt_nodes: 99, outbox_payloads: 400, incidents: 400, dead_letters: 400}",
            "runs is 'long'",
        ),
    ],
)
def test_a_policy_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "retention.yml").write_text(text)
    monkeypatch.setattr("signalroom.paths.root", lambda: tmp_path)
    with pytest.raises(ConfigurationError, match=said):
        retention.policy()
