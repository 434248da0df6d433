"""What goes wrong with recorded marts: they are older than the SQL, or reports do not fit them."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from reports import compose
from reports.preview import recorded
from reports.preview.scenarios import SUNDAY
from reports.registry import reports
from tests.house.record_marts import marts

DAILY = [name for name, report in reports().items() if report.folder == "daily"]


@pytest.fixture
def recorded_marts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded marts on DuckDB, on the morning on which they were recorded."""
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    monkeypatch.setenv("SIGNALROOM_NOW", recorded.NOW)
    recorded.fill()


def test_the_rows_are_those_of_todays_sql_and_contracts() -> None:
    assert recorded.problems() == []
    assert recorded.names() == marts()


def test_rows_older_than_the_sql_or_of_another_contract_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / recorded.MODELS
    models.mkdir(parents=True)
    for name in recorded.names():
        sql = (recorded.root() / recorded.MODELS / f"{name}.sql").read_text(encoding="utf-8")
        changed = sql.replace("select", "select distinct", 1) if name == "weekly_rollup" else sql
        (models / f"{name}.sql").write_text(f"-- a comment\n{changed}", encoding="utf-8")
    contract = recorded.contract()
    wider = {**contract, "order_files": {**contract["order_files"], "bytes": "bigint"}}
    monkeypatch.setattr(recorded, "root", lambda: tmp_path)
    monkeypatch.setattr(recorded, "contract", lambda: wider)
    assert recorded.problems() == [
        "order_files.csv has other columns than the contract of order_files; record the rows "
        "again: make record-marts",
        "weekly_rollup.sql changed since its rows were recorded; record the rows again: "
        "make record-marts",
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
