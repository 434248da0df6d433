"""A dbt process on standby: it must end, get no secret too early, and be replaced if it dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from signalroom.paths import root
from transform import dbt_process


def test_without_a_build_it_ends_with_the_work_during_which_it_stood_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUPABASE_DB_PASSWORD", "words-of-the-database")
    monkeypatch.setenv("DBT_TARGET", "a-person-s-own")
    with dbt_process.standby(), dbt_process.standby():
        (process,) = dbt_process._standing_by  # the main job and its build share one process
        given = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"words-of-the-database" not in given
        assert b"a-person-s-own" not in given
    assert process.returncode is not None
    assert dbt_process._standing_by == []


def test_one_that_died_while_it_stood_by_is_replaced() -> None:
    with dbt_process.standby():
        (process,) = dbt_process._standing_by
        process.kill()
        process.wait()
        with dbt_process.run(["build", "--help"], dict(os.environ)) as another:
            assert another.stdout is not None
            said = another.stdout.read()
    assert (another.returncode, "--select" in said) == (0, True)


def test_garbage_is_looked_for_in_what_it_makes_and_not_in_what_dbt_imported() -> None:
    code = (
        "import gc; from transform import dbt_process; dbt_process.main();"
        " print(gc.isenabled(), gc.get_freeze_count() > 100_000)"
    )
    command = [sys.executable, "-c", code, "duckdb"]
    done = subprocess.run(command, cwd=root(), input="", capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
