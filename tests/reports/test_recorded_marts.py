"""The recorded marts must match the current SQL and contracts, and fit the reports."""

from __future__ import annotations

import csv
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from reports import compose
from reports.preview import recorded
from reports.preview.scenarios import SUNDAY
from reports.registry import reports
from tests.house import recorded_from
from tests.house.record_marts import marts
from tests.support.processes import ROOT

DAILY = [name for name, report in reports().items() if report.folder == "daily"]


@pytest.fixture
def recorded_marts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded marts on DuckDB, on the morning on which they were recorded."""
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    monkeypatch.setenv("SIGNALROOM_NOW", recorded.NOW)
    recorded.fill()


def test_the_rows_are_those_of_todays_sql_and_contracts() -> None:
    assert recorded_from.problems() == []
    assert recorded.names() == marts()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the marts are made from, with an additional comment in each SQL file."""
    for name in ("transform", "data/clients"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "dbt_project.yml", tmp_path)
    for path in (tmp_path / "transform").rglob("*.sql"):
        path.write_text(f"-- a comment\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "old", "new", "named"),
    [
        ("transform/models/marts/weekly_rollup.sql", "select", "select distinct", "weekly_rollup"),
        ("transform/models/intermediate/int_performance__ledger.sql", "with daily_stats",
         "with stats", "daily_performance"),
        ("transform/macros/exact_ratio.sql", "1000000", "100", "affiliate_leaderboard"),
        ("dbt_project.yml", "low_volume_conversions: 10", "low_volume_conversions: 9",
         "affiliate_leaderboard"),
        ("data/clients/713/mappings/internal-affiliates.csv", "\n", "\nnew,new\n",
         "daily_performance"),
    ],
)  # fmt: skip
def test_rows_older_than_anything_upstream_are_named_with_it(
    project: Path, path: str, old: str, new: str, named: str
) -> None:
    assert recorded_from.problems(project) == []
    text = (project / path).read_text(encoding="utf-8")
    assert old in text
    (project / path).write_text(text.replace(old, new, 1), encoding="utf-8")
    found = recorded_from.problems(project)
    assert found
    assert all(named in one and one.endswith("make record-marts") for one in found)


def test_what_no_recorded_mart_reads_asks_for_nothing(project: Path) -> None:
    mart = project / "transform" / "models" / "marts" / "email_engagement.sql"
    mart.write_text("select 1", encoding="utf-8")
    assert recorded_from.problems(project) == []


def test_rows_of_another_contract_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = recorded.contract()
    wider = {**contract, "order_files": {**contract["order_files"], "bytes": "bigint"}}
    monkeypatch.setattr(recorded, "contract", lambda: wider)
    assert recorded_from.problems() == [
        "order_files.csv has other columns than the contract of order_files; record the rows "
        "again: make record-marts"
    ]


@pytest.mark.parametrize("name", DAILY)
def test_a_daily_report_says_the_sums_of_the_recorded_rows(name: str, recorded_marts: None) -> None:
    report = reports()[name]
    (client,) = report.clients()
    brand = report.brand_of(client)
    assert brand is not None
    context = compose(name, client.id, SUNDAY, ["sms"]).context
    with (recorded.FOLDER / "daily_performance.csv").open(encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["_client_id"], row["date"], row["is_unmapped"])
            == (client.id, str(SUNDAY), "false")
            and row["advertiser_id"] == str(brand.advertiser_id)
        ]
    assert len(rows) > 1
    assert context.total.cost == sum(Decimal(row["cost"]) for row in rows)
    assert context.total.conversions == sum(int(row["conversions"]) for row in rows)
    parts = [context.paid_media, context.affiliates]
    assert sum(part.cents for part in parts) == context.total.cents
