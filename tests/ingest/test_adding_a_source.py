"""What goes wrong when a source is added: the documented steps are not enough, or not true."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import BIN, ROOT, own_environment
from tests.support.vendor import Answer, in_turn, scripted_vendor
from tests.support.warehouse import POSTGRES_FIRST, Warehouse

NOT_COPIED = shutil.ignore_patterns(
    ".venv", ".git", ".tools", ".signalroom", "target", "logs", "tests", "__pycache__", ".*_cache"
)
GUIDE = (ROOT / "docs" / "adding-a-source.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```\w+ title=(\S+)\n(.*?)```", GUIDE, re.DOTALL))


def add_weather(copy: Path) -> None:
    """The steps of docs/adding-a-source.md, with the code that stands there."""
    assert len(FILES) == 5
    for name, text in FILES.items():
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text(text)
    registry = copy / "ingest" / "registry.py"
    before = registry.read_text()
    registry.write_text(before.replace("NAMES = (", 'NAMES = ("weather", ', 1))
    assert registry.read_text() != before


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_the_documented_steps_make_a_source_that_works(
    warehouse: Warehouse, tmp_path: Path
) -> None:
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
