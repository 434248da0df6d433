"""The stream of clicks: silent cuts, the repeated hour of a clock change, old days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ingest import dead_letters, registry
from ingest import pull as pipeline
from ingest.model import Loaded, Window
from sandbox import Agency
from signalroom.errors import AnswerError, ConfigurationError
from tests.ingest.reading import extract, plain, pull_of, rows_of, stored
from tests.support.vendor import Answer, Request, scripted_vendor
from tests.support.warehouse import DUCKDB_FIRST, Warehouse

SOURCE = registry.source("everflow")

ONLY = ("clicks",)
PERIOD = ("from", "to")
# the clocks go back on the first of November: that day has 25 hours
CLOCK_CHANGE = Window(date(2026, 11, 1), date(2026, 11, 1))
CAP = 100


@pytest.fixture
def capped(own_agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Agency:
    own_agency.caps.everflow_clicks = CAP
    monkeypatch.setattr("ingest.sources.everflow.settings.CLICK_ROW_CAP", CAP)
    return own_agency


def test_a_silent_cut_is_found_and_nothing_is_lost_or_doubled(capped: Agency) -> None:
    landing = extract(pull_of("everflow", "cti", CLOCK_CHANGE, ONLY), "everflow")["clicks"]
    expected = capped.truth("cti", CLOCK_CHANGE.start, CLOCK_CHANGE.end).clicks
    columns = list(expected[0])
    assert len(expected) > 700
    assert plain(rows_of(landing), columns) == plain(expected, columns)
    assert [total.totals["rows"] for total in landing.totals] == [len(expected)]


def test_the_hour_that_comes_twice_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that end within that hour are requested in UTC, where no hour repeats."""
    midnight = int(datetime(2026, 11, 1, 4, tzinfo=UTC).timestamp())
    clicks = [midnight + 3600 + 600 * number for number in range(12)]  # 01:00 to 02:00, twice

    def epoch(text: str, zone_id: int) -> float:
        zone = {67: UTC, 80: ZoneInfo("America/New_York")}[zone_id]
        return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()

    def answer(request: Request) -> Answer:
        if request.path.endswith("/timezones"):
            return Answer({"timezones": []})
        start, end = (epoch(request.body[name], request.body["timezone_id"]) for name in PERIOD)
        found = [{"unix_timestamp": at} for at in clicks if start <= at <= end]
        return Answer({"clicks": found[:2]})

    monkeypatch.setattr("ingest.sources.everflow.settings.CLICK_ROW_CAP", 2)
    with scripted_vendor(answer) as vendor:
        monkeypatch.setenv("EVERFLOW_API_KEY", "key")
        monkeypatch.setenv("EVERFLOW_BASE_URL", vendor.url)
        monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
        landing = extract(pull_of("everflow", "713", CLOCK_CHANGE, ONLY), "everflow")["clicks"]
    assert [int(row["click_at"].timestamp()) for row in rows_of(landing)] == clicks


def test_more_clicks_in_one_second_than_an_answer_holds_is_no_load(
    capped: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    capped.caps.everflow_clicks = 1
    monkeypatch.setattr("ingest.sources.everflow.settings.CLICK_ROW_CAP", 1)
    with pytest.raises(AnswerError, match="clicks in the second 2026-"):
        extract(pull_of("everflow", "cti", Window(*[date(2026, 11, 2)] * 2), ONLY), "everflow")


def test_no_window_is_longer_than_the_vendor_answers(
    start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> None:
    agency = start_agency(scenario="empty")
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    pull = pull_of("everflow", "cti", Window(date(2026, 10, 25), date(2026, 11, 9)), ONLY)
    landing = extract(pull, "everflow")["clicks"]
    assert len(landing.totals) == 16
    assert SOURCE.plan(pull).requests == len(agency.requests) == 3


def test_days_that_the_vendor_no_longer_keeps_are_not_emptied(own_agency: Agency) -> None:
    today = own_agency.calendar.today()
    window = Window(today - timedelta(days=90), today - timedelta(days=87))
    landing = extract(pull_of("everflow", "cti", window, ONLY), "everflow")["clicks"]
    assert [total.day for total in landing.totals] == [window.end]


def test_clicks_are_off_unless_switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "clicks" not in SOURCE.chosen("713")
    assert SOURCE.chosen("713", ONLY) == ONLY
    monkeypatch.setenv("EVERFLOW_CLICKS__CTI", "on")
    assert "clicks" not in SOURCE.chosen("713")
    assert "clicks" in SOURCE.chosen("cti")
    monkeypatch.setenv("EVERFLOW_CLICKS", "maybe")
    with pytest.raises(ConfigurationError, match="EVERFLOW_CLICKS is 'maybe': set it to on or off"):
        SOURCE.chosen("713")


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_a_server_error_on_the_last_day_skips_no_day_of_the_next_pull(
    warehouse: Warehouse, own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clicks have no pages to go on behind: each pull reads its days whole."""
    warehouse.activate(monkeypatch)
    monkeypatch.setattr("ingest.sources.everflow.settings.CLICK_SLICE_DAYS", 1)
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0")
    window = Window(date(2026, 11, 17), date(2026, 11, 18))

    def pull() -> Loaded:
        made = pipeline.make_pull(SOURCE, "cti", window=window, resources=ONLY)
        own_agency.requests.clear()
        return pipeline.load(SOURCE, replace(made, is_named=False))

    own_agency.faults.plan(
        "everflow", "status", times=20, match=lambda text: '"from":"2026-11-18' in text, status=500
    )
    [failure] = pull().failures
    assert failure.startswith("clicks keeps its rows: ")
    assert warehouse.rows("select * from ops.unfinished_days") == []
    own_agency.faults.clear()
    loaded = pull()
    expected = own_agency.truth("cti", window.start, window.end).clicks
    assert loaded.rows == {"clicks": len(expected)}


def test_clicks_land_once_and_a_failure_changes_nothing(
    warehouse: Warehouse, own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    day = Window(date(2026, 11, 17), date(2026, 11, 18))
    expected = own_agency.truth("cti", day.start, day.end).clicks
    columns = list(expected[0])
    for _ in range(2):
        loaded = pipeline.load(
            SOURCE, pipeline.make_pull(SOURCE, "cti", window=day, resources=ONLY)
        )
        found = plain(stored(warehouse, "everflow.clicks", columns), columns)
        assert found == plain(expected, columns)
    assert loaded.changed == 0
    own_agency.faults.plan("everflow", "status", status=400, match="clicks/stream")
    with pytest.raises(AnswerError, match="refuses the request"):
        pipeline.load(SOURCE, pipeline.make_pull(SOURCE, "cti", window=day, resources=ONLY))
    assert plain(stored(warehouse, "everflow.clicks", columns), columns) == found
    # its dead letter is resolved by a load of its days, and of no others
    before = Window(date(2026, 11, 16), date(2026, 11, 17))
    for window, is_open in ((before, True), (day, False)):
        pipeline.load(SOURCE, pipeline.make_pull(SOURCE, "cti", window=window, resources=ONLY))
        assert [one.table_name for one in dead_letters.waiting()] == ["clicks"] * is_open
    # after clicks were requested once, the default pull must not request their days forever
    pull = pipeline.make_pull(SOURCE, "cti")
    assert "clicks" not in pull.resources
