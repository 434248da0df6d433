"""Mautic as VENDOR_APIS.md describes it, including its traps."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sandbox import Agency
from tests.sandbox.calls import variable

STATS = "/api/stats/email_stats"


def form(agency: Agency, **changes: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": variable(agency, "MAUTIC_CLIENT_ID"),
        "client_secret": variable(agency, "MAUTIC_CLIENT_SECRET"),
    } | changes


def ask_token(agency: Agency, **options: Any) -> httpx.Response:
    return httpx.post(agency.base_url("mautic") + "/oauth/v2/token", **options)


def token(agency: Agency) -> str:
    answer = ask_token(agency, data=form(agency))
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "bearer"
    return str(answer.json()["access_token"])


def mautic(agency: Agency, path: str, bearer: str = "", **asked: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {bearer or token(agency)}"}
    return httpx.get(agency.base_url("mautic") + path, params=asked, headers=headers, timeout=30)


def where(name: str, column: str, expression: str, value: str) -> dict[str, str]:
    return {
        f"{name}[col]": column,
        f"{name}[expr]": expression,
        f"{name}[val]": value,
    }


def test_a_token_comes_for_anything(agency: Agency) -> None:
    for changes, kind in (
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "invalid_request"),
    ):
        answer = ask_token(agency, data=form(agency, **changes))
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["type"] == kind
    assert ask_token(agency, json=form(agency)).status_code == 400


def test_a_token_is_good_for_ever(own_agency: Agency) -> None:
    invalid = mautic(own_agency, "/api/emails", "wrong")
    assert (invalid.status_code, invalid.json()["errors"][0]["type"]) == (401, "invalid_grant")
    own_agency.caps.mautic_token_s = 0.05
    old = token(own_agency)
    time.sleep(0.1)
    answer = mautic(own_agency, "/api/emails", old)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["message"] == "The access token provided has expired."


def test_contacts_come_all_at_once_and_in_order(agency: Agency) -> None:
    bearer = token(agency)
    first = mautic(agency, "/api/contacts", bearer).json()
    total = int(first["total"])
    assert isinstance(first["total"], str)
    assert len(first["contacts"]) == 30 < total
    second = mautic(agency, "/api/contacts", bearer).json()
    assert set(first["contacts"]) != set(second["contacts"])
    whole = mautic(agency, "/api/contacts", bearer, limit="0", orderBy="id").json()
    assert len(whole["contacts"]) == total
    entry = next(iter(whole["contacts"].values()))
    assert entry["fields"]["social"] == []
    assert entry["fields"]["all"]["email"] == entry["fields"]["core"]["email"]["value"]


def test_an_empty_list_is_always_alike(agency: Agency) -> None:
    bearer = token(agency)
    far = {"start": "100000", "orderBy": "id"}
    assert mautic(agency, "/api/contacts", bearer, **far).json()["contacts"] == {}
    answer = mautic(agency, "/api/campaigns", bearer, **far).json()
    assert (answer["campaigns"], answer["total"]) == ([], 4)
    assert mautic(agency, STATS, bearer, start="100000").json()["stats"] == []


@pytest.mark.parametrize(
    ("path", "name", "status"),
    [
        ("/api/contacts", "dateModified", 500),
        ("/api/contacts", "date_modified", 200),
        ("/api/emails", "dateModified", 200),
        ("/api/emails", "date_modified", 500),
    ],
)
def test_names_of_columns_are_the_same_everywhere(
    agency: Agency, path: str, name: str, status: int
) -> None:
    assert mautic(agency, path, orderBy=name).status_code == status


def test_stats_are_typed_and_in_order(agency: Agency) -> None:
    bearer = token(agency)
    answer = mautic(agency, STATS, bearer).json()
    assert isinstance(answer["total"], str)
    assert len(answer["stats"]) == 100
    assert len(answer["stats"][0]) == 18
    values = {type(value) for row in answer["stats"] for value in row.values()}
    assert values == {str, type(None)}
    again = mautic(agency, STATS, bearer).json()
    assert answer["stats"] != again["stats"]
    ordered = {"order[0][col]": "id", "order[0][dir]": "asc"}
    rows = mautic(agency, STATS, bearer, **ordered).json()["stats"]
    assert [int(row["id"]) for row in rows] == sorted(int(row["id"]) for row in rows)


def test_stats_are_chosen_by_day(agency: Agency) -> None:
    asked = {
        **where("where[0]", "date_sent", "gte", "2026-11-17 05:00:00"),
        **where("where[1]", "date_sent", "lt", "2026-11-18 05:00:00"),
        "limit": "0",
    }
    rows = mautic(agency, STATS, **asked).json()["stats"]
    day = agency.now().date() - timedelta(days=2)
    truth = agency.truth("713", day, day).mautic_email_stats
    assert sorted(int(row["id"]) for row in rows) == [row["id"] for row in truth]
    assert len(rows) > 20


def test_a_failure_has_a_status_of_its_own(agency: Agency) -> None:
    bearer = token(agency)
    unknown = mautic(agency, "/api/stats/nonsense", bearer)
    assert (unknown.status_code, "stats" in unknown.json()) == (200, False)
    assert "availableTables" in unknown.json()
    broken = mautic(agency, STATS, bearer, **where("where[0]", "dateSent", "gte", "x"))
    assert (broken.status_code, "stats" in broken.json()) == (200, False)
    assert "Unknown column" in broken.json()["errors"][0]["message"]


def test_an_e_mail_once_sent_does_not_change(own_agency: Agency) -> None:
    asked = where("where[0]", "date_sent", "lt", "2026-11-01 05:00:00") | {"limit": "0"}

    def opens() -> int:
        rows = mautic(own_agency, STATS, **asked).json()["stats"]
        return sum(int(row["open_count"]) for row in rows)

    before = opens()
    own_agency.set_now(own_agency.now() + timedelta(days=10))
    assert opens() > before
