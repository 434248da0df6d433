"""Which sources are on: a laptop cannot switch a source off, and every pause can be ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from signalroom import clock, source_states
from signalroom.errors import ConfigurationError
from tests.support.warehouse import Warehouse

NOW = "2026-11-19T12:00:00+00:00"
pytestmark = pytest.mark.parametrize("warehouse", ["duckdb", "postgres"], indirect=True)


@pytest.fixture(autouse=True)
def here(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_NOW", NOW)


def states() -> dict[tuple[str, str], str]:
    return {pair: found.state for pair, found in source_states.read_states().items()}


def test_reading_creates_nothing(warehouse: Warehouse) -> None:
    assert states() == {}
    if warehouse.target == "duckdb":
        assert not (warehouse.home / "warehouse.duckdb").exists()
    else:
        assert warehouse.rows("select 1 from pg_namespace where nspname = 'ops'") == []


def test_the_first_pull_is_the_day_since_when_a_source_is_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source_states.record_on([("713", "everflow"), ("cti", "everflow")])
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-20T12:00:00+00:00")
    source_states.record_on([("713", "everflow"), ("713", "redtrack")])
    found = source_states.read_states()
    assert found["713", "everflow"].since == datetime(2026, 11, 19, 12, tzinfo=UTC)
    assert found["713", "redtrack"].since == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert set(states().values()) == {"on"}


def test_a_pull_does_not_end_a_pause_that_lasts_and_clears_one_that_is_over(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    source_states.record_on([("713", "everflow"), ("713", "redtrack")])
    end = clock.now() + timedelta(hours=2)
    source_states.pause("everflow", ["713", "cti"], until=end, reason="the key is renewed")
    source_states.record_on([("713", "everflow")])
    assert states() == {("713", "everflow"): "paused", ("713", "redtrack"): "on"}
    paused = source_states.read_states()["713", "everflow"].pause_text()
    assert (
        paused == "paused since Nov 19, 7:00 AM EST until Nov 19, 9:00 AM EST: the key is renewed"
    )

    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T15:00:00+00:00")
    assert states()["713", "everflow"] == "on"
    source_states.record_on([("713", "everflow")])
    assert warehouse.rows(
        "select state, since, until, reason from ops.sources where source = 'everflow'"
    ) == [("on", end, None, None)]


def test_what_was_never_on_cannot_be_paused_and_what_is_not_paused_not_resumed() -> None:
    source_states.record_on([("713", "everflow")])
    with pytest.raises(ConfigurationError, match="mautic was never on for 713"):
        source_states.pause("mautic", ["713"])
    assert source_states.resume("everflow", ["713"]) == []
    source_states.pause("everflow", ["713"])
    assert source_states.resume("everflow", ["713", "cti"]) == ["713"]
    assert states() == {("713", "everflow"): "on"}
