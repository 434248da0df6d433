"""Lists: two envelopes, totals as text, pages that shift, a list of people."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest import registry
from ingest.sources.mautic.client import Instance, every
from sandbox import Agency
from signalroom.errors import AnswerError
from tests.ingest.mautic.conftest import Read
from tests.ingest.reading import extract, pull_of, rows_of
from tests.support.vendor import Answer, Request, scripted_vendor

SOURCE = registry.source("mautic")


def paged(*pages: Any, name: str = "contacts", total: Any = None) -> Callable[[Request], Answer]:
    """Answer with these containers one after another; the last one repeats."""
    left = list(pages)

    def answer(_: Request) -> Answer:
        found = left.pop(0) if len(left) > 1 else left[0]
        return Answer({name: found} | ({} if total is None else {"total": total}))

    return answer


def contact(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "fields": {"core": [], "all": {"id": number, **fields}}}


def test_small_pages_hold_everyone_once(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default the order of contacts changes while they are read."""
    monkeypatch.setattr("ingest.sources.mautic.client.PAGE_ROWS", 40)
    pull = pull_of("mautic", resources=("contacts", "emails", "campaigns"))
    planned = SOURCE.plan(pull)
    before = len(own_agency.requests)
    found = extract(pull, "mautic")
    assert planned.requests == len(own_agency.requests) - before > 8
    assert planned.days == 0
    truth = own_agency.truth("713")
    assert sorted(row["id"] for row in rows_of(found["contacts"])) == [
        row["id"] for row in truth.mautic_contacts
    ]
    assert len(rows_of(found["emails"])) == len(truth.mautic_emails) == 12


@pytest.mark.parametrize("empty", [{}, []])
@pytest.mark.parametrize("total", [0, "0", None])
def test_nothing_is_nothing_in_both_envelopes(read: Read, empty: Any, total: Any) -> None:
    assert read(paged(empty, total=total), "contacts") == []


@pytest.mark.parametrize("total", [2, "2", None, "many"])
@pytest.mark.parametrize("kind", [dict, list])
def test_a_list_is_read_in_both_envelopes(read: Read, total: Any, kind: type) -> None:
    every = {"41": contact(41), "42": {"id": 42, "fields": []}}
    container = every if kind is dict else list(every.values())
    seen: list[Request] = []
    rows = read(paged(container, {}, total=total), "contacts", seen)
    assert [row["id"] for row in rows] == [41, 42]
    asked = [request.query for request in seen if request.path == "/api/contacts"]
    assert len(asked) == 2
    assert asked[0] == {"orderBy": "id", "orderByDir": "asc", "start": "0", "limit": "500"}


def test_one_who_leaves_while_another_comes_takes_nobody_along(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The total stays the same, and there are as many ids as it says."""
    monkeypatch.setattr("ingest.sources.mautic.client.PAGE_ROWS", 4)
    people = [contact(number) for number in range(1, 9)]

    def answer(request: Request) -> Answer:
        start, limit = int(request.query["start"]), int(request.query["limit"])
        found = people[start : start + limit]
        if len(people) == 8 and people[1]["id"] == 2:
            people[1:] = [*people[2:], contact(9)]
        return Answer({"total": "8", "contacts": found})

    assert [row["id"] for row in read(answer, "contacts")] == [1, *range(3, 10)]


@pytest.mark.parametrize("less", [0, 1, 7, 30])
@pytest.mark.parametrize("ceiling", [12, 10, 6])
def test_a_total_that_is_too_small_ends_no_list(
    read: Read, monkeypatch: pytest.MonkeyPatch, ceiling: int, less: int
) -> None:
    monkeypatch.setattr("ingest.sources.mautic.client.PAGE_ROWS", 12)
    people = [contact(number) for number in range(1, 38)]

    def answer(request: Request) -> Answer:
        start, limit = int(request.query["start"]), int(request.query["limit"])
        found = people[start : start + min(limit, ceiling)]
        return Answer({"total": len(found) if less == 30 else 37 - less, "contacts": found})

    assert [row["id"] for row in read(answer, "contacts")] == list(range(1, 38))


def test_the_simulated_instance_counts_pages_and_moves_and_nobody_is_lost(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sources.mautic.client.PAGE_ROWS", 40)
    own_agency.quirks.mautic_rows_move = True
    own_agency.quirks.page_totals = {"mautic"}
    found = extract(pull_of("mautic", resources=("contacts",)), "mautic")["contacts"]
    truth = own_agency.truth("713").mautic_contacts
    assert sorted(row["id"] for row in rows_of(found)) == [row["id"] for row in truth]


def test_one_who_moves_to_the_next_page_stands_once(read: Read) -> None:
    pages = paged({"1": contact(1), "2": contact(2)}, [contact(2), contact(3)], [])
    assert [row["id"] for row in read(pages, "contacts")] == [1, 2, 3]


def test_contacts_are_held_packed_until_the_list_is_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As dicts, 50,000 contacts took more memory than everything else."""
    pull = pull_of("mautic", resources=("contacts",))
    there = [
        contact(number, **{f"f{one}": f"{number}" for one in range(30)}) for number in range(9)
    ]

    def rows_as_held(entries: list[Any]) -> list[dict[str, Any]]:
        return [{"id": one["id"], **one["fields"]["all"]} for one in entries]

    with scripted_vendor(
        lambda request: Answer(
            {"access_token": "token", "expires_in": 60}
            if request.path.endswith("token")
            else {
                "contacts": there[int(request.query["start"]) :],
                "total": len(there),
            }
        )
    ) as vendor:
        monkeypatch.setenv("MAUTIC_BASE_URL", vendor.url)
        found = every(Instance(pull).http, pull, "/api/contacts", {}, rows_as_held)
    held = gc.get_referents(found)
    assert not any(isinstance(one, dict) and "f1" in one for one in _reached(held))
    assert list(found) == rows_as_held(there)


def _reached(objects: list[Any]) -> Iterator[Any]:
    """The objects and all that they hold, without classes, functions and modules."""
    seen: set[int] = set()
    left = list(objects)
    while left:
        one = left.pop()
        if id(one) not in seen and isinstance(one, (dict, list, tuple, Iterator)):
            seen.add(id(one))
            yield one
            left += gc.get_referents(one)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(paged([], total="7"), "reports 7 entries", id="a total without entries"),
        pytest.param(paged([contact(1)], total=5), "1 of 5 received", id="always one page"),
        pytest.param(paged([contact(1)]), "repeat themselves", id="always one page, no total"),
        pytest.param(paged({"1": {}}, total=1), "has no id", id="no id"),
        pytest.param(paged(["x"]), "holds no such list", id="no objects"),
        pytest.param(paged("x"), "holds no such list", id="no container"),
        pytest.param(paged([], name="other"), "holds no such list", id="another container"),
        pytest.param(
            lambda _: Answer({"errors": [{"message": "no permission", "code": 403}]}),
            "the error 'no permission'",
            id="an error with status 200",
        ),
        pytest.param(
            paged([{"id": 1, "dateAdded": "yesterday"}]),
            "'yesterday' is not a valid time",
            id="a date",
        ),
    ],
)
def test_what_is_no_list_fails_loudly(
    read: Read, answer: Callable[[Request], Answer], message: str
) -> None:
    with pytest.raises(AnswerError, match=message) as caught:
        read(answer, "contacts")
    assert str(caught.value).startswith("mautic for client 713, contacts")
    assert "\n" not in str(caught.value)


def test_a_contact_is_read_without_the_person(read: Read) -> None:
    fields = {
        "firstname": "Ana", "lastname": "O'Neil", "email": "Ana@mail.example", "phone": "5550100",
        "address1": "1 Elm Street", "zipcode": "02108", "city": "Boston", "facebook": "ana.oneil",
        "b_quiz": 85, "a_answers": ["x", None], "second_email": "ana@home.example",
    }  # fmt: skip
    entry = contact(41, **fields) | {
        "dateAdded": "2026-03-01T09:59:00+02:00",
        "points": "5",
        "createdByUser": "Augusta King",
        "owner": {"firstName": "Augusta"},
        "ipAddresses": ["203.0.113.9"],
        "doNotContact": [{"reason": 1, "comments": "ana@mail.example called"}],
        "newFigure": 7,
    }
    [row] = read(paged({"41": entry}, total="1"), "contacts")
    assert row["date_added"] == datetime(2026, 3, 1, 7, 59, tzinfo=UTC)
    assert (row["points"], row["zipcode"], row["city"]) == (5, "02108", "Boston")
    assert row["newfigure"] == "7"
    assert len(row["email"]) == 64
    assert row["custom_fields"].startswith('{"a_answers":["x",null],"b_quiz":85,"second_email":"')
    assert row["do_not_contact"] == '[{"comments":"*** called","reason":1}]'
    for told in ("Ana", "Neil", "5550100", "Elm", "oneil", "ugusta", "203.0", "@"):
        assert told not in str(row)


def test_an_email_is_read_without_its_text(read: Read) -> None:
    entry = {
        "id": "12", "name": "News", "subject": "a & b", "emailType": "list", "sentCount": "7",
        "readCount": 3, "fromAddress": "augusta@agency.example", "customHtml": "<p>", "lists": [],
        "isPublished": True, "publishUp": None, "category": {"id": 1, "title": "x"},
    }  # fmt: skip
    [row] = read(paged({"12": entry}, name="emails", total=1), "emails")
    assert (row["id"], row["email_type"], row["sent_count"], row["read_count"]) == (
        12,
        "list",
        7,
        3,
    )
    assert row["category"] == '{"id":1,"title":"x"}'
    assert "ugusta" not in str(row)
    assert "<p>" not in str(row)
