"""A build of only what changed: it must not skip too much or rebuild everything without need."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from signalroom.paths import root
from tests.support import parsed
from tests.support.warehouse import POSTGRES_FIRST, Warehouse, copied
from tests.support.warm import warm_builds
from tests.transform import raw, worked_example
from transform import changed, fingerprints
from transform.build import BuildResult, build
from transform.client_files.packages import prepare

pytestmark = pytest.mark.slow

PAYOUT = (
    "update everflow.daily_stats set payout = payout + 1 where affiliate_id = 21",
    "update ops.control_totals set total = total + 1"
    " where source = 'everflow' and measure = 'payout' and total > 0",
)
SPEND = (
    "update redtrack.daily_spend set cost = cost + 2 where cost >= 600",
    "update ops.control_totals set total = total + 2"
    " where source = 'redtrack' and measure = 'cost' and total > 0",
)
PULLED_AGAIN = (
    "update everflow.daily_stats set _dlt_load_id = 'another'",
    "update ops.control_totals set loaded_at = loaded_at + interval '1 hour'",
)
LOADED = (
    "insert into ops.loads (_client_id, source, table_name, loaded_at) values"
    " ('713', 's3_exports', 'orders_create', '2026-11-19 12:00:00+00')",
)
# an ephemeral one is part of those that read it
ALL_MODELS = sum(
    "materialized='ephemeral'" not in path.read_text(encoding="utf-8")
    for path in (root() / "transform" / "models").rglob("*.sql")
)
BY_HAND = (
    "update marts.daily_performance set cost = cost + 1",
    "delete from intermediate.int_performance__costed where affiliate_label = 'Blue Bench'",
    "drop table marts.goal_pace",
    "alter table marts.unmapped_spend add column note text",
)


NOW = "2026-11-19T09:30:00-05:00"


@pytest.fixture(scope="module")
def built_once(module_warehouse: Warehouse) -> Warehouse:
    """The worked example, fully built."""
    with pytest.MonkeyPatch.context() as patch:
        module_warehouse.activate(patch)
        warm_builds(patch)
        patch.setenv("SIGNALROOM_NOW", NOW)
        worked_example.load(module_warehouse)
        parsed.before_product(module_warehouse.environment)
        assert build().failures == []
        assert selected() == []
        parsed.after_product(module_warehouse.environment)
    return module_warehouse


@pytest.fixture
def built(
    built_once: Warehouse,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Warehouse]:
    """A copy of it for one test."""
    on_server = built_once.target == "postgres"
    server = request.getfixturevalue("postgres") if on_server else None
    with copied(built_once, tmp_path / "home", server) as warehouse:
        warehouse.activate(monkeypatch)
        warm_builds(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", NOW)
        parsed.before_product(warehouse.environment)
        changed.record(changed.inputs(prepare().folder))  # the server's counters restart
        yield warehouse


def selected() -> list[str] | None:
    return changed.selection(changed.inputs(prepare().folder))


def from_scratch() -> bool:
    return changed.must_refresh(changed.inputs(prepare().folder))


def marts(warehouse: Warehouse) -> dict[str, list[str]]:
    """Every cell of every mart, except the timings of the builds themselves."""
    names = warehouse.rows(
        "select distinct table_name from information_schema.tables where table_schema = 'marts'"
        " and table_name <> 'dbt_nodes'"
    )
    return {
        name: sorted(map(repr, warehouse.rows(f"select * from marts.{name}"))) for (name,) in names
    }


def build_changed() -> BuildResult:
    result = build(only_changed=True)
    assert result.failures == []
    return result


def nodes_of_last_build(warehouse: Warehouse) -> set[str]:
    """Models and tests by name, as the last build ran them."""
    newest = "select build_id from ops.history_nodes order by ended_at desc limit 1"
    return {
        name
        for (name,) in warehouse.rows(
            f"select name from ops.history_nodes where build_id = ({newest})"
        )
    }


def change(warehouse: Warehouse, statements: tuple[str, ...]) -> None:
    for statement in statements:
        warehouse.execute(statement)


def tables_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the raw tables that are read, from now on, to find out what changed."""
    found: list[str] = []
    summed = fingerprints._summed

    def noted(columns: Mapping[str, Sequence[str]], *more: Collection[str]) -> dict[str, str]:
        found.extend(name for name in columns if not name.startswith("ops."))
        return summed(columns, *more)

    monkeypatch.setattr(fingerprints, "_summed", noted)
    return found


def only_what_was_touched_is_read(built: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise years of orders would be counted and summed up each hour."""
    found = tables_read(monkeypatch)
    assert (selected(), found) == ([], [])
    built.execute("update redtrack.daily_spend set cost = cost + 1")
    assert (selected(), found) == (["source:redtrack.daily_spend+"], ["redtrack.daily_spend"])
    built.execute("alter table everflow.daily_stats add column note text")
    assert "source:everflow.daily_stats+" in (selected() or []), "no row was touched"
    known = fingerprints.states(["redtrack.daily_spend"])
    built.execute(
        "insert into ops.loads values"
        " ('713', 'redtrack', 'daily_spend', 'another', now(), now(), null, null, 0)"
    )
    given = fingerprints.states(["redtrack.daily_spend"])
    assert given != known, "counters may come late, behind a pooler"
    known = fingerprints.states(["everflow.daily_stats"])
    built.execute("update ops.control_totals set loaded_at = loaded_at + interval '1 hour'")
    assert fingerprints.states(["everflow.daily_stats"]) != known, "a backfill records no load"


def values_that_change_places_are_a_change(built: Warehouse) -> None:
    """A sum of what was summed up for each row would be the same."""
    table = "redtrack.daily_spend"
    [(low, high)] = built.rows(f"select min(cost), max(cost) from {table}")
    before = fingerprints.of_tables([table])
    exchanged = f"case cost when {low} then {high} else {low} end"
    built.execute(f"update {table} set cost = {exchanged} where cost in ({low}, {high})")
    assert fingerprints.of_tables([table]) != before


def no_view_is_built_and_all_are_tested(built: Warehouse) -> None:
    """Changed rows do not change a view, and a quarter of what is built are views."""
    done = nodes_of_last_build(built)
    views = built.rows(
        "select table_name from information_schema.tables"
        " where table_schema = 'staging' and table_type = 'VIEW'"
    )
    assert {name for (name,) in views} & done == set()
    assert "assert_redtrack_daily_spend_holds_what_was_given" in done
    assert "order_files" in done
    assert "int_order_files__counted" not in done, "each hour would read every order"


@pytest.mark.parametrize("module_warehouse", POSTGRES_FIRST, indirect=True)
def test_what_differs_is_built_and_nothing_else_but_all_after_a_change_by_hand(
    built: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert selected() == []
    result = build_changed()
    assert (result.is_current, result.models) == (True, 0)

    change(built, PULLED_AGAIN)  # the same rows, but requested again
    assert selected() == ["int_days__requested+"]
    change(built, SPEND)
    assert selected() == ["int_days__requested+", "source:redtrack.daily_spend+"]
    change(built, LOADED)
    assert "source:ops.loads+" in (selected() or ())
    assert 10 < build_changed().models < ALL_MODELS
    no_view_is_built_and_all_are_tested(built)
    as_selected = marts(built)
    for statement in BY_HAND:
        changed.record(changed.inputs(prepare().folder))
        assert selected() == []
        built.execute(statement)
        assert selected() is None, statement
    assert build_changed().models == ALL_MODELS
    assert marts(built) == as_selected
    assert (selected(), from_scratch()) == ([], False)
    if built.target == "postgres":  # DuckDB has no counters
        only_what_was_touched_is_read(built, monkeypatch)

    values_that_change_places_are_a_change(built)
    built.execute("alter table redtrack.daily_spend add column device text")
    assert not changed.has_same_columns(changed.inputs(prepare().folder)), "its view may have it"

    with monkeypatch.context() as patch:
        patch.setenv("SIGNALROOM_NOW", "2026-11-20T09:30:00-05:00")
        assert selected() is None, "a model may name today"
        assert not from_scratch(), "each day would read all history again"
    with monkeypatch.context() as patch:
        patch.setattr(changed, "version", lambda name: "another")
        assert selected() is None, "another dbt may build otherwise"
        assert from_scratch(), "incremental models keep rows of the SQL before"
        changed.forget()
        assert from_scratch(), "also if the next build fails"


@pytest.mark.parametrize("module_warehouse", POSTGRES_FIRST, indirect=True)
def test_what_warned_or_failed_is_followed_by_a_whole_build(built: Warehouse) -> None:
    click = {"_client_id": "713", "date": worked_example.DAY, "transaction_id": "twice"}
    raw.create(built, "everflow.clicks", [click, click], {"date": "date"})
    warned = build(only_changed=True)
    assert (warned.failures, len(warned.warnings)) == ([], 1)
    assert 0 < warned.models < ALL_MODELS
    assert selected() is None, "else the warning would be gone with the next build"
    assert not from_scratch(), "each hour, for good"
    built.execute("delete from everflow.clicks")
    before = changed.inputs(prepare().folder)
    change(built, PAYOUT)
    changed.record(changed.Inputs(before.code, before.rows))
    assert selected() == ["source:everflow.daily_stats+"], "an older record builds more, not less"
    built.execute("update everflow.daily_stats set payout = payout + 1")  # raw itself is wrong
    assert any("hold_what_was_given" in one for one in build(only_changed=True).failures)
    assert selected() is None
    built.execute("delete from ops.builds")
    assert from_scratch(), "whose rows they are is unknown"
