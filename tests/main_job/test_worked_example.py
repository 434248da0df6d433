"""One day by hand: what the numbers mean, from the vendors' answers to the text of the reports."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox import Agency
from tests.support.processes import signalroom_cli
from tests.support.warehouse import DUCKDB_FIRST, Warehouse
from tests.transform.worked_example import PERFORMANCE_SQL, expected_performance

DAY = date(2026, 11, 18)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_the_day_by_hand_is_what_marts_and_reports_say(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    with Agency(scenario="worked_example") as agency:
        env = {**agency.environment(), **warehouse.environment, "SIGNALROOM_SANDBOX": "1"}
        only = ("--source", "everflow", "--source", "redtrack")  # all sources of the day
        said = signalroom_cli("run", "--client", "713", *only, env=env)
    assert said.returncode == 0, said.stdout + said.stderr

    found = warehouse.rows(PERFORMANCE_SQL)
    assert len(found) == len(set(found))
    assert set(found) == expected_performance()

    [(conversions, unmapped, blended, mapped)] = warehouse.rows(
        "select conversions, unmapped_cost, round(blended_cpa, 2), round(mapped_cpa, 2)"
        f" from marts.daily_summary where date = '{DAY}'"
    )
    assert (conversions, unmapped) == (47, Decimal("342.25"))
    assert (blended, mapped) == (Decimal("35.69"), Decimal("28.40"))

    outbox = warehouse.home / "outbox"
    ccw = (outbox / f"daily_ccw-713-{DAY}.email.txt").read_text()
    for figure in ("47", "$1,260.00", "$26.81", "$900.00", "$28.13", "$360.00", "$24.00"):
        assert figure in ccw
    assert "$342.25" in ccw
    assert "G2 - Google" in ccw
    exp = (outbox / f"daily_exp-713-{DAY}.email.txt").read_text()
    assert "$75.00" in exp
    assert "$330.25" in exp
    assert "12.00" not in exp
    assert "26.81" in (outbox / f"daily_ccw-713-{DAY}.sms.txt").read_text()
