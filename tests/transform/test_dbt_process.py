"""What dbt's process does not do, or does while it waits: counts, which change with dbt itself."""

from __future__ import annotations

import pytest
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumaro_encoder
from dbt_common.dataclass_schema import dbtClassMixin
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.logger import LoggerConfig, _TextLogger
from dbt_common.events.types import Note

from signalroom import paths
from transform import dbt_process


def lines_of(level: EventLevel, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a logger of a level formats of a debug, an info and a warning event."""
    formatted: list[str] = []

    def create_line(self: _TextLogger, msg: object) -> str:
        formatted.append(msg.info.level)  # type: ignore[attr-defined]
        return ""

    monkeypatch.setattr(_TextLogger, "create_line", create_line)
    manager = EventManager()
    manager.add_logger(LoggerConfig(name="test", level=level))
    for one in (EventLevel.DEBUG, EventLevel.INFO, EventLevel.WARN):
        manager.fire_event(Note(msg="words"), level=one)
    return formatted


def test_dbt_formats_no_event_that_no_logger_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EventManager, "fire_event", EventManager.fire_event)  # restored at the end
    dbt_process._skip_unlogged_events()
    assert lines_of(EventLevel.INFO, monkeypatch) == ["info", "warn"]
    assert lines_of(EventLevel.DEBUG, monkeypatch) == ["debug", "info", "warn"]


def test_dbt_generates_its_readers_and_validators_while_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The names are dbt's own: after an upgrade some may have moved."""
    parsed = paths.home() / "dbt" / "target" / "partial_parse.msgpack"
    parsed.parent.mkdir(parents=True)
    parsed.write_bytes(Manifest().to_msgpack(encoder=extended_mashumaro_encoder))
    dbt_process._generate_code()
    known = dbtClassMixin.json_schema.__func__.cache_info().currsize  # type: ignore[attr-defined]
    assert known >= sum(map(len, dbt_process.CHECKED.values()))
