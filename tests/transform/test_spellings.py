"""Spellings of a label that Everflow has not shown yet are one affiliate."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.house.test_adding import Copy
from tests.support.warehouse import POSTGRES_FIRST, Warehouse
from tests.transform import raw
from tests.transform.raw import Spend, Stat
from tests.transform.worked_example import DAY
from transform.client_files.files import COLUMNS

SPELLINGS = (
    "New Media",
    "NEW MEDIA",
    " new\u00a0media ",
    "'New Me\u200bdia",
    "Ne\u0301w",
    "N\u00c9W",
)
ROWS = """
select affiliate_label, is_internal, is_unmapped, redtrack_cost, cost, conversions
from marts.daily_performance where _client_id = '713' order by redtrack_cost
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_spellings_of_a_label_that_everflow_has_not_shown_are_one_affiliate(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    now = {"SIGNALROOM_NOW": f"{DAY}T15:00:00-05:00"}
    copy = Copy(tmp_path / "signalroom", {**warehouse.environment, **now})
    lines = [f"Source {n},,s{n},,{label},1,CCW" for n, label in enumerate(SPELLINGS)]
    mapping = copy.folder / "data" / "clients" / "713" / "mappings" / "internal-affiliates.csv"
    mapping.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n", encoding="utf-8")
    raw.create_tables(warehouse)
    raw.insert_stats(warehouse, [Stat(DAY, 21, "Blue Bench", 1, 400, 12, "1140.00", "360.00")])
    raw.insert_spend(
        warehouse, [Spend(DAY, f"s{n}", f"Source {n}", 5, f"{10 + n}.01") for n in range(6)]
    )
    assert "the clients' files are in order" in copy.signalroom("doctor", "--reference-only")
    copy.signalroom("build")
    external, two, four = warehouse.rows(ROWS)
    assert (external[0], external[3]) == ("Blue Bench", 0)
    assert two[1:] == (True, False, Decimal("29.02"), Decimal("29.02"), 0)
    assert four[1:] == (True, False, Decimal("46.04"), Decimal("46.04"), 0)
    assert {two[0].casefold(), four[0].casefold()} == {"n\u00e9w", "new media"}
