"""Problems of the machine itself: its clock, memory, Python, network."""

from __future__ import annotations

import errno
import os
import socket
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import signalroom
from signalroom import clock, machine, paths
from signalroom.errors import WarehouseError
from signalroom.warehouse import postgres_connection
from tests.support.postgres import free_port
from tests.support.vendor import Answer, scripted_vendor
from tests.support.warehouse import Warehouse


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    """Forget the clocks that other tests of this process recorded."""
    machine.skew()


def doctor() -> Result:
    return CliRunner().invoke(signalroom, ["doctor"])


@pytest.mark.parametrize(("minutes", "word"), [(-11, "ahead of"), (11, "behind"), (0, "")])
def test_a_clock_that_a_vendors_answers_contradict_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, minutes: int, word: str
) -> None:
    date = format_datetime(clock.instant() + timedelta(minutes=minutes), usegmt=True)
    with scripted_vendor(lambda _: Answer({}, 401, {"Date": date})) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key-9876543210")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        said = doctor()
        assert vendor.requests
    told = f"This machine's clock is 11 minutes {word} that of everflow" in said.stderr
    assert told is bool(word), said.output
    assert ("set its clock by NTP" in said.stderr) is bool(word)


def test_one_clock_that_is_wrong_among_many_is_not_ours(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's clock counts too; a pooler is recognized by its port."""
    said = doctor()
    assert "minutes" not in said.stderr
    assert "PostgreSQL" in said.stdout
    machine.hear("everflow", clock.instant() + timedelta(hours=1))
    for who in ("PostgreSQL", "redtrack"):
        machine.hear(who, clock.instant())
    machine.hear("posthog", "no date at all")
    assert machine.skew() == []


def test_a_container_or_machine_with_little_memory_is_a_warning(tmp_path: Path) -> None:
    assert machine.memory(tmp_path) == []  # no information about the memory
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:       16384000 kB\nMemFree: 1 kB\n")
    assert machine.memory(tmp_path) == []
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("max\n")
    assert machine.memory(tmp_path) == []
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("268435456\n")
    [found] = machine.memory(tmp_path)
    assert (found.state, "268 MB of memory are little" in found.message) == ("warning", True)


@pytest.mark.fault(17)
def test_a_home_that_is_full_or_takes_no_file_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "file" / "home"))
    said = doctor()
    assert (said.exit_code, "cannot be written: Not a directory" in said.stderr) == (1, True)
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "LEAST_MB", 10**12)
    said = doctor()
    assert (said.exit_code, f"{tmp_path} is nearly full" in said.stderr) == (1, True)


@pytest.mark.fault(61)
def test_the_transaction_pooler_is_named_by_its_port(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "transaction pooler" not in doctor().stdout
    monkeypatch.setattr("cli.doctor.POOLER", os.environ["SUPABASE_DB_PORT"])
    assert "through its transaction pooler" in doctor().stdout


def test_an_old_python_is_a_fault() -> None:
    assert machine.python() == []
    [found] = machine.python((3, 10))
    assert (found.state, "3.10 is too old" in found.message) == ("fault", True)


@pytest.mark.fault(61)
def test_a_host_that_has_ipv6_alone_is_named_where_there_is_no_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Supabase's direct host is one; most containers have only IPv4."""

    def no_way(self: socket.socket, address: object) -> None:
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    monkeypatch.setattr(socket.socket, "connect", no_way)
    monkeypatch.setenv("SIGNALROOM_TARGET", "postgres")
    given = {"HOST": "::1", "PORT": str(free_port()), "USER": "a", "PASSWORD": "b"}
    for name, value in given.items():
        monkeypatch.setenv(f"SUPABASE_DB_{name}", value)
    with (
        pytest.raises(WarehouseError, match=r"IPv6 address alone.*session pooler"),
        postgres_connection(),
    ):
        pass
    assert machine.only_ipv6("127.0.0.1", "5432") == ""
