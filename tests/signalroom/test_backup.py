"""Backups: no row or cent is lost, and files that are missing do not count as read."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from signalroom import backup, run_database
from signalroom.errors import ConfigurationError
from signalroom.migrations import prepare_warehouse
from tests.signalroom.test_migrations import deployed, rows
from tests.support.warehouse import Target, empty_warehouse


def plain(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Rows in a common form: each driver has its own name for UTC."""
    utc = re.compile(r"tzinfo=(zoneinfo\.ZoneInfo\(key='UTC'\)|datetime\.timezone\.utc)")
    return {name: sorted(utc.sub("UTC", row) for row in rows) for name, rows in found.items()}


@pytest.mark.fault(10)
@pytest.mark.parametrize(("source", "to"), [("duckdb", "postgres"), ("postgres", "duckdb")])
def test_everything_comes_back_on_either_engine(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    source: Target,
    to: Target,
) -> None:
    server = request.getfixturevalue("postgres")
    file = tmp_path / "backup.zip"
    with ExitStack() as stack:
        old = stack.enter_context(deployed(source, tmp_path / "old", server))
        old.activate(monkeypatch)
        prepare_warehouse()
        run_database.prepared_engine().dispose()
        before = plain(rows(old, monkeypatch))
        made = backup.backup(file)
        assert file.stat().st_mode & 0o077 == 0
        new = stack.enter_context(empty_warehouse(to, tmp_path / "new", server))
        new.activate(monkeypatch)
        _, to_pull = backup.restore(file)
        after = plain(rows(new, monkeypatch))
        without_raw = {f"ops.{name}" for name in backup.OF_RAW}
        assert {name for name in after if after[name] != before[name]} == without_raw
        assert not any(after[name] for name in without_raw)
        assert (
            "redtrack of 713 has to be pulled again: `signalroom backfill redtrack --client 713"
            in "\n".join(to_pull)
        )
        with pytest.raises(ConfigurationError, match="holds records already"):
            backup.restore(file)

        old.activate(monkeypatch)
        old.execute(
            "insert into ops.unfinished_days select '713', 'posthog', 'events', window_end, 1,"
            " window_start, 'x', '', '[]', '', loaded_at from ops.loads limit 1"
        )
        restored, nothing = backup.restore(file, replace=True)  # onto itself: raw exists
        assert (restored, nothing) == (made, [])
        assert plain(rows(old, monkeypatch)) == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"text"])
def test_a_file_that_is_no_backup_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is not a backup of SignalRoom"):
        backup.restore(file)
