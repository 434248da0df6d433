"""One day by hand: what the numbers mean, from the vendors' answers to the words of the reports."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox import Agency
from tests.support.processes import signalroom_cli
from tests.support.warehouse import Warehouse

DAY = date(2026, 11, 18)

# advertiser, label, internal, unmapped, conversions, payout, revenue, spend, cost, cpa, cpa_state,
# profit
BY_HAND = """
1    | G2 - Meta                 | yes | no  | 20 | 0      | 1900.00 | 600.00 | 600.00 | 30.00 | ok             | 1300.00
1    | SB - Meta                 | yes | no  | 10 | 0      | 950.00  | 300.00 | 300.00 | 30.00 | ok             | 650.00
1    | G2 - Google               | yes | no  | 2  | 0      | 190.00  | 0      | 0      | null  | missing_spend  | 190.00
1    | Blue Bench                | no  | no  | 12 | 360.00 | 1140.00 | 0      | 360.00 | 30.00 | ok             | 780.00
1    | Venture Beyond            | no  | no  | 0  | 0      | 0       | 0      | 0      | null  | no_conversions | 0
1    | AC Email                  | no  | no  | 3  | 0      | 285.00  | 0      | 0      | 0     | zero_cost      | 285.00
2    | G2 - Meta                 | yes | no  | 0  | 0      | 0       | 75.00  | 75.00  | null  | no_conversions | -75.00
null | Unmapped: Facebook CTI    | no  | yes | 0  | 0      | 0       | 310.25 | 310.25 | null  | unmapped_spend | -310.25
1    | Unmapped: Google Accounts | no  | yes | 0  | 0      | 0       | 12.00  | 12.00  | null  | unmapped_spend | -12.00
null | Unmapped: New Source      | no  | yes | 0  | 0      | 0       | 20.00  | 20.00  | null  | unmapped_spend | -20.00
"""  # noqa: E501


def by_hand() -> set[tuple[object, ...]]:
    rows = []
    for line in BY_HAND.strip().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        numbers = [None if cell == "null" else Decimal(cell) for cell in (cells[0], *cells[4:10])]
        rows.append(
            (
                numbers[0],
                cells[1],
                cells[2] == "yes",
                cells[3] == "yes",
                *numbers[1:],
                cells[10],
                Decimal(cells[11]),
            )
        )
    return set(rows)


@pytest.mark.timeout(600)
def test_the_day_by_hand_is_what_marts_and_reports_say(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    with Agency(scenario="worked_example") as agency:
        env = {**agency.environment(), **warehouse.environment, "SIGNALROOM_SANDBOX": "1"}
        said = signalroom_cli("run", "--client", "713", env=env)
    assert said.returncode == 0, said.stdout + said.stderr

    found = warehouse.rows(
        "select advertiser_id, affiliate_label, is_internal, is_unmapped, conversions,"
        " everflow_payout, everflow_revenue, redtrack_cost, cost, cpa, cpa_state, profit"
        f" from marts.daily_performance where date = '{DAY}'"
    )
    assert len(found) == len(set(found))
    assert set(found) == by_hand()

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
