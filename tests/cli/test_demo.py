"""The demo: one clock for all its processes, and moved aside by the first real load."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import httpx
import pytest
from click.testing import CliRunner
from filelock import FileLock

from cli.main import signalroom
from cli.sandbox import environment_of
from sandbox import Agency
from signalroom import demo_home
from tests.support.processes import BIN, ROOT, own_environment, signalroom_cli


def hold_demo(home: Path, origin: str = "simulated") -> Path:
    """A folder as a run leaves it, as far as moving it requires."""
    home.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("create schema ops")
        connection.execute("create table ops.origin (origin varchar)")
        connection.execute("insert into ops.origin values (?)", [origin])
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_real_data_lands_beside_the_demo(home: Path) -> None:
    moved = demo_home.move_aside() if hold_demo(home) else None
    assert moved is not None
    assert re.fullmatch(r"home-demo-\d{8}-\d{6}", moved.name)
    assert (moved / "warehouse.duckdb").exists()
    assert list(home.iterdir()) == []
    assert demo_home.move_aside() is None


@pytest.mark.parametrize("lock", ["warehouse", "scheduler"])
def test_a_folder_is_moved_under_a_working_process(home: Path, lock: str) -> None:
    hold_demo(home)
    with FileLock(home / f"{lock}.lock"):
        assert demo_home.move_aside() is None
    assert (home / "warehouse.duckdb").exists()


def test_real_data_or_a_simulated_load_moves_a_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_demo(home, "real")
    assert demo_home.move_aside() is None
    (home / "warehouse.duckdb").unlink()
    hold_demo(home)
    monkeypatch.setenv("SIGNALROOM_SANDBOX", "1")
    assert demo_home.move_aside() is None
    monkeypatch.delenv("SIGNALROOM_SANDBOX")
    monkeypatch.setenv("SIGNALROOM_TARGET", "postgres")
    assert demo_home.move_aside() is None
    assert (home / "warehouse.duckdb").exists()


def test_a_folder_that_cannot_be_renamed_ends_in_a_traceback(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mounted volume: the load is still refused, with an error that names `make reset`."""

    def busy(self: Path, target: Path) -> Path:
        raise OSError(16, "Device or resource busy")

    hold_demo(home)
    monkeypatch.setattr(Path, "rename", busy)
    assert demo_home.move_aside() is None
    assert (home / "warehouse.duckdb").exists()


def test_a_plan_takes_the_demos_rows_for_real_ones(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load would move the demo aside, so its sources are not on and its days are not loaded."""
    hold_demo(home)
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(
            "create table ops.sources as select 'cti' as _client_id, 'everflow' as source,"
            " 'on' as state, now() as since, null::timestamptz as until, null as reason"
        )
    monkeypatch.setenv("EVERFLOW_API_KEY", "made-up")
    planned = CliRunner().invoke(signalroom, ["ingest", "everflow", "--dry-run"])
    assert planned.exit_code == 0, planned.output
    assert "36 days" in planned.output
    assert "Everflow disabled for cti: set EVERFLOW_API_KEY__CTI" in planned.output
    assert (home / "warehouse.duckdb").exists()


def test_the_first_real_load_is_refused_after_the_demo(tmp_path: Path) -> None:
    hold_demo(tmp_path / "home")
    with Agency() as agency:
        env = agency.environment() | {"SIGNALROOM_HOME": str(tmp_path / "home")}
        arguments = ("ingest", "everflow", "--client", "713", "--resource", "affiliates")
        said = signalroom_cli(*arguments, env=env)
        again = signalroom_cli(*arguments, env=env)
    assert said.returncode == 0, said.stdout + said.stderr
    shown = said.stdout + said.stderr
    [moved] = tmp_path.glob("home-demo-*")
    assert shown.count("The demo's data is now in") == 1
    assert moved.name in shown
    with duckdb.connect(str(tmp_path / "home" / "warehouse.duckdb")) as connection:
        assert connection.execute("select origin from ops.origin").fetchall() == [("real",)]
    assert "demo" not in again.stdout + again.stderr


def test_a_demo_removes_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    kept = tmp_path / "home-demo" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("years of work")
    env = {"SIGNALROOM_HOME": str(tmp_path / "home")}
    said = signalroom_cli("demo", "--no-open", env=env)
    assert said.returncode == 1
    assert "is not a demo's folder" in said.stderr
    assert kept.read_text() == "years of work"


# the clock


def test_a_demo_at_real_time_stops_the_clock() -> None:
    with Agency(now=datetime.now(UTC), speed=1.0) as agency:
        assert not any(
            "CLOCK" in name or name == "SIGNALROOM_NOW" for name in environment_of(agency)
        )
    with Agency(speed=1.0) as other:
        assert environment_of(other)["SIGNALROOM_CLOCK_FACTOR"] == "1"


def test_processes_of_one_rehearsal_have_clocks_of_their_own() -> None:
    """Processes started one after the other agree with each other and with the agency."""
    code = "from signalroom import clock; print(clock.now().isoformat())"
    with Agency(speed=3600.0) as agency:
        env = own_environment(environment_of(agency))
        for _ in range(2):
            earliest = agency.now()
            said = subprocess.run(
                [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True
            )
            told = datetime.fromisoformat(said.stdout.strip())
            assert earliest - timedelta(minutes=2) <= told <= agency.now() + timedelta(minutes=2)


def test_a_shell_stumbles_over_the_variables(tmp_path: Path) -> None:
    """`signalroom sandbox > file` and `. file`: blanks and brackets are quoted."""
    file = tmp_path / "variables"
    command = [str(BIN / "signalroom"), "sandbox", "--speed", "60"]
    with (
        file.open("wb") as out,
        subprocess.Popen(command, cwd=ROOT, env=own_environment(), stdout=out) as process,
    ):
        try:
            wait_for(lambda: "SIGNALROOM_SANDBOX" in file.read_text(encoding="utf-8"))
        finally:
            process.send_signal(signal.SIGINT)
    script = f'set -eu; . {file}; echo "$RESEND_FROM_EMAIL|$SIGNALROOM_CLOCK_FACTOR"'
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert said.stdout == "SignalRoom <reports-713@mail.example.org>|60\n", said.stderr


def wait_for(holds: Callable[[], object], seconds: float = 60.0) -> None:
    give_up_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.2)


# the whole demo


@contextmanager
def running_demo(tmp_path: Path) -> Iterator[Path]:
    """Run `signalroom demo` at high speed; its output is in the file."""
    said = tmp_path / "said"
    command = [str(BIN / "signalroom"), "demo", "--speed", "300", "--port", "0", "--no-open"]
    env = own_environment({"SIGNALROOM_HOME": str(tmp_path / "home")})
    with (
        said.open("wb") as out,
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out) as process,
    ):
        try:
            yield said
            assert process.poll() is None, said.read_text(encoding="utf-8")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


@pytest.mark.deep
@pytest.mark.slow
def test_a_demo_shows_no_daily_report(tmp_path: Path) -> None:
    with running_demo(tmp_path) as said:
        wait_for(lambda: "Inbox:" in said.read_text(encoding="utf-8"), 600)
        text = said.read_text(encoding="utf-8")
        [inbox] = re.findall(r"Inbox: +(\S+)", text)
        [(page, token)] = re.findall(r"Page: +(\S+)#token=(\S+)", text)
        wait_for(lambda: "Next: " in said.read_text(encoding="utf-8"))

        def daily() -> bool:
            rows = httpx.get(inbox.replace("inbox", "messages")).json()
            return any(row["channel"] == "slack" and "CPA" in row["text"] for row in rows)

        wait_for(daily, 600)
        with httpx.Client(base_url=page, follow_redirects=True) as person:
            assert "SIMULATED" not in person.get("/").text, "who has no token sees nothing"
            shown = person.post("/login", data={"token": token, "next": "/"}).text
            assert "SIMULATED" in shown
            assert "Run or pause" in shown
            assert "Queued." in person.post("/act", data={"action": "run", "name": "hourly"}).text
        assert "SIMULATED" in httpx.get(inbox).text
        # another terminal uses the same clock
        home = tmp_path / "home-demo"
        shown = subprocess.run(
            ["bash", "-c", f". {home / 'env.sh'}; {BIN / 'signalroom'} status --json"],
            cwd=ROOT, env=own_environment(), capture_output=True, text=True,
        )  # fmt: skip
        assert json.loads(shown.stdout)
    text = said.read_text(encoding="utf-8")
    assert "The demo is over" in text
    assert re.search(r"^ ?[1-9]\d?:\d\d [AP]M  ", text, re.M), "times as the page writes them"
    assert not os.path.lexists(tmp_path / "home" / "warehouse.duckdb")
