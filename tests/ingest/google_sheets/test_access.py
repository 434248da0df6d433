"""Errors before any cell is read: keys, tokens, sharing, quotas, settings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from ingest import pull as pipeline
from ingest import registry
from ingest.sources.google_sheets.settings import ranges
from sandbox import Agency
from sandbox.sheets import SPREADSHEETS
from signalroom.errors import AnswerError, ConfigurationError
from tests.ingest.google_sheets.conftest import ID
from tests.ingest.reading import extract, pull_of, rows_of

SOURCE = registry.source("google_sheets")

SHEET = [["a"], ["1"]]


def read(*tables: str) -> dict[str, list[dict[str, object]]]:
    found = extract(pull_of("google_sheets", resources=tables), "google_sheets")
    return {table: rows_of(landing) for table, landing in found.items()}


def test_a_sheet_that_is_not_shared_names_the_account(
    put: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(plan=SHEET)
    alien = f"secret={SPREADSHEETS['cti']}!Targets!A1:Z"
    monkeypatch.setenv("GOOGLE_SHEETS_RANGES__CTI", "other=elsewhere!Tab!A1:Z")
    monkeypatch.setenv("GOOGLE_SHEETS_RANGES", alien)
    with pytest.raises(AnswerError, match=r"not shared with reader-713@sandbox\.iam\."):
        read()
    # another spreadsheet of the same account is still read, whatever the order
    monkeypatch.setenv("GOOGLE_SHEETS_RANGES", f"{alien},plan={ID}!plan!A1:Z")
    found = extract(pull_of("google_sheets"), "google_sheets")
    assert set(found) == {"plan"}
    assert "share it with that address" in found["plan"].failures[0]


def test_a_spreadsheet_that_does_not_exist_is_named(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_SHEETS_RANGES", "plan=1gone!Tab!A1:Z")
    with pytest.raises(AnswerError, match=r"1gone.*HTTP 404"):
        read()


def test_an_expired_token_is_renewed_once(own_agency: Agency) -> None:
    own_agency.faults.plan("google_sheets", "status", status=401, match="batchGet")
    assert len(read("targets")["targets"]) == 7
    asked = [one.path for one in own_agency.requests]
    assert asked.count("/token") == 2


@pytest.mark.fault(30)
def test_a_quota_is_waited_for(own_agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    import tenacity

    monkeypatch.setattr("ingest.http._backoff", tenacity.wait_fixed(0.3))
    own_agency.caps.sheets_reads_per_minute = 1
    # 24 seconds of a minute pass per read, however busy the machine is
    monkeypatch.setattr(own_agency.stage.limit_clock, "ticker", count(step=0.4).__next__)
    assert read("targets") == read("targets")
    assert 429 in [one.status for one in own_agency.requests]


def test_values_are_asked_for_as_they_are_all_ranges_at_once(own_agency: Agency) -> None:
    assert set(read()) == {"targets", "budgets", "empty"}
    query = own_agency.requests[-1].query
    assert query.count("ranges=") == 3
    assert "valueRenderOption=UNFORMATTED_VALUE" in query
    assert "dateTimeRenderOption=SERIAL_NUMBER" in query
    assert len(own_agency.requests) == 2


def test_personal_columns_are_hashed_or_dropped_and_cards_refused(
    put: Callable[..., Agency],
) -> None:
    put(people=[["Email", "Phone", "Seat"], ["ann@example.org", "555 0100", 4]])
    row = read()["people"][0]
    assert set(row) == {"_client_id", "_row_id", "email", "seat"}
    assert "@" not in str(row["email"])
    put(people=[["Seat"], ["4111 1111 1111 1111"]])
    with pytest.raises(AnswerError, match="column seat holds full card numbers") as caught:
        read()
    assert "4111" not in str(caught.value)


def test_either_form_of_the_key_is_enough(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.environ["GOOGLE_SHEETS_CREDENTIALS_PATH"]
    assert pipeline.is_on(SOURCE, "713")
    monkeypatch.delenv("GOOGLE_SHEETS_CREDENTIALS_PATH")
    assert pipeline.missing_variables(SOURCE, "713") == [
        "GOOGLE_SHEETS_CREDENTIALS_PATH or GOOGLE_SHEETS_CREDENTIALS_JSON"
    ]
    monkeypatch.setenv("GOOGLE_SHEETS_CREDENTIALS_JSON", Path(path).read_text(encoding="utf-8"))
    assert len(read("targets")["targets"]) == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "it lacks client_email, private_key, token_uri"),
        ("[1]", "it lacks client_email, private_key, token_uri"),
        ('{"client_email": "a@b.c", "private_key": "canary"}', "it lacks token_uri"),
        (
            json.dumps(
                {"client_email": "a@b.c", "private_key": "canary", "token_uri": "http://127.0.0.1"}
            ),
            "the private key of a@b.c cannot be read",
        ),
    ],
)
def test_a_malformed_key_is_named_and_not_shown(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    monkeypatch.setenv("GOOGLE_SHEETS_CREDENTIALS_JSON", content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read()
    assert "canary" not in str(caught.value)
    monkeypatch.delenv("GOOGLE_SHEETS_CREDENTIALS_JSON")
    monkeypatch.setenv("GOOGLE_SHEETS_CREDENTIALS_PATH", "/nowhere/key.json")
    with pytest.raises(ConfigurationError, match=r"/nowhere/key\.json cannot be read: No such"):
        read()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("t=id!Tab!A1:Z", ["Tab!A1:Z"]),
        ("t=id!My Tab!A1:Z, u=id!O'Brien!B2:D", ["'My Tab'!A1:Z", "'O''Brien'!B2:D"]),
        ("t=id!'Q1, 2026'!A1:Z,u=id!Tab", ["'Q1, 2026'!A1:Z", "Tab"]),
        ("t=id!a!b!A1:Z", ["'a!b'!A1:Z"]),
        ("t=id!'It''s'!A1:Z,", ["'It''s'!A1:Z"]),
    ],
)
def test_ranges_are_read_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, text: str, names: list[str]
) -> None:
    monkeypatch.setenv("GOOGLE_SHEETS_RANGES", text)
    assert [one.name for one in ranges("713")] == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("targets", "is not a valid range; write table=spreadsheet_id!Tab!A1:Z"),
        ("t=id", "is not a valid range"),
        ("t=id!Tab!first column", "is not a valid range"),
        ("Big Table=id!Tab!A1:Z", "is not a valid range"),
        ("t=id!A!A1:Z,t=id!B!A1:Z", "names table t twice"),
    ],
)
def test_a_malformed_range_is_named(
    monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setenv("GOOGLE_SHEETS_RANGES", text)
    with pytest.raises(ConfigurationError, match=message):
        ranges("713")


def test_one_tab_is_never_loaded_for_two_clients(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_SHEETS_RANGES__CTI", f"mine={ID}!Targets!A1:B")
    with pytest.raises(ConfigurationError, match="clients 713 and cti both read tab Targets"):
        read()
