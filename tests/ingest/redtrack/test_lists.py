"""Lists: an envelope, a status of another type, one page too many or too few."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest import registry
from signalroom.errors import AnswerError
from tests.ingest.reading import extract, pull_of, rows_of
from tests.support.vendor import Answer, Request, scripted_vendor

SOURCE = registry.source("redtrack")

Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read a list from a vendor that answers with these pages."""

    def run(*pages: Any, table: str = "campaigns") -> list[dict[str, Any]]:
        def give(request: Request) -> Answer:
            assert request.path == f"/{table}"
            assert 0 < int(request.query["per"]) <= 1000
            page = int(request.query["page"])
            return Answer(pages[page - 1] if page <= len(pages) else [])

        with scripted_vendor(give) as vendor:
            monkeypatch.setenv("REDTRACK_API_KEY", "key")
            monkeypatch.setenv("REDTRACK_BASE_URL", vendor.url)
            monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
            pull = pull_of("redtrack", resources=(table,))
            found = rows_of(extract(pull, "redtrack")[table])
            # only an empty page proves the end
            assert len(vendor.requests) >= SOURCE.plan(pull).requests - (not found)
            return found

    return run


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([{"id": "a"}, {"id": "b"}], id="bare array"),
        pytest.param({"total": {"clicks": 1}, "items": [{"id": "a"}, {"id": "b"}]}, id="items"),
        pytest.param({"data": [{"id": "a"}, {"id": "b"}]}, id="data"),
    ],
)
def test_an_envelope_is_as_good_as_an_array(read: Read, answer: Any) -> None:
    assert [row["id"] for row in read(answer)] == ["a", "b"]


@pytest.mark.parametrize("answer", [[], {"items": None}, {"items": []}])
def test_an_empty_list_is_a_list(read: Read, answer: Any) -> None:
    assert read(answer) == []


def test_a_status_is_a_number_here_and_a_word_there(read: Read) -> None:
    rows = read([{"id": "a", "status": 1}, {"id": "b", "status": "active"}, {"id": "c"}])
    assert [row["status"] for row in rows] == ["1", "active", None]


def test_a_full_page_has_another_one_behind_it(read: Read) -> None:
    full = [{"id": f"{number:024x}"} for number in range(1000)]
    assert len(read(full, [{"id": "last"}, full[0]], table="sources")) == 1001
    assert len(read(full, table="sources")) == 1000


def test_values_have_one_type_whatever_the_vendor_writes(read: Read) -> None:
    row = read(
        [
            {
                "id": 7, "title": "  Broad ", "serial_number": "3", "cpc": 0.5, "tags": ["x", "y"],
                "stat": {"clicks": 4}, "created_at": "2026-01-15T05:00:00-05:00",
                "updated_at": "0001-01-01T00:00:00Z", "owner": "Ann",
            }
        ]
    )[0]  # fmt: skip
    assert (row["id"], row["title"], row["serial_number"]) == ("7", "  Broad ", 3)
    assert (str(row["cpc"]), row["tags"], row["owner"]) == ("0.5", '["x", "y"]', "Ann")
    assert row["created_at"] == datetime(2026, 1, 15, 10, tzinfo=UTC)
    assert row["updated_at"] is None
    assert "stat" not in row
    other = read([{"id": "a", "created_at": "2026-01-15 10:00:00 +0000 UTC", "updated_at": 1e9}])[0]
    assert other["created_at"] == row["created_at"]
    assert other["updated_at"] == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


def test_an_id_of_another_type_ends_no_list_with_an_error_of_ours(read: Read) -> None:
    found = read([{"id": ["a"]}, {"id": {"oid": "b"}}, {"id": 7}])
    assert [row["id"] for row in found] == ['["a"]', '{"oid": "b"}', "7"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"error": "internal"}, "campaigns: the answer is not a list of rows"),
        ([["a"]], "campaigns: the answer is not a list of rows"),
        ([{"title": "nameless"}], "one of the campaigns has no id"),
        ([{"id": "a", "created_at": "last week"}], "created_at: 'last week' is not a valid time"),
    ],
)
def test_what_is_no_list_fails_loudly(read: Read, answer: Any, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        read(answer)
