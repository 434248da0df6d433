"""dbt that stands by: it never ends, knows a secret too early, or is waited for though it died."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalroom import paths
from signalroom.errors import TransformError
from signalroom.progress import Silent
from transform import build, dbt_process


def test_without_a_build_it_ends_with_the_work_during_which_it_stood_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUPABASE_DB_PASSWORD", "words-of-the-database")
    monkeypatch.setenv("DBT_TARGET", "a-person-s-own")
    with dbt_process.standby(), dbt_process.standby():
        (process,) = dbt_process._standing_by  # the main job and its build share one
        given = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"words-of-the-database" not in given
        assert b"a-person-s-own" not in given
    assert process.returncode is not None
    assert dbt_process._standing_by == []


def test_one_that_died_while_it_stood_by_is_a_build_that_failed() -> None:
    with dbt_process.standby():
        (process,) = dbt_process._standing_by
        process.kill()
        process.wait()
        with pytest.raises(TransformError):
            build._run(["build"], paths.home() / "packages", Silent())
