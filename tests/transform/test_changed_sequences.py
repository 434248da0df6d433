"""Random sequences of changes: a build of what changed equals one of everything from scratch."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer
from tests.support.warehouse import HISTORY_MARTS, Warehouse, copied
from tests.support.warm import warm_builds
from tests.transform import further_days, raw, worked_example
from tests.transform.changes import FIRST_DAY, KINDS, NOW, World
from tests.transform.conftest import copy_of_project
from transform.build import BuildResult, build

pytestmark = [pytest.mark.slow, pytest.mark.deep, pytest.mark.timeout(7200)]

WITHOUT_TESTS = (
    *("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"),
    "--full-refresh",
)
STEPWISE = ("int_orders__by_file", "int_visits__counted")
CLICK = {"_client_id": "713", "date": worked_example.DAY, "transaction_id": "first"}
REFUND = {
    "_client_id": "713",
    "_file_name": "orders-update/report_2026-11-19T0531_c.csv",
    "_row_id": 0,
    "orders_id": "101",
    "total_amount": "10.00",
    "refund_amount": "4.00",
}


@contextmanager
def begun(
    warehouse: Warehouse, root: Path, patch: pytest.MonkeyPatch, seed: int
) -> Iterator[World]:
    """Every source loaded, and one whole build, in a copy of the project."""
    copy_of_project(root)
    patch.setattr("signalroom.paths.root", lambda: root)
    warehouse.activate(patch)
    warm_builds(patch)
    patch.setenv("SIGNALROOM_NOW", NOW.format(day=FIRST_DAY))
    worked_example.load(warehouse)
    raw.insert_stats(warehouse, further_days.STATS)
    raw.insert_spend(warehouse, further_days.SPENDS)
    days = [further_days.DAY, further_days.NEXT_DAY]
    raw.note_totals(warehouse, "cti", days, further_days.STATS, further_days.SPENDS)
    further_days.load_further(warehouse)
    lines = [
        line
        for name, ids in further_days.FILES.items()
        for line in further_days.order_lines(name, ids)
    ]
    raw.create_orders(warehouse, "orders_create", lines)
    files = {name: len(ids) for name, ids in further_days.FILES.items()}
    raw.note_files(warehouse, "orders_create", files)
    raw.create_orders(warehouse, "orders_update", [{**lines[0], **REFUND}])
    raw.note_files(warehouse, "orders_update", {str(REFUND["_file_name"]): 1})
    raw.create(
        warehouse,
        "everflow.clicks",
        [{**CLICK, "offer_id": 1}],
        {"date": "date", "offer_id": "bigint"},
    )
    raw.note_rows(warehouse, "everflow", "clicks", {worked_example.DAY: 1}, "713")
    goal = {"_client_id": "cti", "_row_id": 0, "brand": "CTI", "month": "2026-11"}
    goal |= {"spend": "900", "cpa": "30", "conversions": "40"}
    raw.create(warehouse, "google_sheets.goals", [goal], {"_row_id": "bigint"})
    at = datetime.fromisoformat(raw.LOADED_AT)
    total = ("cti", "google_sheets", "goals", "all", None, "rows", 1, at, True, at, None)
    raw.insert(warehouse, "ops.control_totals", [total])
    made = World(warehouse, root, patch, random.Random(seed))
    assert build().failures == []
    yield made


def contents(warehouse: Warehouse) -> dict[str, list[str]]:
    """Every cell of every mart but the history of runs, and the incremental models."""
    names = [
        f"marts.{name}"
        for (name,) in warehouse.rows(
            "select table_name from information_schema.tables where table_schema = 'marts'"
        )
        if name not in HISTORY_MARTS
    ]
    names += [f"intermediate.{name}" for name in STEPWISE]
    return {
        name: sorted(map(repr, warehouse.rows(f"select {_columns(warehouse, name)} from {name}")))
        for name in names
    }


def _columns(warehouse: Warehouse, name: str) -> str:
    """Without the record that a row was read by: a pull that changes nothing makes a new one."""
    schema, table = name.split(".")
    found = warehouse.rows(
        "select column_name from information_schema.columns"
        f" where table_schema = '{schema}' and table_name = '{table}' order by ordinal_position"
    )
    return ", ".join(column for (column,) in found if column != "recorded_at")


def from_scratch(world: World, home: Path, server: PostgresServer | None) -> dict[str, list[str]]:
    """The contents after a build of everything, without its tests, in a copy."""
    with copied(world.warehouse, home, server) as other:
        world.turn_to(other)
        result: BuildResult = build(WITHOUT_TESTS)
        assert (result.failures, result.skipped) == ([], 0)
        found = contents(other)
    world.turn_to(world.warehouse)
    shutil.rmtree(home)
    return found


@pytest.mark.parametrize("module_warehouse", ["duckdb", "postgres"], indirect=True)
def test_a_build_of_what_changed_equals_a_whole_one(
    module_warehouse: Warehouse,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """200 random changes, one to three at once; CHANGES=20 for a shorter run, SEED for another."""
    on_server = module_warehouse.target == "postgres"
    server = request.getfixturevalue("postgres") if on_server else None
    seed = int(os.environ.get("SEED", "713"))
    with ExitStack() as stack:
        root = tmp_path / "project"
        world = stack.enter_context(begun(module_warehouse, root, monkeypatch, seed))
        for number in range(int(os.environ.get("CHANGES", "200"))):
            if world.saved is None or world.chance.random() < 0.1:
                saved = copied(world.warehouse, tmp_path / f"saved-{number}", server)
                world.saved = stack.enter_context(saved)
            elif world.chance.random() < 0.1:  # as restoring a database does: the home stays
                home = tmp_path / f"restored-{number}"
                shutil.copytree(world.warehouse.home, home)
                own = replace(world.saved, home=home) if on_server else world.saved
                world.warehouse = stack.enter_context(copied(own, home, server))
                world.turn_to(world.warehouse)
                world.done.append("restored")
            for one in world.chance.sample(KINDS, world.chance.randint(1, 3)):
                world.done.append(one(world))
                print(number, world.done[-1], flush=True)  # noqa: T201
            result = build(only_changed=True)
            assert result.failures == [], world.done
            print(number, "built", result.models, result.tests, flush=True)  # noqa: T201
            expected = from_scratch(world, tmp_path / f"whole-{number}", server)
            assert contents(world.warehouse) == expected, world.done
