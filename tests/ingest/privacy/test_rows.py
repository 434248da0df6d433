"""Personal data in rows, including columns whose name does not reveal it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from ingest.columns import COUNT_TYPE
from ingest.model import Pull, Row, Window
from ingest.privacy.policy import Hasher
from ingest.privacy.rows import Protection
from ingest.table_rows import TableRows
from signalroom.errors import AnswerError

ANA = "ana@mail.example"
VISA = "4111111111111111"


@pytest.fixture(autouse=True)
def _salted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_HASH_SALT", "salt-of-the-tests")


def hashed(value: str) -> str | None:
    return Hasher(b"salt-of-the-tests").hash(value)


def kept(
    source: str, table: str, rows: list[Row], documents: tuple[str, ...] = (), **kinds: Any
) -> list[Row]:
    """The rows as they are loaded."""
    day = date(2026, 11, 18)
    pull = Pull(
        "713", Window(day, day), datetime(2026, 11, 18, tzinfo=UTC), (table,), source=source
    )
    taken = TableRows(pull, table, kinds, documents)
    found = [row for one in taken.tables(rows, {}) for row in one.to_pylist()]
    taken.check()
    return found


def test_columns_are_dropped_hashed_and_kept_by_name() -> None:
    row = {"id": 7, "email": ANA, "firstname": "Ann", "points": 3, "ip": "10.0.0.1"}
    loaded = kept("mautic", "contacts", [row], id=COUNT_TYPE, points=COUNT_TYPE)
    assert loaded == [{"id": 7, "email": hashed(ANA), "points": 3}]
    assert kept("mautic", "contacts", [{"email": None}]) == [{"email": None}]
    assert row["email"] == ANA, "the rows given are not changed"


@pytest.mark.parametrize(
    ("source", "table"),
    [
        ("everflow", "conversions"),
        ("everflow", "daily_stats"),
        ("redtrack", "daily_spend"),
        ("google_sheets", "goals"),
    ],
)
@pytest.mark.parametrize("column", ["sub1", "sub5", "adv1", "adv5", "new_measure"])
def test_an_address_is_never_kept_in_plain_text(source: str, table: str, column: str) -> None:
    rows = [{column: f" {ANA.upper()} "}, {column: f"id-7-{ANA};x"}, {column: "7"}]
    loaded = kept(source, table, rows)
    assert [row[column] for row in loaded] == [hashed(ANA), "***;x", "7"]


@pytest.mark.parametrize(
    "text",
    [
        "jos\u00e9@b\u00fccher.example",
        "ana%2540mail.example",
        "ana\uff20mail.example",
        "o'malley@mail.example",
        "ana%252540mail.example",
        "ana&#64;mail.example",
        "ana&#x40;mail.example",
        "ana&commat;mail.example",
        "ana\\u0040mail.example",
        "ana\ufe6bmail.example",
        "ana\u200b@ma\u00adil.example",
        '"ana lee"@mail.example',
    ],
)
def test_an_address_in_another_script_or_encoding_is_one_too(text: str) -> None:
    protection = Protection("everflow", "conversions", "713")
    rows = [{"sub1": text}, {"sub1": f"id;{text};x"}]
    [alone, inside] = kept("everflow", "conversions", rows)
    assert alone["sub1"] == hashed(text)
    assert inside["sub1"] == "id;***;x"
    column = pa.array([text, f"id;{text};x", "7"], pa.string())
    assert protection.array("sub1", column).to_pylist() == [hashed(text), "id;***;x", "7"]


@pytest.mark.parametrize(
    "name",
    [
        "verification_token",
        "api_key",
        "Webhook_Secret".lower(),
        "access_tokens",
        "webhook_secrets",
        "api_keys",
        "partner_apikey",
        "smtp_passwd",
        "signing_private_key",
    ],
)
def test_keys_of_programs_are_dropped(name: str) -> None:
    rows = [{"id": 1, name: "x"}]
    assert kept("everflow", "advertisers", rows, id=COUNT_TYPE) == [{"id": 1}]


def test_labels_of_partners_are_kept_because_mappings_join_on_them() -> None:
    row = {"affiliate_label": ANA, "advertiser_label": "CCW"}
    assert kept("everflow", "daily_stats", [row]) == [row]


def test_a_document_is_cleaned_key_by_key() -> None:
    rows = [{"id": "1", "properties": '{"name":"Ana","value":1}'}]
    (row,) = kept("posthog", "events", rows, documents=("properties",))
    assert row["properties"] == '{"value":1}'


@pytest.mark.parametrize("source", ["everflow.daily_stats", "redtrack.daily_spend"])
def test_a_card_number_refuses_the_answer_and_is_never_repeated(source: str) -> None:
    vendor, table = source.split(".")
    with pytest.raises(AnswerError, match="column note holds full card numbers") as caught:
        kept(vendor, table, [{"note": "1"}, {"note": f"paid {VISA}"}])
    assert VISA not in str(caught.value)
