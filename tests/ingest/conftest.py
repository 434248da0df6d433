"""Fixtures of the tests of pulls: a warehouse held open, another data/privacy.yml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.privacy import policy as privacy
from signalroom.paths import root
from tests.support.held import held
from tests.support.warehouse import Warehouse


@pytest.fixture
def warehouse(warehouse: Warehouse) -> Iterator[Warehouse]:
    """The same, held by the test's process until another one starts, as during a pull."""
    if warehouse.target == "postgres":
        yield warehouse
    else:
        with held(warehouse.home):
            yield warehouse


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Write another privacy file that starts with the content of the repository's."""
    shipped = yaml.safe_load((root() / privacy.FILE).read_text())

    def write(**changes: Any) -> None:
        folder = tmp_path / "rules" / "data"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "privacy.yml").write_text(yaml.safe_dump({**shipped, **changes}))
        monkeypatch.setattr(privacy, "root", lambda: folder.parent)
        privacy.rules_file.cache_clear()

    yield write
    monkeypatch.undo()
    privacy.rules_file.cache_clear()
