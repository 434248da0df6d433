"""A measure that a vendor adds must not be lost, nor typed by its first value."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import dlt
import pytest

from ingest.model import Window
from ingest.sources.everflow.daily_stats import daily_row
from ingest.sources.redtrack import redtrack
from signalroom.errors import AnswerError
from tests.ingest.reading import Landed, extract, pull_of, rows_of
from tests.support.vendor import Answer, scripted_vendor

DAY = date(2026, 11, 18)
SPEND = {"date": "2026-11-18", "source": "A", "source_id": "a", "cost": 1, "roi": 3.5}


def spend(monkeypatch: pytest.MonkeyPatch, *rows: dict[str, Any]) -> Landed:
    monkeypatch.setenv("REDTRACK_API_KEY", "key")
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
    with scripted_vendor(lambda _: Answer(list(rows))) as vendor:
        monkeypatch.setenv("REDTRACK_BASE_URL", vendor.url)
        pull = pull_of("redtrack", window=Window(DAY, DAY), resources=("daily_spend",))
        return extract(pull, "redtrack")["daily_spend"]


def test_redtrack_s_new_measure_is_kept_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**SPEND, "source_id": "b", "convtype1": 120.5}
    found = spend(monkeypatch, {**SPEND, "convtype1": 120}, other)
    assert [row["convtype1"] for row in rows_of(found)] == ["120", "120.5"]
    assert "roi" not in rows_of(found)[0]  # a rate can be recomputed


def test_a_new_measure_that_looks_like_a_date_stays_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    with scripted_vendor(lambda _: Answer([{**SPEND, "convtype1": "2026-11-18"}])) as vendor:
        source = redtrack("713", DAY, DAY, api_key="key", base_url=vendor.url)
        destination = dlt.destinations.duckdb(str(tmp_path / "scratch.duckdb"))
        pipeline = dlt.pipeline("measures", str(tmp_path), destination=destination)
        pipeline.run(source.with_resources("daily_spend"))
    columns = pipeline.default_schema.tables["daily_spend"]["columns"]
    assert columns["convtype1"]["data_type"] == "text"


def entry(**reporting: object) -> dict[str, Any]:
    ids = {"date": DAY.isoformat(), "affiliate": "42", "advertiser": "1"}
    columns = [{"column_type": kind, "id": one, "label": one} for kind, one in ids.items()]
    return {"columns": columns, "reporting": {"cv": 2, "revenue": 5, "payout": 3.5, **reporting}}


def test_everflow_s_new_measure_is_kept_as_text() -> None:
    row = daily_row(pull_of("everflow"), Window(DAY, DAY), entry(on_hold=120.5, profit=99, cvr=8))
    assert row["on_hold"] == "120.5"
    assert str(row["profit"]) == "1.5"  # our own value, never the vendor's
    assert "cvr" not in row


@pytest.mark.parametrize("reporting", [None, [], "none"])
def test_a_row_without_measures_is_no_row_of_nulls(reporting: object) -> None:
    with pytest.raises(AnswerError, match="a row lacks its measures"):
        daily_row(pull_of("everflow"), Window(DAY, DAY), {**entry(), "reporting": reporting})


def test_a_measure_that_is_no_number_is_named() -> None:
    with pytest.raises(AnswerError, match="everflow for client 713, 2026-11-18: cv: 'two'"):
        daily_row(pull_of("everflow"), Window(DAY, DAY), entry(cv="two"))
