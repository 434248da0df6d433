"""Old records: they must not grow without limit, and no message may be sent twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from signalroom import clock, migrations, retention, run_database
from signalroom.errors import ConfigurationError
from signalroom.tables import INCIDENTS, OUTBOX, RUNS, STEPS
from tests.support.deployed import restore_postgres, unpack_home
from tests.support.warehouse import DUCKDB_FIRST, Warehouse


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


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[bytes], None]:
    """Write another data/retention.yml."""
    (tmp_path / "data").mkdir()
    monkeypatch.setattr("signalroom.paths.root", lambda: tmp_path)
    return (tmp_path / "data" / "retention.yml").write_bytes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rums: 400", "rums is unknown; use outbox_payloads, runs"),
        ("runs: 3", "runs is 3"),
        ("runs: 0", "runs is 0"),
        ("runs: -400", "runs is -400"),
        ("runs: 999999999", "runs is 999999999"),
        ("runs: 400.0", "runs is 400.0"),
        ("runs: yes", "runs is True"),
        ("runs: '400'", "runs is '400'"),
        ("runs: 400d", "runs is '400d'"),
        ("runs:", "runs is None"),
        ("[400]", "write each kind as"),
        ("400", "write each kind as"),
        ("runs: [", "cannot be read"),
        ("runs: 400 # \xe9", "cannot be read"),
    ],
)
def test_a_policy_that_is_none_is_named(
    write: Callable[[bytes], None], text: str, said: str
) -> None:
    write(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=said) as caught:
        retention.policy()
    assert "\n" not in str(caught.value)


def test_what_the_file_leaves_out_is_kept_for_400_days(write: Callable[[bytes], None]) -> None:
    assert retention.policy()["runs"] == 400
    for text in ("", "# nothing\n", "outbox_payloads: 35"):
        write(text.encode())
        assert retention.policy()["dead_letters"] == 400
    assert retention.policy()["outbox_payloads"] == 35
    assert retention.policy()["dbt_nodes"] == 120


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_a_message_that_is_still_to_be_sent_keeps_its_text_however_old(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    old = clock.instant() - timedelta(days=5000)
    states = ("pending", "unknown", "sent", "dead", "skipped")
    with prepared() as engine:
        texts = {"report": "daily_ccw", "_client_id": "713", "edition": "complete"}
        texts |= {
            "channel": "slack",
            "recipient": "C1",
            "payload_hash": "h",
            "payload": "text",
            "told": "{}",
        }
        numbers = {"number": 1, "attempts": 1, "period": old.date(), "created_at": old}
        rows = [{"dedupe_key": one, "status": one, **texts, **numbers} for one in states]
        with engine.begin() as connection:
            connection.execute(sa.insert(OUTBOX), rows)
        retention.prune_run_database(engine)
        kept = sa.select(OUTBOX.c.dedupe_key).where(OUTBOX.c.payload == "text")
        with engine.connect() as connection:
            assert set(connection.execute(kept).scalars()) == {"pending", "unknown"}
            every = sa.select(OUTBOX.c.dedupe_key)
            assert set(connection.execute(every).scalars()) == set(states)
