"""PostHog as VENDOR_APIS.md describes it, including its traps."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from tests.sandbox.calls import variable

DAY = ("2026-11-17 05:00:00", "2026-11-18 05:00:00")


def posthog(agency: Agency, path: str, client: str = "713", **options: Any) -> httpx.Response:
    """POST if there is a JSON body, else GET."""
    headers = {"Authorization": f"Bearer {variable(agency, 'POSTHOG_API_KEY', client)}"}
    project = variable(agency, "POSTHOG_PROJECT_ID", client)
    url = f"{agency.base_url('posthog')}/api/projects/{options.pop('project', project)}/{path}"
    method = "POST" if "json" in options else "GET"
    options = {"headers": headers} | options
    return httpx.request(method, url, timeout=30, **options)


def query(
    agency: Agency, text: str, client: str = "713", refresh: str = "force_blocking"
) -> dict[str, Any]:
    body = {"query": {"kind": "HogQLQuery", "query": text}, "refresh": refresh}
    answer = posthog(agency, "query/", client, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def day(columns: str = "uuid", rest: str = "ORDER BY timestamp, uuid LIMIT 1000") -> str:
    start, end = DAY
    return (
        f"SELECT {columns} FROM events WHERE timestamp >= toDateTime('{start}', 'UTC') "
        f"AND timestamp < toDateTime('{end}', 'UTC') {rest}"
    )


def test_any_key_opens_any_project(agency: Agency) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    refused = posthog(agency, "feature_flags/", headers=wrong)
    assert (refused.status_code, refused.json()["type"]) == (401, "authentication_error")
    assert posthog(agency, "feature_flags/", project="9002").status_code == 403
    assert posthog(agency, "feature_flags/").status_code == 200


def test_rows_are_named(agency: Agency) -> None:
    answer = query(agency, day("event, uuid, properties"))
    assert answer["columns"] == ["event", "uuid", "properties"]
    assert isinstance(answer["results"][0], list)
    assert isinstance(json.loads(answer["results"][0][2]), dict)


def test_a_query_without_a_limit_is_whole(agency: Agency) -> None:
    short = query(agency, day(rest="ORDER BY timestamp, uuid"))
    assert (len(short["results"]), short["hasMore"]) == (100, True)
    whole = query(agency, day())
    assert (len(whole["results"]), whole["hasMore"]) == (min(1000, len(whole["results"])), False)
    assert len(whole["results"]) > 150
    assert query(agency, day("count()", ""))["results"] == [[len(whole["results"])]]


def test_no_two_events_share_an_instant_or_a_uuid(agency: Agency) -> None:
    rows = query(agency, day("uuid, timestamp"))["results"]
    assert max(Counter(at for _, at in rows).values()) >= 12
    doubled = [uuid for uuid, times in Counter(uuid for uuid, _ in rows).items() if times == 2]
    assert doubled
    assert len({uuid for uuid, _ in rows}) == len(rows) - len(doubled)


def test_behind_an_event_comes_what_was_there_already(agency: Agency) -> None:
    whole = query(agency, day("uuid, timestamp"))["results"]
    place = next(at for at in range(1, len(whole)) if whole[at][1] == whole[at - 1][1])
    uuid, moment = whole[place - 1]
    behind = f"AND (timestamp, uuid) > (toDateTime('{moment}', 'UTC'), toUUID('{uuid}')) "
    rest = query(agency, day("uuid, timestamp", behind + "ORDER BY timestamp, uuid LIMIT 1000"))
    assert rest["results"] == [row for row in whole[place:] if row[0] != uuid]


def test_the_zone_of_an_answer_is_always_utc(agency: Agency) -> None:
    texts = [query(agency, day("timestamp"), client)["results"][0][0] for client in ("713", "cti")]
    assert texts[0].endswith("Z")
    assert texts[1].endswith("-05:00")
    naive = "SELECT count() FROM events WHERE timestamp < toDateTime('2026-11-01 00:00:00')"
    zoned = naive.replace("00:00')", "00:00', 'UTC')")
    counts = [query(agency, text, "cti")["results"][0][0] for text in (naive, zoned)]
    assert counts[0] > counts[1]


def test_an_answer_is_never_old(own_agency: Agency) -> None:
    question = "SELECT count() FROM events LIMIT 1"
    before = query(own_agency, question, refresh="blocking")
    own_agency.set_now(own_agency.now() + timedelta(hours=5))
    cached = query(own_agency, question, refresh="blocking")
    assert (cached["is_cached"], cached["results"]) == (True, before["results"])
    fresh = query(own_agency, question)
    assert (fresh["is_cached"], fresh["results"] > before["results"]) == (False, True)
    assert "results" not in query(own_agency, question, refresh="async")


def test_what_happened_is_known_at_once(own_agency: Agency) -> None:
    own_agency.set_now(datetime(2026, 11, 18, 0, 30, tzinfo=BUSINESS_ZONE))
    first = query(own_agency, day("count()", ""))["results"][0][0]
    own_agency.set_now(datetime(2026, 11, 20, 0, 30, tzinfo=BUSINESS_ZONE))
    assert query(own_agency, day("count()", ""))["results"][0][0] > first


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM events",
        "SELECT uuid FROM persons",
        "SELECT uuid FROM events WHERE toDate(timestamp) = '2026-11-17'",
        "SELECT uuid FROM events ORDER BY random()",
        "SELECT uuid FROM events WHERE timestamp > toDateTime('soon')",
        "drop table events",
    ],
)
def test_anything_is_understood(agency: Agency, text: str) -> None:
    body = {"query": {"kind": "HogQLQuery", "query": text}}
    answer = posthog(agency, "query/", json=body)
    assert (answer.status_code, answer.json()["type"]) == (400, "validation_error")


def test_the_limit_has_a_header(own_agency: Agency) -> None:
    own_agency.caps.posthog_lists_per_minute = 1
    own_agency.stage.limit_clock.ticker = lambda: 1000.0
    assert posthog(own_agency, "feature_flags/").status_code == 200
    answer = posthog(own_agency, "feature_flags/")
    assert answer.status_code == 429
    assert answer.json()["detail"] == "Request was throttled. Expected available in 1 seconds."
    assert "retry-after" not in answer.headers


def test_a_list_is_one_page_and_its_link_leads_nowhere(agency: Agency) -> None:
    whole = posthog(agency, "feature_flags/").json()
    assert (whole["next"], whole["count"]) == (None, len(whole["results"]))
    assert whole["results"][0]["created_by"]["email"]
    first = posthog(agency, "feature_flags/?limit=4").json()
    key = {"Authorization": f"Bearer {variable(agency, 'POSTHOG_API_KEY')}"}
    second = httpx.get(first["next"], headers=key).json()
    assert first["results"] + second["results"] == whole["results"]
    assert second["previous"]
    assert posthog(agency, "experiments/").json()["results"][0]["feature_flag"]["id"] == 501


# the old list of events, which should not be used


def events(agency: Agency, **asked: str) -> dict[str, Any]:
    answer = posthog(agency, "events/", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_old_list_goes_back_further_than_a_day(agency: Agency) -> None:
    found = events(agency, limit="1000")
    moments = [datetime.fromisoformat(row["timestamp"]) for row in found["results"]]
    assert moments == sorted(moments, reverse=True)
    assert moments[-1] >= agency.now() - timedelta(days=1)
    assert set(found) == {"next", "results"}


def test_the_old_list_keeps_ties_at_the_edge_of_a_page(agency: Agency) -> None:
    bounds = {"after": "2026-11-17T05:00:00Z", "before": "2026-11-18T05:00:00Z"}
    whole = [row["id"] for row in events(agency, **bounds, limit="1000")["results"]]
    read, link = [], events(agency, **bounds, limit="7")
    key = {"Authorization": f"Bearer {variable(agency, 'POSTHOG_API_KEY')}"}
    while True:
        read += [row["id"] for row in link["results"]]
        if not link["next"]:
            break
        link = httpx.get(link["next"], headers=key).json()
    assert set(read) < set(whole)


def test_the_old_list_says_when_it_stopped_early(agency: Agency) -> None:
    found = events(agency, after="2026-10-20T00:00:00Z", limit="100")
    assert (len(found["results"]), found["next"]) == (50, None)


@pytest.mark.parametrize(
    "asked", [{"after": "soon"}, {"limit": "many"}, {"after": "2020-01-01T00:00:00Z"}]
)
def test_the_old_list_forgives_mistakes(agency: Agency, asked: dict[str, str]) -> None:
    assert posthog(agency, "events/", params=asked).status_code == 400
