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
NEW = ("new", "source", "weather")
FILES = dict(re.findall(r"```\w+ title=(\S+)\n(.*?)```", GUIDE, re.DOTALL))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_the_documented_steps_make_a_source_that_works(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED, symlinks=True)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}

    def run(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        environment = own_environment({**warehouse.environment, **env})
        environment["PYTHONPATH"] += f":{copy}"
        return subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=200
        )

    written = run(sys.executable, "-c", "from cli.main import main; main()", *NEW, env={})
    assert written.returncode == 0, written.stderr
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before  # no file that was there is edited
    new = {
        str(path.relative_to(copy)): text.decode() for path, text in after.items() - before.items()
    }
    new = {path: text for path, text in new.items() if "__pycache__" not in path}
    assert new == FILES  # and the guide shows what is written
    assert len(new) == 4

    days = [{"date": "2026-11-17", "amount": 1.25}, {"date": "2026-11-18", "amount": 0}]
    with scripted_vendor(in_turn(Answer(days))) as vendor:
        env = {
            "SIGNALROOM_NOW": "2026-11-19T09:30:00-05:00",
            "WEATHER_API_KEY": "k",
            "WEATHER_BASE_URL": vendor.url,
        }
        for _ in range(2):
            smoke = run(sys.executable, "-m", "ingest", "weather", env=env)
            assert smoke.returncode == 0, smoke.stderr
            assert "weather 713" in smoke.stdout
            assert "weather cti: off" in smoke.stdout  # never with another client's key
    built = run(str(BIN / "dbt"), "build", "--select", "stg_weather__days", env={})
    assert built.returncode == 0, built.stdout
    found = warehouse.rows("select _client_id, date, amount from staging.stg_weather__days")
    assert sorted(str(day) for _, day, _ in found) == ["2026-11-17", "2026-11-18"]
    assert {client for client, _, _ in found} == {"713"}
