"""The comparison of a parallel run must distinguish rounding, restatements, zones and the rest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import signalroom
from reports.compare import compare
from signalroom import clients
from signalroom.errors import ConfigurationError
from tests.support.warehouse import Warehouse, empty_warehouse

DAY = date(2026, 11, 18)
HEADER = "date,brand,affiliate,conversions,cost,cpa\n"
MARTS = """
create schema marts; create schema everflow;
create table marts.daily_performance as
    select '713' as _client_id, date '2026-11-18' as date, 1::bigint as advertiser_id, label as
        affiliate_label, label = 'G2 - Meta' as is_internal, false as is_unmapped,
        conversions::bigint as conversions, cost::decimal(38, 18) as cost
    from (values ('G2 - Meta', 20, 600), ('Blue Bench', 12, 360.004))
        as t(label, conversions, cost);
create table marts.daily_performance_versions as
    select *, timestamptz '2026-11-19 12:00:00+00' as known_from, null::timestamptz as known_to
    from marts.daily_performance
    union all
    select * replace (11 as conversions, 330 as cost), timestamptz '2026-11-19 07:00:00+00',
        timestamptz '2026-11-19 12:00:00+00'
    from marts.daily_performance where affiliate_label = 'Blue Bench'
    union all
    select * replace (7 as conversions, 210 as cost), timestamptz '2026-11-18 20:00:00+00',
        timestamptz '2026-11-19 03:00:00+00'
    from marts.daily_performance where affiliate_label = 'Blue Bench';
create table marts.performance_changes (
    _client_id text, date date, advertiser_id bigint, affiliate_label text, measure text,
    cause text, amount decimal(38, 18));
create table everflow.conversions as
    select '713' as _client_id, date '2026-11-18' as date, 1::bigint as advertiser_id,
        'G2 - Meta' as affiliate_label, 'approved' as status, 0::decimal(38, 18) as payout,
        timestamptz '2026-11-18 15:00:00+00' as conversion_at
    from range(19);
"""


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with empty_warehouse("duckdb", tmp_path / "home", None) as found:
        found.activate(monkeypatch)
        found.execute(MARTS)
        yield found


def judged(
    tmp_path: Path, text: str, patterns: str = "", day: date | None = None
) -> dict[str, Any]:
    old = tmp_path / "old"
    old.mkdir(exist_ok=True)
    for file in old.iterdir():
        file.unlink()
    (old / "figures.txt").write_text(text)
    if patterns:
        (old / "patterns.txt").write_text(patterns)
    return compare(clients.client("713"), old, day, None)


def causes(answer: dict[str, Any]) -> dict[tuple[str, str], str]:
    [one] = answer["days"]
    return {(gap["affiliate"], gap["column"]): gap["cause"] for gap in one["gaps"]}


def test_equal_and_rounded_figures_are_clean(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = "2026-11-18,CCW,g2 - META,20,600.00,30.00\n2026-11-18,ccw,Blue Bench,12,360.01,30.00\n"
    rows += "2026-11-18,CCW,Pine Harbor,0,0.00,0.00\n"  # a day that exists may have lines of zeros
    answer = judged(tmp_path, HEADER + rows)
    assert answer["days"][0]["verdict"] == "clean"
    assert causes(answer) == {
        ("Blue Bench", "cost"): "rounding",
        ("Pine Harbor", "cpa"): "no conversions",
    }
    assert warehouse.rows("select verdict, gaps from ops.compared_days") == [("clean", 2)]


def test_a_value_that_was_ours_and_a_day_of_another_zone_are_named(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = "2026-11-18,CCW,Blue Bench,11,330,30\n2026-11-18,CCW,G2 - Meta,19,600,31.58\n"
    found = causes(judged(tmp_path, HEADER + rows))
    assert found["Blue Bench", "conversions"].startswith("restated since 2026-11-19T07:00")
    assert found["Blue Bench", "cost"].startswith("restated since 2026-11-19T07:00")
    assert found["G2 - Meta", "conversions"] == found["G2 - Meta", "cpa"] == "time_zone UTC"
    # a different zone explains the conversions, but not every CPA
    rows = "2026-11-18,CCW,Blue Bench,12,360,30\n2026-11-18,CCW,G2 - Meta,19,,31.60\n"
    assert causes(judged(tmp_path, HEADER + rows))["G2 - Meta", "cpa"] == "unexplained"


def test_what_was_so_while_the_day_was_running_is_no_cause(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = "2026-11-18,CCW,Blue Bench,7,210,30\n2026-11-18,CCW,G2 - Meta,20,600,30\n"
    found = causes(judged(tmp_path, HEADER + rows))
    assert found == {
        ("Blue Bench", "conversions"): "unexplained",
        ("Blue Bench", "cost"): "unexplained",
    }


def test_what_changed_since_our_own_message_is_named_by_its_causes(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.execute(
        "insert into marts.performance_changes values"
        " ('713', '2026-11-18', 1, 'Blue Bench', 'conversions', 'late_conversion', 4),"
        " ('713', '2026-11-18', 1, 'Blue Bench', 'conversions', 'reversed_conversion', -1),"
        " ('713', '2026-11-18', 1, 'Blue Bench', 'cost', 'payout_change', 90.004)"
    )
    known = "late_conversion, payout_change, reversed_conversion"
    answer = judged(tmp_path, HEADER + "2026-11-18,CCW,,29,870.00,30.00\n")
    assert causes(answer) == {("", "conversions"): known, ("", "cost"): known}
    warehouse.execute(
        "update marts.performance_changes set cause = 'unexplained' where measure = 'cost'"
    )
    answer = judged(tmp_path, HEADER + "2026-11-18,CCW,,29,870.00,30.00\n")
    assert answer["days"][0]["verdict"] == "unexplained"


def test_a_cent_too_many_a_row_too_few_and_an_unread_line_are_unexplained(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    answer = judged(tmp_path, HEADER + "2026-11-18,CCW,G2 - Meta,20,600.02,30.00\n")
    assert answer["days"][0]["verdict"] == "unexplained"
    assert causes(answer) == {
        ("G2 - Meta", "cost"): "unexplained",
        ("blue bench", "row"): "unexplained",
    }
    text = "CCW 2026-11-18\nTotal: 32 conversions, $960.00\nsomething else\n"
    patterns = (
        "# the headline, then the total\n"
        r"(?P<brand>\w+) (?P<date>\d{4}-\d\d-\d\d)" + "\n"
        r"Total: (?P<conversions>\d+) conversions, \$(?P<cost>[\d,.]+)" + "\n"
    )
    answer = judged(tmp_path, text, patterns)
    assert answer["unread"] == ["something else"]
    assert answer["days"][0]["verdict"] == "unexplained"
    answer = judged(tmp_path, text.replace("something else\n", ""), patterns)
    assert answer["days"][0]["verdict"] == "clean"


def test_seven_clean_days_in_a_row_let_the_old_system_go(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    text = HEADER + "2026-11-18,CCW,,32,960.00,30.00\n"
    assert judged(tmp_path, text)["summary"] is None
    at = datetime(2026, 11, 19, tzinfo=UTC)
    for day in range(12, 18):
        warehouse.execute(
            "insert into ops.compared_days values ('713', ?, 'clean', 0, ?)",
            date(2026, 11, day),
            at,
        )
    answer = judged(tmp_path, text)
    assert answer["clean_days"] == 7
    assert "can be switched off" in answer["summary"]
    warehouse.execute(
        "update ops.compared_days set verdict = 'unexplained' where date = '2026-11-15'"
    )
    assert judged(tmp_path, text)["clean_days"] == 3


def test_a_figure_in_two_lines_is_read_whole_and_one_told_twice_must_be_the_same(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    patterns = (
        r"(?P<brand>\w+) (?P<date>\d{4}-\d\d-\d\d)" + "\n"
        r"Conversions: (?P<conversions>[\d.]+)" + "\n"
        r"Cost: \$(?P<cost>[\d,.]+)" + "\n"
    )
    text = "CCW 2026-11-18\nConversions: 32\nCost: $961.00\n"
    answer = judged(tmp_path, text, patterns)
    assert causes(answer) == {("", "cost"): "unexplained"}
    answer = judged(tmp_path, f"{text}Conversions: 32\nConversions: 33\n", patterns)
    assert answer["unread"] == ["Conversions: 33"]
    assert judged(tmp_path, f"{text}Conversions: 32.5\n", patterns)["unread"]


def test_a_brand_that_the_old_figures_miss_on_one_day_or_never_name_is_said(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    for table in ("daily_performance", "daily_performance_versions"):
        warehouse.execute(
            f"insert into marts.{table} select * replace (2 as advertiser_id)"
            f" from marts.{table} where affiliate_label = 'G2 - Meta'"
        )
    row = "2026-11-18,CCW,,32,960.00,30.00\n"
    answer = judged(tmp_path, HEADER + row)
    assert (answer["days"][0]["verdict"], answer["not_compared"]) == ("clean", ["EXP"])
    answer = judged(tmp_path, f"{HEADER}{row}2026-11-17,EXP,,0,0,\n")
    gaps = next(one["gaps"] for one in answer["days"] if one["date"] == "2026-11-18")
    missed = [gap for gap in gaps if gap["cause"] == "unexplained"]
    assert [(gap["brand"], gap["column"]) for gap in missed] == [("exp", "row")]


def test_what_one_side_lacks_is_said_in_words(warehouse: Warehouse, tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text(HEADER + "2026-11-18,CCW,G2 - Meta,20,600,30\n2026-11-18,CCW,Gone,2,60,30\n")
    arguments = ["compare", "--old", str(old), "--client", "713", "--date", "2026-11-18"]
    said = CliRunner().invoke(signalroom, arguments)
    assert said.exit_code == 1, said.output
    assert "None" not in said.output
    assert "ccw blue bench: not in the old figures, ours 12 conversions" in said.output
    assert "CCW Gone cpa: old 30, ours none: unexplained" in said.output


def test_what_cannot_be_read_is_named(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"not a CSV with the header .*patterns.txt"):
        judged(tmp_path, "Daily report\n")
    with pytest.raises(ConfigurationError, match=r"figures.txt:2: cannot be read"):
        judged(tmp_path, HEADER + "yesterday,CCW,,1,1,1\n")
    for cells in ("20.5,600,30", "20,6OO,30", '20,"1.335,00",30', "20,600"):
        with pytest.raises(ConfigurationError, match=r"figures.txt:2: cannot be read"):
            judged(tmp_path, f"{HEADER}2026-11-18,CCW,,{cells}\n")
    with pytest.raises(ConfigurationError, match=r"patterns.txt:1: no pattern"):
        judged(tmp_path, "x\n", "(?P<date\n")
