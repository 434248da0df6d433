"""The limit of 10,000 rows: no cut-off day is loaded, filters must be applied, no row is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ingest.model import Window
from ingest.sources.everflow import settings
from sandbox import Agency
from signalroom.errors import AnswerError
from tests.ingest.reading import extract, plain, pull_of, rows_of
from tests.support.vendor import Answer, Request, Vendor, scripted_vendor

DAYS = Window(date(2026, 11, 12), date(2026, 11, 14))
DAY = Window(date(2026, 11, 12), date(2026, 11, 12))
DAILY = ("daily_stats",)


def stats(window: Window = DAYS, said: list[str] | None = None) -> list[dict[str, Any]]:
    pull = pull_of("everflow", window=window, resources=DAILY, said=said)
    return rows_of(extract(pull, "everflow")["daily_stats"])


@pytest.mark.parametrize(
    ("cap", "said"),
    [
        pytest.param(40, "asking in halves", id="two days are too many"),
        pytest.param(18, "asking by advertiser", id="one day is too many"),
    ],
)
def test_a_table_that_is_cut_off_is_asked_for_in_parts(
    own_agency: Agency, cap: int, said: str
) -> None:
    own_agency.caps.everflow_rows = cap
    heard: list[str] = []
    expected = own_agency.truth("713", DAYS.start, DAYS.end).daily_stats
    columns = list(expected[0])
    assert plain(stats(said=heard), columns) == plain(expected, columns)
    assert said in "\n".join(heard)


def test_exactly_the_cap_without_the_flag_is_not_believed(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = own_agency.truth("713", DAY.start, DAY.end).daily_stats
    monkeypatch.setattr("ingest.sources.everflow.daily_stats.ROW_CAP", len(expected))
    heard: list[str] = []
    assert len(stats(DAY, heard)) == len(expected)
    assert "asking by advertiser" in "\n".join(heard)


def test_an_advertiser_that_is_too_large_for_one_day_is_no_load(own_agency: Agency) -> None:
    own_agency.caps.everflow_rows = 8
    with pytest.raises(AnswerError, match=r"more than 10,000 rows of advertiser 1 in one day"):
        stats()


# A scripted network with one row per advertiser, whose table is cut off unless it is filtered.
def column(kind: str, number: int | str) -> dict[str, str]:
    return {"column_type": kind, "id": str(number), "label": f"{kind} {number}"}


def entry(affiliate: int | None, advertiser: int, clicks: int) -> dict[str, Any]:
    columns = [column("date", "2026-11-12"), column("advertiser", advertiser)]
    columns += [column("affiliate", affiliate)] if affiliate else []
    return {
        "columns": columns,
        "reporting": {"total_click": clicks, "cv": 0, "payout": 0, "revenue": 1.5},
    }


ROWS = {1: entry(11, 1, 10), 2: entry(12, 2, 20), 3: entry(13, 3, 30)}


def network(answer: Callable[[list[int]], list[dict[str, Any]]]) -> Callable[[Request], Answer]:
    """Of three advertisers one is listed, one is in the cut-off table, one only in the totals."""

    def give(request: Request) -> Answer:
        if request.path.endswith("/timezones"):
            return Answer({"timezones": []})
        if request.path.endswith("/advertisers"):
            rows = [{"network_advertiser_id": 1}] if request.query["page"] == "1" else []
            return Answer({"advertisers": rows, "paging": {"total_count": 1}})
        if not request.body:
            return Answer({"error": "not found"}, 404)
        asked = [int(one["filter_id_value"]) for one in request.body["query"]["filters"]]
        if not asked and len(request.body["columns"]) == 2:
            table = [entry(None, number, 10 * number) for number in ROWS]
            return Answer({"table": table, "incomplete_results": False})
        table = answer(asked) if asked else [ROWS[2]]
        return Answer({"table": table, "incomplete_results": not asked})

    return give


def ask(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.setenv("EVERFLOW_API_KEY", "key")
    monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
    return stats(DAY)


def test_every_advertiser_is_found_listed_seen_or_in_the_totals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scripted_vendor(network(lambda asked: [ROWS[number] for number in asked])) as vendor:
        found = ask(vendor, monkeypatch)
    assert [(row["advertiser_id"], row["clicks"]) for row in found] == [(1, 10), (2, 20), (3, 30)]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(lambda _: list(ROWS.values()), "ignores the filter", id="filter ignored"),
        pytest.param(lambda asked: [], "do not add up", id="rows are lost"),
        pytest.param(
            lambda asked: [entry(10 + asked[0], asked[0], 9 * asked[0])],
            "do not add up",
            id="clicks are lost",
        ),
    ],
)
def test_a_split_that_loses_or_doubles_rows_is_no_load(
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[list[int]], list[dict[str, Any]]],
    message: str,
) -> None:
    with (
        scripted_vendor(network(answer)) as vendor,
        pytest.raises(AnswerError, match=message) as caught,
    ):
        ask(vendor, monkeypatch)
    assert "the day keeps its rows" in str(caught.value)


def test_the_cap_is_the_vendors(own_agency: Agency) -> None:
    assert own_agency.caps.everflow_rows == settings.ROW_CAP
    assert own_agency.caps.everflow_clicks == settings.CLICK_ROW_CAP
