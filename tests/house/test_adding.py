"""Adding a source, report or client: the skeletons work, and existing files stay unchanged."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.new import new
from sandbox import Agency
from signalroom import skeleton
from tests.support.processes import BIN, OFFLINE, ROOT, own_environment, run_warm
from tests.support.vendor import Answer, in_turn, scripted_vendor
from tests.support.warehouse import DUCKDB_FIRST, Warehouse

NOT_COPIED = shutil.ignore_patterns(
    *(".venv", ".git", ".tools", ".signalroom*", "dbt_packages", "target", "logs"),
    *("__pycache__", ".*_cache"),
)
GUIDE = (ROOT / "docs" / "adding-a-source.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```\w+ title=(\S+)\n(.*?)```", GUIDE, re.DOTALL))
MOST_LINES = 150  # of all skeletons, without blank lines
EDITED_BY_A_CLIENT = {"dbt_project.yml", "packages.yml", "package-lock.yml"}


def files(folder: Path) -> dict[str, bytes]:
    found = {path for path in folder.rglob("*") if path.is_file()}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in found
        if "__pycache__" not in path.parts
    }


class Copy:
    """A copy of the repository with a weather source, a client acme and a report daily_total."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        shutil.copytree(ROOT, folder, ignore=NOT_COPIED, symlinks=True)
        shutil.rmtree(folder / "tests")
        self.folder, self.environment = folder, environment

    def run(
        self, *command: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = own_environment(self._variables(env))
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=280
        )

    def _variables(self, env: Mapping[str, str] | None) -> dict[str, str]:
        path = f"{OFFLINE}{os.pathsep}{self.folder}"
        return {**self.environment, "PYTHONPATH": path, **(env or {})}

    def signalroom(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        done = run_warm(arguments, self._variables(env), self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def add(self) -> None:
        """Add all three; no existing file may change except those that list the clients."""
        before = files(self.folder)
        self.signalroom("new", "source", "weather")
        written = {
            path: text for path, text in files(self.folder).items() if before.get(path) != text
        }
        assert {path: text.decode() for path, text in written.items()} == FILES
        self.signalroom("new", "report", "daily_total")
        now = files(self.folder)
        assert {path: now[path] for path in before} == before
        self.signalroom("new", "client", "acme", "--advertiser", "1")
        now = files(self.folder)
        assert {path for path in before if now[path] != before[path]} == EDITED_BY_A_CLIENT


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_what_is_added_loads_builds_and_reports_as_it_is(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    copy = Copy(tmp_path / "copy", warehouse.environment)
    copy.add()
    days = [{"date": "2026-11-17", "amount": 1.25}, {"date": "2026-11-18", "amount": 0}]
    with scripted_vendor(in_turn(Answer(days))) as vendor:
        env = {
            "SIGNALROOM_SANDBOX": "1",
            "SIGNALROOM_NOW": "2026-11-19T09:30:00-05:00",
            "WEATHER_API_KEY": "k",
            "WEATHER_BASE_URL": vendor.url,
        }
        for _ in range(2):
            smoke = copy.run(sys.executable, "-m", "ingest", "weather", env=env)
            assert smoke.returncode == 0, smoke.stderr
            assert "weather 713" in smoke.stdout
            assert "weather acme: off" in smoke.stdout  # never with another client's key
        doctor = copy.run(str(BIN / "python"), "-c", DOCTOR, env=env)
        assert "weather for client 713 is connected" in doctor.stdout, doctor.stderr
    with Agency() as agency:
        day = agency.calendar.today() - timedelta(days=1)
        env = {**agency.environment(), "SIGNALROOM_SANDBOX": "1"}
        for name in [name for name in env if name.startswith(("EVERFLOW", "REDTRACK"))]:
            if name.endswith("_KEY"):  # the account of client 713 is acme's here
                env[f"{name}__ACME"] = env.pop(name)
        window = ("--start", (day - timedelta(days=2)).isoformat(), "--end", day.isoformat())
        for source, table in (("everflow", "daily_stats"), ("redtrack", "daily_spend")):
            asked = ("ingest", source, "--client", "acme", "--resource", table, *window)
            copy.signalroom(*asked, env=env)
        copy.signalroom("build", env=env)
        for report in ("daily_acme", "daily_total"):
            copy.signalroom("report", report, "--client", "acme", "--date", str(day), env=env)
    found = warehouse.rows("select _client_id, date, amount from staging.stg_weather__days")
    assert sorted(str(day) for _, day, _ in found) == ["2026-11-17", "2026-11-18"]
    assert {client for client, _, _ in found} == {"713"}
    conversions = "select sum(conversions) from everflow.daily_stats where date = '{}'".format
    for name, where in (("daily_acme", " and advertiser_id = 1"), ("daily_total", "")):
        [(sold,)] = warehouse.rows(conversions(day) + where)
        said = json.loads((warehouse.home / "outbox" / f"{name}-acme-{day}.slack.json").read_text())
        assert sold > 0
        assert f"{sold:,} conversions" in json.dumps(said, ensure_ascii=False)


DOCTOR = (
    "from ingest.probes import check_sources\n"
    "for one in check_sources({}, offline=False): print(one.message)"
)


def test_the_skeletons_stay_small() -> None:
    texts = [
        text for kind in ("source", "report") for text in skeleton.contents(kind, "x").values()
    ]
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    assert len(lines) < MOST_LINES


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("source", "Weather", "cannot name a source"),
        ("source", "everflow", "everflow exists already"),
        ("report", "daily", "daily exists already"),
        ("client", "713", "There is a client 713 already"),
        ("client", "A", "cannot be a client's id"),
    ],
)
def test_a_name_that_is_taken_or_unusable_writes_nothing(kind: str, name: str, says: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "ingest").rglob("*.py")}
    called = CliRunner().invoke(new, [kind, name])
    assert says in str(called.exception)
    assert {path: path.stat().st_mtime_ns for path in (ROOT / "ingest").rglob("*.py")} == before
