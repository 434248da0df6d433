"""Everflow's special cases: boundary rows, correct counts, limited keys, other currencies."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from ingest import registry
from ingest.model import Window
from ingest.sources.everflow.client import Network
from ingest.sources.everflow.probe import probe
from sandbox import Agency
from signalroom.errors import AnswerError, CredentialsError
from tests.ingest.reading import extract, plain, pull_of, rows_of
from tests.support.vendor import Answer, Request, scripted_vendor

SOURCE = registry.source("everflow")
DAY = Window(date(2026, 11, 12), date(2026, 11, 12))


def test_a_row_that_the_first_size_never_shows_is_found(own_agency: Agency) -> None:
    own_agency.quirks.everflow_boundary_row = True
    own_agency.caps.everflow_page = 50
    expected = own_agency.truth("713", DAY.start, DAY.end).conversions
    found = extract(pull_of("everflow", window=DAY, resources=("conversions",)), "everflow")
    columns = list(expected[0])
    assert plain(rows_of(found["conversions"]), columns) == plain(expected, columns)


def test_a_table_that_is_cut_off_without_a_flag_is_asked_for_in_parts(own_agency: Agency) -> None:
    own_agency.quirks.everflow_silent_cut = True
    own_agency.caps.everflow_rows = 20
    window = Window(date(2026, 11, 9), DAY.end)
    expected = own_agency.truth("713", window.start, window.end).daily_stats
    assert len(expected) > 20
    found = extract(pull_of("everflow", window=window, resources=("daily_stats",)), "everflow")
    columns = ["date", "affiliate_id", "advertiser_id", "conversions", "payout"]
    assert plain(rows_of(found["daily_stats"]), columns) == plain(expected, columns)


def test_null_for_an_empty_list_is_a_day_without_rows(own_agency: Agency) -> None:
    own_agency.quirks.everflow_null_for_empty = True
    tomorrow = own_agency.calendar.today() + timedelta(days=1)  # a day without data yet
    found = extract(pull_of("everflow", window=Window(tomorrow, tomorrow)), "everflow")
    assert set(found) == set(SOURCE.chosen("713"))
    assert rows_of(found["daily_stats"]) == rows_of(found["conversions"]) == []


@pytest.mark.parametrize(
    "forbidden", [{"affiliates", "advertisers", "offers"}, {"timezones"}, {"encode"}]
)
def test_a_narrow_key_holds_no_statistics(own_agency: Agency, forbidden: set[str]) -> None:
    own_agency.quirks.everflow_forbidden = set(forbidden)
    said: list[str] = []
    found = extract(pull_of("everflow", window=DAY, said=said), "everflow")
    assert len(rows_of(found["daily_stats"])) > 3
    assert len(rows_of(found["conversions"])) > 3
    assert found["daily_stats"].failures == []
    named = {line.split(" ")[0] for line in said if "the key may not read it" in line}
    codes = {"tracking_codes"} if forbidden & {"affiliates", "encode"} else set()
    assert named == forbidden - {"timezones", "encode"} | codes


@pytest.mark.parametrize("quirk", ["everflow_elsewhere", "everflow_bound_keys"])
def test_a_good_key_that_is_refused_is_not_only_called_a_bad_one(
    own_agency: Agency, quirk: str
) -> None:
    setattr(own_agency.quirks, quirk, {"713"})
    with pytest.raises(CredentialsError, match=r"EVERFLOW_BASE_URL to https://api-eu.*addresses"):
        extract(pull_of("everflow", window=DAY), "everflow")
    assert len(own_agency.requests) == 2, "the other tables would only meet the same"


def test_a_network_in_another_currency_is_loaded_and_said_once(own_agency: Agency) -> None:
    own_agency.quirks.everflow_currencies = {"713": "CAD"}
    said: list[str] = []
    found = extract(pull_of("everflow", window=DAY, said=said), "everflow")
    expected = own_agency.truth("713", DAY.start, DAY.end).daily_stats
    columns = ["affiliate_id", "advertiser_id", "payout", "revenue"]
    assert plain(rows_of(found["daily_stats"]), columns) == plain(expected, columns)
    told = "the network is kept in CAD; its amounts come converted to USD"
    assert [line for line in said if "CAD" in line] == [told]
    assert told in probe(pull_of("everflow", window=DAY))
    own_agency.quirks.everflow_forbidden = {"network"}
    assert told in probe(pull_of("everflow", window=DAY)), "an advertiser tells it too"


@pytest.mark.parametrize(
    "zones", ["x", 7, {}, [None], ["x"], [{"timezone_id": "x", "timezone": "UTC"}], [{}], [[80]]]
)
def test_zones_that_are_none_are_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, zones: object
) -> None:
    with scripted_vendor(lambda _: Answer({"timezones": zones})) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        assert Network(pull_of("everflow", window=DAY)).business_zone_id == 80


@pytest.mark.parametrize("status", [200, 403])
def test_a_zone_by_another_name_is_known_and_one_of_other_rules_is_not(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """EST is New York without daylight saving time: it would move half of the year's days."""
    listed = {"timezones": [{"timezone_id": 80, "timezone": "America/New_York"}]}
    with scripted_vendor(lambda _: Answer(listed if status == 200 else {}, status)) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        monkeypatch.setenv("SIGNALROOM_TIMEZONE", "US/Eastern")
        assert Network(pull_of("everflow", window=DAY)).business_zone_id == 80
        monkeypatch.setenv("SIGNALROOM_TIMEZONE", "EST")
        network = Network(pull_of("everflow", window=DAY))
        with pytest.raises(AnswerError, match="does not list the time zone EST"):
            _ = network.business_zone_id


@pytest.mark.parametrize("said", ["USD", "usd", "", None])
def test_dollars_are_no_news(monkeypatch: pytest.MonkeyPatch, said: str | None) -> None:
    def give(request: Request) -> Answer:
        return Answer({"default_currency_id": said, "advertisers": None})

    with scripted_vendor(give) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        assert Network(pull_of("everflow")).other_currency() is None


def test_the_plan_counts_what_the_pull_asks(own_agency: Agency) -> None:
    pull = pull_of("everflow", window=DAY)
    extract(pull, "everflow")
    assert SOURCE.plan(pull).requests == len(own_agency.requests)


@pytest.mark.parametrize("paging", [{}, {"page_size": 3}, {"total_count": 0}, None])
def test_a_ceiling_below_the_page_that_was_asked_ends_no_list(
    monkeypatch: pytest.MonkeyPatch, paging: dict[str, int] | None
) -> None:
    every = [{"network_affiliate_id": one, "name": f"A{one}"} for one in range(1, 9)]

    def give(request: Request) -> Answer:
        page = int(request.query["page"])
        size = min(3, int(request.query["page_size"]))
        rows: Any = every[(page - 1) * size : page * size] or None
        return Answer({"affiliates": rows, "paging": paging})

    with scripted_vendor(give) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        found = extract(pull_of("everflow", resources=("affiliates",)), "everflow")
    assert [row["network_affiliate_id"] for row in rows_of(found["affiliates"])] == list(
        range(1, 9)
    )


def test_two_rows_of_one_affiliate_and_day_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [
        {"column_type": "date", "id": str(DAY.start), "label": ""},
        {"column_type": "affiliate", "id": "11", "label": "G2 - Meta"},
        {"column_type": "advertiser", "id": "1", "label": "CCW"},
    ]
    measures = {"total_click": 9, "cv": 2, "payout": 10, "revenue": 20}

    def give(request: Request) -> Answer:
        if request.path.endswith("/table"):
            return Answer({"table": [{"columns": columns, "reporting": measures}] * 2})
        return Answer({"timezones": None})

    with scripted_vendor(give) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        pull = pull_of("everflow", window=DAY, resources=("daily_stats",))
        with pytest.raises(AnswerError, match="two rows of date 2026-11-12, affiliate_id 11, adv"):
            extract(pull, "everflow")


@pytest.mark.parametrize("count", [50, 51, 100, 130, 200])
@pytest.mark.parametrize("limit", [50, 100])
def test_a_limit_that_is_not_mentioned_beside_a_count_of_the_page_ends_no_list(
    monkeypatch: pytest.MonkeyPatch, limit: int, count: int
) -> None:
    every = [{"network_affiliate_id": one, "name": f"A{one}"} for one in range(1, count + 1)]

    def give(request: Request) -> Answer:
        page, size = int(request.query["page"]), min(limit, int(request.query["page_size"]))
        rows = every[(page - 1) * size : page * size]
        return Answer({"affiliates": rows, "paging": {"total_count": len(rows)}})

    with scripted_vendor(give) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        found = extract(pull_of("everflow", resources=("affiliates",)), "everflow")
    assert len(rows_of(found["affiliates"])) == count


def test_a_count_of_what_never_comes_fails_instead_of_emptying_the_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def give(request: Request) -> Answer:
        if request.path.endswith("/timezones"):
            return Answer({"timezones": None})
        return Answer({"conversions": None, "paging": {"total_count": 3}})

    with scripted_vendor(give) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        pull = pull_of("everflow", window=DAY, resources=("conversions",))
        monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
        with pytest.raises(AnswerError, match="0 of 3 received"):
            extract(pull, "everflow")


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param({1: "28KL6"}, id="one is missing"),
        pytest.param({1: "28KL6", 2: ""}, id="one is blank"),
        pytest.param({1: "28KL6", 2: "28KL6"}, id="two are the same"),
        pytest.param(None, id="none at all"),
    ],
)
def test_an_id_without_a_code_of_its_own_loads_no_codes(
    monkeypatch: pytest.MonkeyPatch, codes: dict[int, str] | None
) -> None:
    def give(request: Request) -> Answer:
        if request.path.endswith("/encode"):
            values = codes and [{"decoded": key, "encoded": code} for key, code in codes.items()]
            return Answer({"values": values})
        kind = request.path.rpartition("/")[2]
        rows = [{f"network_{kind.removesuffix('s')}_id": number} for number in (1, 2)]
        return Answer({kind: rows, "paging": {"total_count": 2}})

    with scripted_vendor(give) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        with pytest.raises(AnswerError, match="of 2 affiliates not each has a tracking code"):
            extract(pull_of("everflow", resources=("tracking_codes",)), "everflow")
