"""Plain-text emails have room for names: affiliates with the same beginning must look different."""

from __future__ import annotations

from reports.messages.table import Column, Table
from tests.reports.conftest import Compose
from tests.reports.world import Affiliate

LONG = "Blue Bench Performance Network, Retargeting"


def test_plain_text_mail_has_the_whole_name_and_slack_cuts_it(report: Compose) -> None:
    messages = report(Affiliate(f"{LONG} A", 3, "9"), Affiliate(f"{LONG} B", 2, "8")).messages
    assert f"{LONG} A" in messages["email"]["text"]
    assert f"{LONG} B" in messages["email"]["text"]
    assert LONG not in str([one for one in messages["slack"]["blocks"] if "```" in str(one)])


def test_tables_of_the_week_have_the_whole_name_too() -> None:
    columns = (Column("#", 2), Column("Affiliate", 18, is_name=True), Column("CPA", 8))
    table = Table(columns, (("1", LONG, "$1.00"), ("2", "B", "$2.00")))
    assert LONG in table.wide_lines
    assert LONG not in table.lines
    assert len({len(line) for line in table.wide_lines.splitlines()}) == 1
