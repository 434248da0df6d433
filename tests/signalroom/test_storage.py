"""Disks and servers: truncated, full, frozen, or lost in the middle of the work."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from psycopg2 import extensions
from sqlalchemy.exc import SQLAlchemyError

from signalroom import connecting, lock, logs, paths, run_database
from signalroom.errors import ConfigurationError, WarehouseError
from signalroom.migrations import prepare_warehouse
from signalroom.warehouse import bound_waits, duckdb_path, postgres_connection, read
from tests.support.warehouse import Warehouse


@pytest.mark.fault(17)
@pytest.mark.parametrize("size", [0, 4096])
def test_a_warehouse_that_a_full_disk_cut_off_is_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    duckdb_path().write_bytes(b"\0" * size)
    with pytest.raises(WarehouseError, match="There is no warehouse"):
        read("select 1", within="ops")
    prepare_warehouse()
    assert read("select count(*) as n from ops.loads", within="ops") == [{"n": 0}]
    assert sorted(path.name for path in tmp_path.glob("*.new*")) == []


def test_a_home_with_signs_of_a_url_in_its_name_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "a%20b#c"
    monkeypatch.setenv("SIGNALROOM_HOME", str(home))
    prepare_warehouse()
    run_database.prepared_engine().dispose()
    assert {"warehouse.duckdb", "state.sqlite"} <= {path.name for path in home.iterdir()}
    # also for dbt, which would parse the path as a URL that ends at the #
    seen = Path(paths.home_for_dbt(home))
    assert "#" not in str(seen)
    assert DuckDBCredentials.path_derived_database_name(seen / "warehouse.duckdb") == "warehouse"
    assert (seen / "warehouse.duckdb").samefile(duckdb_path())
    assert paths.home_for_dbt(home) == str(seen)
    seen.unlink()
    seen.mkdir()
    with pytest.raises(ConfigurationError, match="is something else"):
        paths.home_for_dbt(home)
    seen.rmdir()


@pytest.mark.fault(17)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_cannot_be_written_is_named_with_what_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    said = logs.explained(OSError(number, os.strerror(number), str(tmp_path / "file")))
    assert "\n" not in said
    assert said.startswith(f"{tmp_path / 'file'} cannot be written: {os.strerror(number)}")
    assert " MB are left there" in said
    assert list(tmp_path.iterdir()) == []  # and no crash report was written


def test_a_home_that_duckdb_cannot_open_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "what?"))
    with pytest.raises(ConfigurationError, match=r"no DuckDB file can have \?"):
        paths.home()


@pytest.mark.fault(17)
def test_a_full_disk_is_found_before_the_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    assert paths.checked_home().startswith(f"{tmp_path}, ")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(paths, "LEAST_MB", 10**12)
    with pytest.raises(ConfigurationError, match="is nearly full"):
        paths.checked_home()


def test_a_home_below_a_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(Exception, match="cannot be written: Not a directory"):
        paths.home()


@pytest.fixture
def silent_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that accepts connections but never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("SIGNALROOM_TARGET", "postgres")
        monkeypatch.setenv("SUPABASE_DB_HOST", "127.0.0.1")
        monkeypatch.setenv("SUPABASE_DB_PORT", str(server.getsockname()[1]))
        monkeypatch.setenv("SUPABASE_DB_USER", "someone")
        monkeypatch.setenv("SUPABASE_DB_PASSWORD", "something")
        yield
        extensions.set_wait_callback(None)


@pytest.mark.usefixtures("silent_server")
def test_a_server_that_answers_nothing_ends_the_wait_and_not_the_patience() -> None:
    bound_waits(1.0)
    began = time.monotonic()
    with pytest.raises(WarehouseError, match="no answer for 1 s"), postgres_connection():
        pass
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("silent_server")
def test_a_signal_is_heard_while_a_server_answers_nothing() -> None:
    class Heard(Exception):  # noqa: N818 (a signal, not an error)
        pass

    def hear(number: int, frame: object) -> None:
        raise Heard

    bound_waits(60.0)
    before = signal.signal(signal.SIGALRM, hear)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(Heard), postgres_connection():
            pass
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.fault(48)
@pytest.mark.parametrize(
    ("is_over", "ctrl_c"),
    [
        (False, signal.default_int_handler),
        (True, signal.default_int_handler),
        (False, signal.SIG_IGN),  # a script began the command with &
    ],
)
def test_a_lock_that_is_lost_in_the_middle_of_the_work_ends_the_work(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, is_over: bool, ctrl_c: Any
) -> None:
    monkeypatch.setattr(lock, "WATCH_EVERY_S", 30.0 if is_over else 0.1)

    heard = []

    def work() -> None:
        with lock.hold("ingest everflow"):
            postgres_warehouse.rows(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name like 'signalroom ingest everflow%%'"
            )
            heard.append(subprocess.run(["sh", "-c", "kill -INT $$"], check=False).returncode)
            time.sleep(0 if is_over else 20)

    began = time.monotonic()
    before = signal.signal(signal.SIGINT, ctrl_c)
    try:
        with pytest.raises(WarehouseError, match="ingest everflow was ended: its lock was lost"):
            work()
        assert signal.getsignal(signal.SIGINT) == ctrl_c
        # dbt is started meanwhile: it must not end by a Ctrl-C that its command ignores
        assert heard == [0 if ctrl_c == signal.SIG_IGN else -signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 15


def test_a_statement_without_end_is_ended(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signalroom.warehouse.STATEMENT_LIMIT_MS", "200")
    with pytest.raises(WarehouseError, match="statement timeout"):
        read("select pg_sleep(20)", within="pg_catalog")


def test_a_server_that_is_full_for_a_moment_is_waited_for(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, a pooler has two connections and another process holds both."""
    name = postgres_warehouse.environment["SUPABASE_DB_NAME"]
    with postgres_connection() as holder:
        holder.autocommit = True
        with holder.cursor() as cursor:
            cursor.execute(f'alter database "{name}" with connection limit 1')
        timer = threading.Timer(0.7, holder.close)
        timer.start()
        assert read("select 1 as n", within="ops") == [{"n": 1}]
        timer.join()
    with postgres_connection():
        monkeypatch.setattr(connecting, "LONGEST_WAIT_S", 0.5)
        with pytest.raises(WarehouseError, match=r"does not answer: .*too many connections"):
            read("select 1", within="ops")
        with pytest.raises(SQLAlchemyError), run_database.engine().connect():
            pass
        with pytest.raises(WarehouseError, match=r"cannot be opened: .*or raise that limit"):
            run_database.prepared_engine()
