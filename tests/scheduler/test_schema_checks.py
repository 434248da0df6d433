"""The schema rule on real dlt tables: it finds every change, and only changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dlt
import pytest

from reports.alerts import policy
from reports.alerts.rules.history import History
from reports.alerts.rules.judge import days_needed
from reports.alerts.rules.rules import judge
from scheduler.status.rule_rates import record_rates, recorded_rates
from scheduler.status.schemas import read_tables
from signalroom import clock
from signalroom.errors import WarehouseError
from signalroom.warehouse import dlt_destination
from tests.support.warehouse import Warehouse


def load(days: Iterator[date] | list[date], **columns: str) -> None:
    rows = [
        {"_client_id": "713", "date": day, "conversion_id": f"{day} {number}", **columns}
        for day in days
        for number in range(5)
    ]
    source: Any = dlt.source(lambda: dlt.resource(rows, name="conversions"), name="everflow")
    dlt.pipeline("p", destination=dlt_destination(), dataset_name="everflow").run(source())


def said(day: date) -> list[str]:
    tables = read_tables(days_needed(1), {"713", "cti"})
    assert all(not one for one in tables["cti"]["everflow.conversions"]), "it has no rows"
    found = judge("schema", History("713", tables["713"]), day, policy.thresholds("schema"))
    return [one.words for one in found]


def test_change_of_a_schema_is_overseen(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("DLT_PROJECT_DIR", str(warehouse.home))
    monkeypatch.setenv("PIPELINES_DIR", str(warehouse.home / "pipelines"))
    with pytest.raises(WarehouseError):
        record_rates({"713"})
    assert recorded_rates() == []
    yesterday = clock.yesterday()
    load([yesterday - timedelta(days=back) for back in range(1, 70)], sub5="x", coupon="y")
    load([yesterday], sub_5="x", coupon="y", browser="Firefox")
    days = f"timestamptz '{yesterday - timedelta(days=70)} 12:00Z'"
    warehouse.execute(
        "update everflow._dlt_version set inserted_at = inserted_at - interval '1 day'"
    )
    warehouse.execute(
        f"update everflow._dlt_version set inserted_at = {days}"
        " where version = (select min(version) from everflow._dlt_version)"
    )
    changed = "Columns of everflow.conversions changed: sub5 is sub_5 now, browser is new."
    assert said(yesterday) == [changed]
    load([clock.today()], sub_5="x", coupon="y", browser="Firefox")
    tomorrow = clock.midnight(clock.today() + timedelta(days=1)) + timedelta(hours=9)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)
    monkeypatch.setattr(clock, "instant", lambda: tomorrow)
    assert said(clock.yesterday()) == []
