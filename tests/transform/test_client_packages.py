"""`dbt deps` and `dbt clean` create and remove links, but never the clients' files."""

from __future__ import annotations

from pathlib import Path

from tests.transform.conftest import copy_of_project
from tests.transform.dbt import Dbt


def test_deps_and_clean_leave_the_clients_files_alone(tmp_path: Path) -> None:
    project = copy_of_project(tmp_path / "signalroom")
    clients = project / "data" / "clients"
    before = {path: path.read_bytes() for path in clients.rglob("*") if path.is_file()}
    assert len(before) >= 4
    dbt = Dbt(project, {"SIGNALROOM_HOME": str(tmp_path / "home")})

    # a second deps replaces existing links
    for command in ("deps", "deps", "clean"):
        dbt.succeeds(command)
        after = {path: path.read_bytes() for path in clients.rglob("*") if path.is_file()}
        assert after == before, command
    assert not (project / "dbt_packages").exists()
