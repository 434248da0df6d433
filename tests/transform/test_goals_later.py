"""Goals and validity columns that a client adds later must need no other command."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.warehouse import Warehouse
from tests.transform import raw, worked_example
from tests.transform.conftest import copy_of_project
from tests.transform.dbt import WITHOUT_UNIT_TESTS, Dbt

MAPPINGS = "data/clients/713/mappings"
CHOSEN = ("--select", "+daily_performance", "+goal_pace", "resource_type:seed")
BUILD = ("build", *WITHOUT_UNIT_TESTS, "--indirect-selection", "cautious", *CHOSEN)
WITHOUT_TESTS = ("build", *WITHOUT_UNIT_TESTS, "test", *CHOSEN)
PACE = (
    "select brand, measure, goal, actual_to_date, expected_to_date, days_elapsed, days_in_month"
    " from marts.goal_pace where month = '2026-11' order by 1, 2"
)
GOALS = 'brand,month,spend,cpa,conversions\nccw,2026-11,"10,000.00",30,\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    "warehouse", ["duckdb", pytest.param("postgres", marks=pytest.mark.deep)], indirect=True
)
def test_goals_and_validity_that_come_later_need_no_other_command(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    dbt = Dbt(copy_of_project(tmp_path / "signalroom"), warehouse.environment)
    dbt.succeeds("deps")
    worked_example.load(warehouse)
    dbt.succeeds(*WITHOUT_TESTS)
    assert warehouse.rows(PACE) == []

    file = dbt.project / MAPPINGS / "internal-affiliates.csv"
    lines = file.read_text(encoding="utf-8-sig").strip().splitlines()
    wider = [lines[0] + ",valid_from,valid_to", *(f"{line},," for line in lines[1:])]
    file.write_text("\n".join(wider) + "\n", encoding="utf-8")
    goals = dbt.project / MAPPINGS / "goals.csv"
    goals.write_text(GOALS, encoding="utf-8")
    dbt.succeeds(*BUILD)
    assert set(warehouse.rows(worked_example.PERFORMANCE_SQL)) == (
        worked_example.expected_performance()
    )
    [cpa, spend] = warehouse.rows(PACE)
    # 1,260 that is mapped to the brand and 12 of the brand that is not mapped
    assert cpa[:3] == ("CCW", "cpa", Decimal(30))
    assert spend[:4] == ("CCW", "spend", Decimal(10000), Decimal("1272.000000"))
    assert spend[5:] == (18, 30)
    assert spend[4] == Decimal(6000)

    # a range of the same name as well: it is unclear which one applies, so the last pace stays
    columns = dict.fromkeys(("brand", "month", "spend", "cpa", "conversions"), "x")
    row = {"_client_id": "713", **columns, "brand": "EXP", "month": "2026-12", "spend": "5"}
    raw.create(warehouse, "google_sheets.goals", [row | {"cpa": "", "conversions": ""}], {})
    raw.note_list(warehouse, "google_sheets", "goals", 1)
    done = dbt.run(*BUILD)
    assert done.exit_code == 1
    assert done.names("fail") == {"assert_goals_have_one_place"}
    assert warehouse.rows(PACE) == [cpa, spend]
    goals.unlink()
    dbt.succeeds(*BUILD)
    assert warehouse.rows("select brand, goal from marts.goal_pace") == [("EXP", Decimal(5))]
    assert date(2026, 11, 18) == worked_example.DAY
