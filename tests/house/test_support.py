"""Tests of the shared test helpers themselves."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.postgres import PostgresServer, postgres_server, remove_left_behind
from tests.support.processes import ROOT, is_ours, own_environment, run
from tests.support.warehouse import Warehouse


def test_a_warehouse_begins_empty_and_keeps_every_digit(warehouse: Warehouse) -> None:
    warehouse.execute("create table money (amount decimal(38, 18))")
    warehouse.execute("insert into money values (0.100000000000000001)")
    assert warehouse.rows("select amount from money") == [(Decimal("0.100000000000000001"),)]


@pytest.mark.parametrize("time", ["first", "second"])
def test_what_one_test_wrote_is_gone_for_the_next(warehouse: Warehouse, time: str) -> None:
    assert warehouse.rows("select 1 from information_schema.tables where table_name = 'left'") == []
    warehouse.execute('create table "left" (id integer)')


def test_the_environment_of_a_warehouse_is_for_subprocesses_too(warehouse: Warehouse) -> None:
    told = run(
        [sys.executable, "-c", "from signalroom import settings; print(settings.target())"],
        warehouse.environment,
    )
    assert told.stdout.strip() == warehouse.target, told.stderr


def test_the_tests_role_is_no_superuser(postgres: PostgresServer) -> None:
    with postgres.database() as environment:
        wrong = Warehouse("postgres", ROOT, environment).rows(
            "select rolsuper or rolcreatedb from pg_roles where rolname = current_user"
        )
    assert wrong == [(False,)]


def test_the_wheel_carries_a_server_where_the_machine_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "find_binaries", postgres.wheel_binaries)
    with postgres_server() as server, server.database() as environment:
        assert Warehouse("postgres", ROOT, environment).rows("select 1") == [(1,)]
        folder = server.folder
    assert not folder.exists()


def test_a_durable_server_survives_a_crash() -> None:
    with postgres_server(durable=True) as server, server.database() as environment:
        kept = Warehouse("postgres", ROOT, environment)
        kept.execute("create table kept as select 1 as id")
        server.restart("crash")
        assert kept.rows("select id from kept") == [(1,)]


def test_no_server_outlives_killed_tests() -> None:
    script = (
        "import os, signal\n"
        "from tests.support.postgres import postgres_server\n"
        "with postgres_server() as server:\n"
        "    print(server.process.pid, server.folder, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = run([sys.executable, "-c", script], {"PYTHONPATH": str(ROOT)})
    pid, folder = killed.stdout.split()
    subprocess.run(["timeout", "20", "tail", f"--pid={pid}", "-f", "/dev/null"], check=True)
    remove_left_behind()
    assert not Path(folder).exists()


def test_settings_of_a_person_do_not_reach_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERFLOW_API_KEY__CTI", "someone's")
    assert [name for name in own_environment() if is_ours(name)] == [
        "DBT_SEND_ANONYMOUS_USAGE_STATS"
    ]


def test_every_documented_variable_is_cleared() -> None:
    names = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M)
    assert names
    assert [name for name in names if not is_ours(name)] == []
    assert set(names) & set(os.environ) == {"SIGNALROOM_HOME"}


@pytest.mark.parametrize("host", ["example.com", "192.0.2.1"])
def test_nothing_leaves_this_machine(host: str) -> None:
    with pytest.raises(OSError, match="stay on loopback"):
        socket.create_connection((host, 80), timeout=1)
    outside = f"import socket; socket.create_connection(({host!r}, 80), timeout=1)"
    assert "stay on loopback" in run([sys.executable, "-c", outside], {}).stderr
