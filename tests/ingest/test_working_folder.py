"""Killed loads: the clients' rows must not stay in the temporary folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from ingest.dlt_pipeline import DLT, FILES, LOCK, NEW, working_folder

HOLD = """
import sys
from ingest.dlt_pipeline import working_folder
with working_folder(sys.argv[1]) as folder:
    open(folder + "/rows.jsonl", "w").write("Jane Doe")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def aged(folder: Path) -> None:
    hour_ago = time.time() - 3600
    os.utime(folder, (hour_ago, hour_ago))


@pytest.mark.fault(9, 17)
@pytest.mark.parametrize("prefix", [DLT, FILES])
def test_the_rows_of_a_killed_load_are_removed_by_the_very_next_one(
    tmp_path: Path, prefix: str
) -> None:
    command = [sys.executable, "-c", HOLD, prefix]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as load:
        assert load.stdout is not None
        folder = Path(load.stdout.readline().decode().strip())
        with working_folder():
            assert (folder / "rows.jsonl").exists(), "that load is alive"
        load.send_signal(signal.SIGKILL)
    assert folder.exists()
    with working_folder():
        assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_living_load_stays_however_old_it_is() -> None:
    with working_folder() as living:
        aged(Path(living))
        with working_folder(FILES):
            assert (Path(living) / LOCK).exists()


@pytest.mark.parametrize("prefix", [DLT, FILES, NEW])
def test_a_folder_that_is_being_made_is_left_alone_until_it_is_old(
    tmp_path: Path, prefix: str
) -> None:
    young = tmp_path / f"{prefix}young"
    young.mkdir()
    with working_folder():
        assert young.exists()
    aged(young)
    with working_folder():
        assert not young.exists()


def test_files_of_a_pipeline_lie_in_its_own_folder(tmp_path: Path) -> None:
    own = tmp_path / "pipeline"
    own.mkdir()
    with working_folder(FILES, str(own)) as folder:
        assert Path(folder).parent == own
