"""What goes wrong when a source is added: the README's steps are not enough, or not true."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.processes import BIN, ROOT, own_environment
from tests.support.vendor import Answer, in_turn, scripted_vendor
from tests.support.warehouse import Warehouse

NOT_COPIED = shutil.ignore_patterns(
    ".venv", ".git", ".tools", ".signalroom", "target", "logs", "tests", "__pycache__", ".*_cache"
)
SETTINGS = '''"""Weather: constants."""

from ingest.numbers import DATE_TYPE, MONEY_TYPE, TEXT_TYPE

REQUIRED = ("WEATHER_API_KEY",)
COLUMNS = {"_client_id": TEXT_TYPE, "date": DATE_TYPE, "rain": MONEY_TYPE}
'''
SOURCE = '''"""Weather: how it was.

Data flow: GET /days -> weather.days
"""

from collections.abc import Iterator
from datetime import date

from ingest.http import VendorClient
from ingest.landing import Landing, Plan, Pull, Source
from ingest.numbers import money
from ingest.replacement import landing_by_day
from ingest.sources.weather.settings import COLUMNS, REQUIRED
from ingest.windows import days
from signalroom.settings import require


def extract(pull: Pull) -> Iterator[Landing]:
    """Every day of the window."""
    key = require("WEATHER_API_KEY", pull.client_id)
    base = require("WEATHER_BASE_URL", pull.client_id)
    with VendorClient("weather", pull.client_id, base, headers={"X-Key": key}) as http:
        answer = http.get("/days")
    rows = [
        {
            "_client_id": pull.client_id,
            "date": date.fromisoformat(entry["date"]),
            "rain": money(entry["rain"]),
        }
        for entry in answer
    ]
    yield landing_by_day("days", pull, rows, COLUMNS, ("rain",))


def plan(pull: Pull) -> Plan:
    """One request."""
    return Plan(("days",), len(list(days(pull.window))), 1, 0)


SOURCE = Source(
    name="weather",
    title="Weather",
    resources=("days",),
    required=REQUIRED,
    account=lambda client_id: require("WEATHER_API_KEY", client_id),
    extract=extract,
    plan=plan,
    daily=("days",),
)
'''
MAIN = """from ingest.pipeline import smoke
from ingest.sources.weather import SOURCE

smoke(SOURCE)
"""
DECLARED = {
    "sources": [
        {
            "name": "weather",
            "schema": "weather",
            "tables": [
                {
                    "name": "days",
                    "columns": [
                        {"name": "_client_id", "data_type": "text"},
                        {"name": "date", "data_type": "date"},
                        {"name": "rain", "data_type": "decimal(38, 18)"},
                    ],
                }
            ],
        }
    ]
}
STAGED = "select * from ({{ source_or_empty('weather', 'days') }}) as days\n"


def add_weather(copy: Path) -> None:
    """The steps of README.md, 'Add a source'."""
    folder = copy / "ingest" / "sources" / "weather"
    folder.mkdir()
    (folder / "settings.py").write_text(SETTINGS)
    (folder / "__init__.py").write_text(SOURCE)
    (folder / "__main__.py").write_text(MAIN)
    registry = copy / "ingest" / "registry.py"
    before = registry.read_text()
    registry.write_text(before.replace("NAMES = (", 'NAMES = ("weather", ', 1))
    assert registry.read_text() != before
    staging = copy / "transform" / "models" / "staging" / "weather"
    staging.mkdir()
    (staging / "_weather__sources.yml").write_text(yaml.safe_dump(DECLARED))
    (staging / "stg_weather__days.sql").write_text(STAGED)


@pytest.mark.timeout(600)
def test_the_readmes_steps_make_a_source_that_works(warehouse: Warehouse, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED, symlinks=True)
    add_weather(copy)

    def run(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        environment = own_environment({**warehouse.environment, **env})
        environment["PYTHONPATH"] += f":{copy}"
        return subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=200
        )

    days = [{"date": "2026-11-17", "rain": 1.25}, {"date": "2026-11-18", "rain": 0}]
    with scripted_vendor(in_turn(Answer(days))) as vendor:
        env = {
            "SIGNALROOM_NOW": "2026-11-19T09:30:00-05:00",
            "WEATHER_API_KEY": "k",
            "WEATHER_BASE_URL": vendor.url,
        }
        for _ in range(2):
            smoke = run(sys.executable, "-m", "ingest.sources.weather", env=env)
            assert smoke.returncode == 0, smoke.stderr
            assert "weather 713" in smoke.stdout
            assert "weather cti: off" in smoke.stdout  # never with another client's key
    built = run(str(BIN / "dbt"), "build", "--select", "stg_weather__days", env={})
    assert built.returncode == 0, built.stdout
    found = warehouse.rows("select _client_id, date, rain from staging.stg_weather__days")
    assert sorted(str(day) for _, day, _ in found) == ["2026-11-17", "2026-11-18"]
    assert {client for client, _, _ in found} == {"713"}
