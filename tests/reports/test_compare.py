"""What the judge of a parallel run must tell apart: rounding, restatements, zones, and the rest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

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
        affiliate_label, false as is_unmapped, conversions::bigint as conversions,
        cost::decimal(38, 18) as cost
    from (values ('G2 - Meta', 20, 600), ('Blue Bench', 12, 360.004))
        as t(label, conversions, cost);
create table marts.daily_performance_versions as
    select *, timestamptz '2026-11-19 12:00:00+00' as known_from from marts.daily_performance
    union all
    select _client_id, date, advertiser_id, affiliate_label, is_unmapped, 11, 330,
        timestamptz '2026-11-19 07:00:00+00' from marts.daily_performance
    where affiliate_label = 'Blue Bench';
create table everflow.conversions as
    select '713' as _client_id, date '2026-11-18' as date, 1::bigint as advertiser_id,
        'G2 - Meta' as affiliate_label, 'approved' as status,
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
    answer = judged(tmp_path, HEADER + rows)
    assert answer["days"][0]["verdict"] == "clean"
    assert causes(answer) == {("Blue Bench", "cost"): "rounding"}
    assert warehouse.rows("select verdict, gaps from ops.compared_days") == [("clean", 1)]


def test_a_value_that_was_ours_and_a_day_of_another_zone_are_named(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = "2026-11-18,CCW,Blue Bench,11,330,30\n2026-11-18,CCW,G2 - Meta,19,600,31.58\n"
    found = causes(judged(tmp_path, HEADER + rows))
    assert found["Blue Bench", "conversions"].startswith("restated since 2026-11-19T07:00")
    assert found["Blue Bench", "cost"].startswith("restated since 2026-11-19T07:00")
    assert found["G2 - Meta", "conversions"] == "time_zone UTC"


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


def test_what_cannot_be_read_is_named(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no CSV with the header .*patterns.txt"):
        judged(tmp_path, "Daily report\n")
    with pytest.raises(ConfigurationError, match=r"figures.txt:2: cannot be read"):
        judged(tmp_path, HEADER + "yesterday,CCW,,1,1,1\n")
    with pytest.raises(ConfigurationError, match=r"patterns.txt:1: no pattern"):
        judged(tmp_path, "x\n", "(?P<date\n")
