"""Google's special cases: a deleted spreadsheet, a disabled API, imports that still load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest import pull as pipeline
from ingest import registry
from ingest.sources.google_sheets.table import table_of
from sandbox import Agency
from sandbox.sheets import SPREADSHEETS
from signalroom.errors import AnswerError
from tests.ingest.google_sheets.conftest import ID
from tests.ingest.reading import extract, pull_of, rows_of
from tests.support.vendor import Answer, Request, scripted_vendor
from tests.support.warehouse import Warehouse


def test_a_deleted_spreadsheet_fails_each_of_its_tables_and_no_other(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = "plan=1gone!Tab!A1:Z,plan_2=1gone!Other!A1:Z"
    monkeypatch.setenv("GOOGLE_SHEETS_RANGES", f"{gone},targets={ID}!Targets!A1:Z")
    found = extract(pull_of("google_sheets"), "google_sheets")
    assert set(found) == {"targets"}
    lines = found["targets"].failures
    assert [line.split(" keeps")[0] for line in lines] == ["plan", "plan_2"]
    assert all("1gone" in line and "deleted, or GOOGLE_SHEETS_RANGES" in line for line in lines)
    own_agency.quirks.sheets_deleted = {"713"}
    monkeypatch.setenv("GOOGLE_SHEETS_RANGES", f"targets={SPREADSHEETS['713']}!Targets!A1:Z")
    with pytest.raises(AnswerError, match="of targets is not there: it was deleted"):
        extract(pull_of("google_sheets"), "google_sheets")


def test_an_api_that_is_off_is_no_matter_of_sharing(own_agency: Agency) -> None:
    own_agency.quirks.sheets_api_disabled = True
    with pytest.raises(
        AnswerError, match=r"the Google Sheets API is off in the project of"
    ) as told:
        extract(pull_of("google_sheets", resources=("targets",)), "google_sheets")
    assert "not shared" not in str(told.value)


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_sheet_is_read_once_only(
    own_agency: Agency, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second client, and the second read, must find the table; its rows name no file."""
    warehouse.activate(monkeypatch)
    source = registry.source("google_sheets")
    for client in ("713", "cti", "713"):
        pipeline.load(source, pipeline.make_pull(source, client, resources=("targets",)))
    counts = "select _client_id, count(*) from google_sheets.targets group by 1 order by 1"
    assert warehouse.rows(counts) == [
        (client, len(own_agency.truth(client).targets)) for client in ("713", "cti")
    ]


def test_a_cell_that_is_loading_is_no_value(own_agency: Agency) -> None:
    own_agency.quirks.sheets_loading = True
    said: list[str] = []
    pull = pull_of("google_sheets", resources=("targets",), said=said)
    rows = rows_of(extract(pull, "google_sheets")["targets"])
    assert len(rows) == len(own_agency.truth("713").targets)
    assert {row["target"] for row in rows} == {None}
    assert [line for line in said if "or Loading..." in line]


@pytest.mark.parametrize("text", ["Loading...", "Loading\u2026", " loading... ", "#LOADING..."])
def test_an_import_that_has_not_come_is_no_header(text: str) -> None:
    with pytest.raises(AnswerError, match=r"the header of column 1 is .*the table keeps its rows"):
        table_of([[text]], "x")
    assert table_of([["a"], [text]], "x").rows == ({"_row_id": 0, "a": None},)
    assert table_of([["a"], ["Loading dock"]], "x").rows == ({"_row_id": 0, "a": "Loading dock"},)


@pytest.mark.parametrize("values", [{"values": None}, {}, {"values": [["a"], None]}])
def test_null_for_an_empty_range_is_an_empty_table(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
) -> None:
    def give(request: Request) -> Answer:
        return Answer({"valueRanges": [{"range": "x", **values}]})

    with scripted_vendor(give) as vendor:
        monkeypatch.setenv("GOOGLE_SHEETS_BASE_URL", vendor.url)
        found = extract(pull_of("google_sheets", resources=("targets",)), "google_sheets")
    assert rows_of(found["targets"]) == []


def test_a_key_file_may_begin_with_a_byte_order_mark(
    put: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agency = put(plan=[["a"], ["1"]])
    known = Path(agency.environment()["GOOGLE_SHEETS_CREDENTIALS_PATH"])
    marked = tmp_path / "key.json"
    marked.write_bytes(b"\xef\xbb\xbf" + known.read_bytes())
    monkeypatch.setenv("GOOGLE_SHEETS_CREDENTIALS_PATH", str(marked))
    assert len(rows_of(extract(pull_of("google_sheets"), "google_sheets")["plan"])) == 1
