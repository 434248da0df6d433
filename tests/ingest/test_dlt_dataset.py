"""Users of dlt can read the loaded data with dlt itself, whichever library versions are locked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dlt
import pytest


def test_a_dataset_can_be_read_with_dlt_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sqlglot 30.22 broke `pipeline.dataset()` of dlt 1.31; uv.lock must keep one that works."""
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    pipeline = dlt.pipeline(
        "dataset_test",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
        dataset_name="raw",
    )
    pipeline.run([{"id": 1, "cost": "1.20"}, {"id": 2, "cost": None}], table_name="spend")
    dataset = pipeline.dataset()
    assert dataset["spend"].select("id", "cost").fetchall() == [(1, "1.20"), (2, None)]
    assert dataset.row_counts().fetchall() == [("spend", 2)]
    assert dataset("select count(*) from spend").fetchone() == (2,)
    command = [str(Path(sys.executable).parent / "dlt"), "pipeline", "dataset_test", "info"]
    shown = subprocess.run(
        [*command[:2], "--pipelines-dir", str(tmp_path / "pipelines"), *command[2:]],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert shown.returncode == 0, shown.stderr
    assert "Has 1 completed load packages" in shown.stdout
