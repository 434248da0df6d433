"""One day by hand: client 713, 2026-11-18, and the figures expected from it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.support.warehouse import Warehouse
from tests.transform import raw
from tests.transform.raw import Spend, Stat

DAY = date(2026, 11, 18)
SOURCE = "64f1a20b9c3d5e0001a4c00"

STATS = (
    Stat(DAY, 11, "G2 - Meta ", 1, 900, 20, "1900.00", "0"),
    Stat(DAY, 12, "SB - Meta", 1, 300, 10, "950.00", "0"),
    Stat(DAY, 13, "G2 - Google", 1, 50, 2, "190.00", "0"),
    Stat(DAY, 21, "Blue Bench", 1, 400, 12, "1140.00", "360.00"),
    Stat(DAY, 22, "Venture Beyond", 1, 80, 0, "0", "0"),
    Stat(DAY, 23, "AC Email", 1, 40, 3, "285.00", "0"),
    Stat(DAY, 11, "G2 - Meta", 2, 5, 0, "0", "0"),
)
SPENDS = (
    Spend(DAY, SOURCE + "1", "Facebook CCW", 700, "600.00"),
    Spend(DAY, SOURCE + "2", "Meta CCW AWF2 ", 200, "250.50"),
    Spend(DAY, SOURCE + "3", "Meta CCW Political", 60, "49.50"),
    Spend(DAY, SOURCE + "4", "Facebook EXP", 30, "75.00"),
    Spend(DAY, SOURCE + "5", "Facebook CTI", 90, "310.25"),
    Spend(DAY, SOURCE + "7", "Google Accounts", 4, "12.00"),
    Spend(DAY, "64f1a20b9c3d5e0001a4c0ff", "New Source", 3, "20.00"),
)

# advertiser, label, internal, unmapped, conversions, payout, revenue, RedTrack cost, cost, CPA,
# state, profit
PERFORMANCE = """
1    | G2 - Meta                 | yes | no  | 20 | 0   | 1900 | 600    | 600    | 30   | ok             | 1300
1    | SB - Meta                 | yes | no  | 10 | 0   | 950  | 300    | 300    | 30   | ok             | 650
1    | G2 - Google               | yes | no  | 2  | 0   | 190  | 0      | 0      | null | missing_spend  | 190
1    | Blue Bench                | no  | no  | 12 | 360 | 1140 | 0      | 360    | 30   | ok             | 780
1    | Venture Beyond            | no  | no  | 0  | 0   | 0    | 0      | 0      | null | no_conversions | 0
1    | AC Email                  | no  | no  | 3  | 0   | 285  | 0      | 0      | 0    | zero_cost      | 285
2    | G2 - Meta                 | yes | no  | 0  | 0   | 0    | 75     | 75     | null | no_conversions | -75
null | Unmapped: Facebook CTI    | no  | yes | 0  | 0   | 0    | 310.25 | 310.25 | null | unmapped_spend | -310.25
1    | Unmapped: Google Accounts | no  | yes | 0  | 0   | 0    | 12     | 12     | null | unmapped_spend | -12
null | Unmapped: New Source      | no  | yes | 0  | 0   | 0    | 20     | 20     | null | unmapped_spend | -20
"""  # noqa: E501

PERFORMANCE_SQL = """
select advertiser_id, affiliate_label, is_internal, is_unmapped, conversions, everflow_payout,
    everflow_revenue, redtrack_cost, cost, cpa, cpa_state, profit
from marts.daily_performance
where _client_id = '713' and date = '2026-11-18'
"""


def load(warehouse: Warehouse) -> None:
    """Load the day into raw, preceded by a day without rows."""
    raw.create_tables(warehouse)
    raw.insert_stats(warehouse, STATS)
    raw.insert_spend(warehouse, SPENDS)
    raw.note_totals(warehouse, "713", (date(2026, 11, 17), DAY), STATS, SPENDS)


def expected_performance() -> set[tuple[object, ...]]:
    """The expected rows of PERFORMANCE_SQL."""
    words: dict[str, object] = {"yes": True, "no": False, "null": None}
    rows = set()
    for line in PERFORMANCE.strip().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        values = [
            words[cell] if cell in words else cell if index in {1, 10} else Decimal(cell)
            for index, cell in enumerate(cells)
        ]
        rows.add(tuple(values))
    return rows
