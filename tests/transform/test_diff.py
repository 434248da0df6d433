"""The output of `make diff` for two builds: changed cells, added and removed rows, nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from tests.support.processes import ROOT, run
from transform.__main__ import lines_of
from transform.compare import compare

PERFORMANCE = """
create schema marts;
create table marts.performance (
    _client_id text, date date, advertiser_id bigint, affiliate_label text, is_internal boolean,
    conversions bigint, cost decimal(38, 18));
insert into marts.performance values
    ('713', '2026-11-17', 1, 'Meta', true, 20, 600),
    ('713', '2026-11-18', 1, 'Meta', true, 20, 75.5),
    ('713', '2026-11-18', 1, 'Odd', true, 0, 0), ('713', '2026-11-18', null, 'Odd', true, 0, 0),
    ('cti', '2026-11-18', 1, 'Meta', true, 3, null);
create table marts.orders as select '713' as _client_id, '0' || n as order_id from range(3) t(n);
"""


@pytest.fixture
def said(tmp_path: Path, request: pytest.FixtureRequest) -> Sequence[str]:
    """The lines about a base and a branch after the parameter's statements were applied."""
    files = []
    for name, change in (("base", ""), ("branch", request.param)):
        files.append(tmp_path / f"{name}.duckdb")
        with duckdb.connect(str(files[-1])) as connection:
            connection.execute(PERFORMANCE + change)
    return list(lines_of(compare(*files), limit=2))


@pytest.mark.parametrize("said", [""], indirect=True)
def test_no_difference_is_said_with_what_it_may_mean(said: Sequence[str]) -> None:
    assert said[0] == "Unchanged: orders (3 rows), performance (5 rows)"
    assert said[1].startswith("No cell of the marts differs.")


@pytest.mark.parametrize(
    "said", ["update marts.performance set cost = coalesce(cost, 0) + 0.25"], indirect=True
)
def test_cells_are_shown_by_their_keys_before_and_after(said: Sequence[str]) -> None:
    assert said == [
        "marts.performance (5 rows): 5 cells changed in 5 rows",
        "  ~ 713 | 2026-11-17 | 1 | Meta",
        "      cost: 600 -> 600.25",
        "  ~ 713 | 2026-11-18 | 1 | Meta",
        "      cost: 75.5 -> 75.75",
        "  ... 3 more changed rows; --limit shows more",
        "  sum of cost: 675.5 -> 676.75",
        "",
        "Unchanged: orders (3 rows)",
    ]


@pytest.mark.parametrize(
    "said",
    [
        "delete from marts.performance where advertiser_id is null;"
        " insert into marts.performance select * from marts.performance where _client_id = 'cti'"
    ],
    indirect=True,
)
def test_a_row_that_went_and_a_row_that_doubled_are_rows_not_cells(said: Sequence[str]) -> None:
    assert said[:3] == [
        "marts.performance (5 rows): 1 row added, 1 row removed",
        "  + cti | 2026-11-18 | 1 | Meta",
        "  - 713 | 2026-11-18 | null | Odd",
    ]
    assert "  sum of conversions: 43 -> 46" in said


@pytest.mark.parametrize(
    ("said", "first"),
    [
        (
            "alter table marts.performance add column epc decimal(18, 6)",
            "marts.performance (5 rows): new column epc",
        ),
        (
            "alter table marts.performance drop column conversions",
            "marts.performance (5 rows): column conversions is gone",
        ),
        (
            "alter table marts.performance alter conversions type integer",
            "marts.performance (5 rows): column conversions was BIGINT, is INTEGER",
        ),
        ("drop table marts.performance", "marts.performance (0 rows): mart is gone"),
        ("create table marts.more as select 1 as id", "marts.more (1 row): new mart"),
    ],
    indirect=["said"],
)
def test_a_change_of_the_contract_is_no_change_of_cells(said: Sequence[str], first: str) -> None:
    assert said[0] == first
    assert not [line for line in said if line.startswith("  ~")]


def test_a_base_that_does_not_exist_is_one_readable_line() -> None:
    asked = run(["make", "diff", "BASE=no-such-branch"], {})
    assert asked.returncode == 2
    assert "no-such-branch is not a branch or commit of this repository" in asked.stderr
    assert "Traceback" not in asked.stderr
    assert not (ROOT / "no-such-branch").exists()
