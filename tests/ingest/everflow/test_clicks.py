"""What goes wrong with the stream of clicks: silent cuts, an hour that comes twice, old days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from ingest import pipeline
from ingest.landing import Window
from ingest.sources.everflow import SOURCE
from sandbox import Agency
from signalroom.errors import AnswerError, ConfigurationError
from tests.ingest.reading import extract, plain, pull_of, rows_of, stored
from tests.support.warehouse import Warehouse

ONLY = ("clicks",)
# the clocks go back on the first of November: that day has 25 hours
CLOCK_CHANGE = Window(date(2026, 10, 31), date(2026, 11, 2))


@pytest.fixture
def capped(own_agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Agency:
    own_agency.caps.everflow_clicks = 150
    monkeypatch.setattr("ingest.sources.everflow.settings.CLICK_ROW_CAP", 150)
    return own_agency


def test_a_silent_cut_is_found_and_nothing_is_lost_or_doubled(capped: Agency) -> None:
    landing = extract(pull_of("everflow", "cti", CLOCK_CHANGE, ONLY), "everflow")["clicks"]
    expected = capped.truth("cti", CLOCK_CHANGE.start, CLOCK_CHANGE.end).clicks
    columns = list(expected[0])
    assert len(expected) > 2000
    assert plain(rows_of(landing), columns) == plain(expected, columns)
    assert [total.partition_key for total in landing.totals] == [
        "2026-10-31", "2026-11-01", "2026-11-02",
    ]  # fmt: skip
    assert sum(int(total.totals["rows"]) for total in landing.totals) == len(expected)


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
    assert "clicks" not in pipeline.choose_tables(SOURCE, "713")
    assert pipeline.choose_tables(SOURCE, "713", ONLY) == ONLY
    monkeypatch.setenv("EVERFLOW_CLICKS__CTI", "on")
    assert "clicks" not in pipeline.choose_tables(SOURCE, "713")
    assert "clicks" in pipeline.choose_tables(SOURCE, "cti")
    monkeypatch.setenv("EVERFLOW_CLICKS", "maybe")
    with pytest.raises(ConfigurationError, match="EVERFLOW_CLICKS is 'maybe': set it to on or off"):
        pipeline.choose_tables(SOURCE, "713")


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
    # clicks asked for once do not make the usual pull ask for their days for ever
    pull = pipeline.make_pull(SOURCE, "cti")
    assert "clicks" not in pull.resources
