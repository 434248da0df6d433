"""What a reader of the embedded warehouse sees while another process writes to it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from signalroom import warehouse
from signalroom.errors import WarehouseError
from tests.support.processes import own_environment

WRITER = """
import duckdb, sys, time
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute("begin; update marts.daily set cost = 2")
    print("writing", flush=True)
    time.sleep(float(sys.argv[2]))
    connection.execute("commit")
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A warehouse with one mart of one row."""
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts; create table marts.daily as select 1 as cost")
    return path


@contextmanager
def writer(path: Path, seconds: float) -> Iterator[int]:
    """A process that writes for this long; yields its id."""
    command = [sys.executable, "-c", WRITER, str(path), str(seconds)]
    with subprocess.Popen(
        command, env=own_environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process.pid
        process.kill()


def test_a_reader_waits_for_a_writer_and_sees_all_that_it_wrote(file: Path) -> None:
    with writer(file, 1.5):
        assert warehouse.read("select cost from daily") == [{"cost": 2}]


def test_thread_that_reads_while_another_writes_fails_one_of_them(file: Path) -> None:
    """DuckDB lets a process open a file in only one mode at a time."""
    read = "select cost from daily"
    with warehouse.duckdb_connection(read_only=False) as connection:
        connection.execute("begin; update marts.daily set cost = 2")
        assert warehouse.read(read, wait_s=0) == [{"cost": 1}]
        connection.execute("commit")
    is_written = threading.Event()

    def write() -> None:
        with warehouse.transaction() as execute:
            execute("update marts.daily set cost = 3")
        is_written.set()

    with warehouse.duckdb_connection(read_only=True):
        threading.Thread(target=write, daemon=True).start()
        assert not is_written.wait(0.3)
    assert is_written.wait(10)
    assert warehouse.read(read) == [{"cost": 3}]


@pytest.mark.fault(36)
def test_a_reader_that_waited_long_enough_names_the_writer_and_changes_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_LOCK_WAIT_S", "1")
    with (
        writer(file, 60) as process,
        pytest.raises(WarehouseError, match=rf"open in process {process} \(python[\d.]*\): close"),
    ):
        warehouse.read("select cost from daily")
    # the writer was killed halfway: nothing it wrote is there
    assert warehouse.read("select cost from daily") == [{"cost": 1}]
