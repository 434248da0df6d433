"""The embedded warehouse is opened once for several statements, and closed after the work."""

from __future__ import annotations

import subprocess
import sys

import pytest

from signalroom.kept_open import kept_open
from signalroom.migrations import prepare_warehouse
from signalroom.warehouse import duckdb_path, read, transaction
from tests.support.openings import count_openings
from tests.support.warehouse import Warehouse

OPEN = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True)"


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_what_reads_and_writes_meanwhile_joins_one_opening(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    prepare_warehouse()
    openings = count_openings(monkeypatch, duckdb_path())
    with kept_open():
        with transaction() as execute:
            execute("insert into ops.origin (origin) values ('real')")
        with kept_open():  # a nested part of the work that also keeps it open
            assert read("select origin from origin", within="ops") == [{"origin": "real"}]
        assert read("select count(*) as n from loads", within="ops") == [{"n": 0}]
    assert openings() == 1
    elsewhere = [sys.executable, "-c", OPEN, str(duckdb_path())]
    subprocess.run(elsewhere, check=True, timeout=60)  # it is closed again
