"""Every failure gives one readable line, the right exit code, and no traceback."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from cli.main import COMMANDS
from tests.support.processes import BIN, signalroom_cli
from tests.support.vendor import Answer, in_turn, scripted_vendor
from tests.support.warehouse import DUCKDB_FIRST, ON_POSTGRES, Warehouse, held_open


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def one_line(said: CompletedProcess[str], code: int) -> str:
    """The single line of an explained failure."""
    assert said.returncode == code, said.stdout + said.stderr
    assert "Traceback" not in said.stdout + said.stderr
    lines = [line for line in said.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, said.stderr
    return lines[0]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["runn"], id="unknown command"),
        pytest.param(["run", "--dat", "x"], id="unknown option"),
        pytest.param(["run", "--date", "18.11.2026"], id="a day written otherwise"),
        pytest.param(["ingest"], id="no source"),
        pytest.param(["ingest", "everflo"], id="unknown source"),
        pytest.param(["report"], id="no report"),
        pytest.param(["report", "daily_ccw", "--again"], id="again without send"),
        pytest.param(["report", "weekly"], id="unknown report"),
    ],
)
def test_wrong_usage_exits_2_and_shows_the_way(arguments: list[str]) -> None:
    said = signalroom_cli(*arguments, env={})
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert "Usage:" in said.stderr
    assert "Error: " in said.stderr


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["statsu"], "status"),
        (["report", "dialy_ccw"], "daily_ccw"),
        (["ingest", "everflo"], "everflow"),
        (["backfill", "redtrak", "--start", "2026-01-01", "--end", "2026-01-02"], "redtrack"),
        (["trigger", "horly"], "hourly"),
        (["pause", "evrflow"], "everflow"),
        (["runs", "list", "--job", "hurly"], "hourly"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_right_one(
    tmp_path: Path, arguments: list[str], meant: str
) -> None:
    said = signalroom_cli(*arguments, env={"SIGNALROOM_HOME": str(tmp_path)})
    assert said.returncode == 2
    assert f"Did you mean {meant!r}?" in " ".join(said.stderr.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_teaches(command: str) -> None:
    said = signalroom_cli(command, "--help", env={})
    assert said.returncode == 0
    assert len(said.stdout.splitlines()) >= 5
    assert max(len(line) for line in said.stdout.splitlines()) <= 80


@pytest.mark.parametrize(
    ("arguments", "env", "names"),
    [
        pytest.param(
            ["run", "--no-sandbox"],
            {"SIGNALROOM_TARGET": "postgres"},
            "SUPABASE_DB_HOST",
            id="a missing variable",
        ),
        pytest.param(
            ["run"], {"SIGNALROOM_TARGET": "oracle"}, "SIGNALROOM_TARGET", id="unknown target"
        ),
        pytest.param(
            ["run"], {"SIGNALROOM_TIMEZONE": "Moon/Sea"}, "SIGNALROOM_TIMEZONE", id="unknown zone"
        ),
        pytest.param(["run"], {"SIGNALROOM_NOW": "noon"}, "SIGNALROOM_NOW", id="malformed now"),
        pytest.param(["run", "--client", "ghost"], {}, "ghost", id="unknown client"),
        pytest.param(["run", "--client", "../x"], {}, "../x", id="malformed client"),
        pytest.param(
            ["report", "daily_ccw", "--client", "cti"], {}, "cti", id="a report of another client"
        ),
        pytest.param(["report", "daily_ccw"], {}, "no warehouse", id="no warehouse yet"),
        pytest.param(
            ["ingest", "everflow", "--start", "2026-11-02", "--end", "2026-11-01"],
            {"SIGNALROOM_NOW": "2026-11-19T09:30:00"},
            "2026-11-01",
            id="an end before the start",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_it(
    tmp_path: Path, arguments: list[str], env: dict[str, str], names: str
) -> None:
    said = signalroom_cli(*arguments, env={"SIGNALROOM_HOME": str(tmp_path / "home"), **env})
    assert names in one_line(said, 1)


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with taken_port() as port:
        home = {"SIGNALROOM_HOME": str(tmp_path)}
        simulated = signalroom_cli("sandbox", "--port", str(port), env=home)
        assert str(port) in one_line(simulated, 1)
        resident = signalroom_cli("scheduler", env={"PORT": str(port), **home})
        assert str(port) in one_line(resident, 1)


@pytest.mark.fault(36)
def test_a_locked_duckdb_file_names_the_process_in_the_way(tmp_path: Path) -> None:
    env = {
        "SIGNALROOM_HOME": str(tmp_path),
        "EVERFLOW_API_KEY": "k",
        "SIGNALROOM_CLIENTS": "713",
        "SIGNALROOM_LOCK_WAIT_S": "1",
    }
    with held_open(tmp_path / "warehouse.duckdb") as holder:
        for arguments in (["ingest", "everflow"], ["report", "daily_ccw"], ["build"]):
            said = signalroom_cli(*arguments, env=env)
            assert f"is open in {holder}: close it there" in one_line(said, 1)
        doctor = signalroom_cli("doctor", "--offline", env=env)
        assert doctor.returncode == 1
        assert f"is open in {holder}: close it there" in doctor.stderr


@ON_POSTGRES
def test_a_persons_variables_of_postgres_lead_to_no_other_server_or_session(
    warehouse: Warehouse,
) -> None:
    theirs = {
        "PGHOSTADDR": "127.0.0.9",
        "PGOPTIONS": "-c default_transaction_read_only=on",
        "PGSERVICE": "nowhere",
        "PGCLIENTENCODING": "LATIN1",
        "PGTZ": "Asia/Tokyo",
    }
    done = signalroom_cli("doctor", "--offline", env={**warehouse.environment, **theirs})
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"✓ PostgreSQL .* answers", done.stdout)


@pytest.mark.fault(16)
def test_postgres_that_is_away_is_one_line(tmp_path: Path) -> None:
    with taken_port() as port:
        pass
    env = {
        "SIGNALROOM_HOME": str(tmp_path),
        "SIGNALROOM_TARGET": "postgres",
        "SUPABASE_DB_HOST": "127.0.0.1",
        "SUPABASE_DB_PORT": str(port),
        "SUPABASE_DB_USER": "postgres",
        "SUPABASE_DB_PASSWORD": "canary-password",
        "SIGNALROOM_HASH_SALT": "x",
        "EVERFLOW_API_KEY": "k",
        "SIGNALROOM_CLIENTS": "713",
    }
    for arguments in (["ingest", "everflow"], ["report", "daily_ccw"], ["build"]):
        line = one_line(signalroom_cli(*arguments, env=env), 1)
        assert f"127.0.0.1:{port}" in line
        assert "canary" not in line


@pytest.mark.slow
@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_one_failing_source_does_not_stop_the_others(warehouse: Warehouse) -> None:
    """Everflow refuses the key; RedTrack still loads, the marts are built, the exit code is 1."""
    spend = [{"date": "2026-11-18", "source": "New", "source_id": "x1", "cost": 5, "clicks": 1}]
    with (
        scripted_vendor(in_turn(Answer({"error": "No Authentication Method Found"}, 401))) as bad,
        scripted_vendor(
            lambda asked: Answer(spend if asked.query.get("page", "1") == "1" else [])
        ) as good,
    ):
        env = {
            **warehouse.environment,
            "SIGNALROOM_NOW": "2026-11-19T09:30:00-05:00",
            "SIGNALROOM_CLIENTS": "713",
            "EVERFLOW_API_KEY": "canary-everflow",
            "EVERFLOW_BASE_URL": bad.url,
            "REDTRACK_API_KEY": "canary-redtrack",
            "REDTRACK_BASE_URL": good.url,
        }
        said = signalroom_cli("run", env=env)
    assert said.returncode == 1
    assert "everflow for client 713: API key rejected" in said.stderr
    assert "canary" not in said.stdout + said.stderr
    assert warehouse.rows("select source_name, cost from marts.unmapped_spend") == [("New", 5)]


def test_the_plan_writes_nothing_and_counts_what_the_run_does(tmp_path: Path) -> None:
    with scripted_vendor(in_turn(Answer([]))) as vendor:
        env = {
            "SIGNALROOM_HOME": str(tmp_path),
            "SIGNALROOM_NOW": "2026-11-19T09:30:00-05:00",
            "SIGNALROOM_CLIENTS": "713",
            "REDTRACK_API_KEY": "k",
            "REDTRACK_BASE_URL": vendor.url,
        }
        planned = signalroom_cli("ingest", "redtrack", "--dry-run", "--json", env=env)
        assert vendor.requests == []
        plan = json.loads(planned.stdout)
        done = signalroom_cli("ingest", "redtrack", "--json", env=env)
        assert done.returncode == 0, done.stderr
        assert plan["window"] == json.loads(done.stdout)["window"] == "2026-10-15..2026-11-19"
        # nothing is left to read after an empty page (two reports, conversions, campaigns,
        # sources, offers), and the account's currency is not requested if nothing was spent
        assert plan["requests"] == len(vendor.requests) + 7


def test_an_interrupted_run_says_so_and_exits_130(tmp_path: Path) -> None:
    """Ctrl-C while a vendor hangs."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = {
            "SIGNALROOM_HOME": str(tmp_path),
            "SIGNALROOM_CLIENTS": "713",
            "REDTRACK_API_KEY": "k",
            "REDTRACK_BASE_URL": address,
            "PATH": str(BIN),
        }
        with subprocess.Popen(
            [str(BIN / "signalroom"), "ingest", "redtrack"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            silent.accept()
            child.send_signal(2)
            _, errors = child.communicate(timeout=30)
    assert child.returncode == 130
    assert errors.strip().startswith("Interrupted")
    assert "Traceback" not in errors
