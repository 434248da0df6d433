"""What goes wrong with a killed load: the clients' rows stay in the temporary folder."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from ingest.working_folder import LOCK, PREFIX, working_folder


@pytest.fixture(autouse=True)
def own_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def aged(folder: Path) -> None:
    hour_ago = time.time() - 3600
    os.utime(folder, (hour_ago, hour_ago))


def test_the_rows_of_a_killed_load_are_removed_and_those_of_a_living_one_stay(
    tmp_path: Path,
) -> None:
    killed = tmp_path / f"{PREFIX}killed"
    killed.mkdir()
    (killed / LOCK).touch()
    (killed / "rows.jsonl").write_text("Jane Doe")
    aged(killed)
    with working_folder() as living:
        assert not killed.exists()
        aged(Path(living))
        with working_folder():
            assert Path(living).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_being_made_is_left_alone(tmp_path: Path) -> None:
    young = tmp_path / f"{PREFIX}young"
    young.mkdir()
    with working_folder():
        assert young.exists()
