"""Lists: a link to a foreign host, pages in a loop, a missing page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ingest.model import Window
from sandbox import Agency
from signalroom import clock
from signalroom.errors import AnswerError
from tests.ingest.posthog.conftest import Read
from tests.ingest.reading import extract, pull_of, rows_of
from tests.support.vendor import Answer, Request, in_turn, scripted_vendor

FLAGS = "feature_flags"
PATH = "/api/projects/9001/feature_flags/"


def flag(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "key": f"flag-{number}", "active": True, **more}


def page(
    *flags: dict[str, Any], link: Callable[[Request], str | None] | None = None, **more: Any
) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        there = link(request) if link else None
        return Answer({"next": there, "previous": None, "results": list(flags)} | more)

    return answer


def here(request: Request, rest: str) -> str:
    return f"http://{request.headers['host']}{rest}"


def test_every_page_is_read(own_agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.sources.posthog.client.LIST_PAGE_ROWS", 2)
    found = extract(pull_of("posthog", resources=(FLAGS, "experiments")), "posthog")
    truth = own_agency.truth("713")
    assert len(truth.posthog_feature_flags) > 4
    assert [row["id"] for row in rows_of(found[FLAGS])] == [
        row["id"] for row in truth.posthog_feature_flags
    ]
    assert len(rows_of(found["experiments"])) == len(truth.posthog_experiments) == 3


@pytest.mark.fault(23)
def test_no_key_is_sent_to_a_stranger(read: Read) -> None:
    with scripted_vendor(in_turn(Answer({}))) as stranger:
        foreign = page(flag(1), link=lambda _: f"{stranger.url}{PATH}?offset=100")
        with pytest.raises(AnswerError, match=r"links the next page of .* to 127") as told:
            read(foreign, FLAGS)
        assert stranger.requests == []
    assert "Check POSTHOG_HOST" in str(told.value)
    assert "canary" not in str(told.value)


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("rest", "message"),
    [
        pytest.param("/api/projects/9002/feature_flags/?offset=100", "next page", id="a project"),
        pytest.param(f"{PATH}?limit=100", "repeat in a loop", id="the first page again"),
        pytest.param(f"{PATH}?offset=100&limit=100", "repeat in a loop", id="always the second"),
    ],
)
def test_a_link_that_leads_astray_ends_the_reading(read: Read, rest: str, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        read(page(flag(1), link=lambda request: here(request, rest)), FLAGS)


def test_a_link_may_be_relative_and_pages_may_overlap(read: Read) -> None:
    def answer(request: Request) -> Answer:
        if request.query.get("offset"):
            return page(flag(2, name="new"), flag(3), count=3)(request)
        return page(flag(1), flag(2), count=3, link=lambda _: "?limit=2&offset=2")(request)

    rows = read(answer, FLAGS)
    assert [(row["id"], row["name"]) for row in rows] == [(1, None), (2, "new"), (3, None)]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (page(flag(1), count=2), "1 of 2 received"),
        (page({"key": "nameless"}), "an entry has no id"),
        (page(flag(1, active="perhaps")), "active: 'perhaps' is neither yes nor no"),
        (in_turn(Answer([flag(1)])), "has no results"),
        (in_turn(Answer({"results": [1], "next": None})), "an entry is not an object"),
    ],
)
def test_what_is_no_complete_list_fails_loudly(
    read: Read, answer: Callable[[Request], Answer], message: str
) -> None:
    with pytest.raises(AnswerError, match=message) as caught:
        read(answer, FLAGS)
    assert str(caught.value).startswith("posthog for client 713")


def test_people_stay_outside_and_new_fields_come_in(read: Read) -> None:
    people = {"id": 3, "first_name": "Augusta", "email": "augusta@agency.example"}
    [row] = read(
        page(
            flag(
                1,
                created_by=people,
                last_modified_by=None,
                owner_name="Augusta",
                filters={"holdout": {"created_by": people, "share": 5}},
                user_access_level="editor",
                rollout_percentage=12.5,
            )
        ),
        FLAGS,
    )
    assert row["filters"] == '{"holdout":{"share":5}}'
    assert row["user_access_level"] == "editor"
    assert not [name for name in row if "by" in name or "owner" in name]
    assert "ugusta" not in str(row)


def test_a_scope_that_is_missing_holds_no_other_table(own_agency: Agency) -> None:
    own_agency.faults.plan("posthog", "status", times=1, match="experiments", status=403)
    today = Window(clock.today(), clock.today())
    said: list[str] = []
    found = extract(pull_of("posthog", window=today, said=said), "posthog")
    assert set(found) == {"events", FLAGS}
    assert found["events"].failures == []
    [notice] = [line for line in said if "keeps its rows" in line]
    assert notice.startswith("experiments keeps its rows: the key may not read it")


def test_an_empty_project_is_no_fault(
    start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in start_agency(scenario="empty").environment().items():
        monkeypatch.setenv(name, value)
    found = extract(pull_of("posthog"), "posthog")
    assert {name: rows_of(landing) for name, landing in found.items()} == {
        "events": [],
        FLAGS: [],
        "experiments": [],
    }
    # the previous content is cleared
    assert all(dict(row)["_deleted"] for landing in found.values() for row in landing.rows)
    assert [total.totals["rows"] for landing in found.values() for total in landing.totals] == [
        0
    ] * 3
