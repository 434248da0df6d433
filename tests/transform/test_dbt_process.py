"""What dbt's process does while it waits: names, which change with dbt itself."""

from __future__ import annotations

import pytest
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumaro_encoder
from dbt_common.dataclass_schema import dbtClassMixin

from signalroom import paths
from transform import dbt_process


def test_dbt_generates_its_readers_and_validators_while_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The names are dbt's own: after an upgrade some may have moved."""
    parsed = paths.home() / "dbt" / "target" / "partial_parse.msgpack"
    parsed.parent.mkdir(parents=True)
    parsed.write_bytes(Manifest().to_msgpack(encoder=extended_mashumaro_encoder))
    dbt_process.generate_code.__wrapped__()
    known = dbtClassMixin.json_schema.__func__.cache_info().currsize  # type: ignore[attr-defined]
    assert known >= sum(map(len, dbt_process.CHECKED.values()))
