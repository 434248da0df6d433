"""A copy of the dbt project, so that no test touches the clone's packages or artifacts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from signalroom.paths import root
from tests.support.warehouse import Warehouse
from tests.transform.dbt import Dbt

PROJECT = (
    "dbt_project.yml",
    "profiles.yml",
    "packages.yml",
    "package-lock.yml",
    "data/clients",
    "transform",
)


def copy_of_project(folder: Path) -> Path:
    """Copy the files that dbt reads to `folder`, without installed packages."""
    for name in PROJECT:
        source = root() / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dbt project with its packages installed."""
    folder = copy_of_project(tmp_path_factory.mktemp("project") / "signalroom")
    Dbt(folder, {}).succeeds("deps")
    return folder


@pytest.fixture
def dbt(project: Path, warehouse: Warehouse) -> Dbt:
    """dbt on an empty warehouse for the test."""
    return Dbt(project, warehouse.environment)


@pytest.fixture(scope="module")
def module_dbt(project: Path, module_warehouse: Warehouse) -> Dbt:
    """dbt on the warehouse that the module's tests share."""
    return Dbt(project, module_warehouse.environment)
