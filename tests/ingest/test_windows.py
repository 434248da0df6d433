"""Windows: no gap after an outage, no end before the start."""

from datetime import date

import pytest

from ingest.model import Window, days, default_window, explicit_window, slices
from signalroom.errors import ConfigurationError

TODAY = date(2026, 11, 19)


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")


@pytest.mark.parametrize(
    ("last_end", "asked", "start"),
    [
        pytest.param(None, None, date(2026, 10, 15), id="the first time: 35 days before today"),
        pytest.param(TODAY, None, date(2026, 11, 16), id="today and the 3 days before"),
        pytest.param(date(2026, 11, 9), None, date(2026, 11, 9), id="an outage leaves no hole"),
        pytest.param(TODAY, date(2026, 11, 2), date(2026, 11, 2), id="a day asked for"),
        pytest.param(date(2027, 1, 1), None, date(2026, 11, 16), id="a ledger of the future"),
        pytest.param(None, date(2026, 9, 1), date(2026, 9, 1), id="asked for before the history"),
    ],
)
def test_the_window_covers_what_is_due(
    last_end: date | None, asked: date | None, start: date
) -> None:
    assert default_window(last_end, asked) == Window(start, TODAY)


def test_a_named_window_is_taken_as_it_is() -> None:
    assert explicit_window(date(2026, 11, 1), None) == Window(date(2026, 11, 1), TODAY)
    assert explicit_window(None, date(2026, 11, 3)) == Window(date(2026, 11, 3), date(2026, 11, 3))


@pytest.mark.parametrize(
    ("start", "end"),
    [(TODAY, date(2026, 11, 18)), (TODAY, date(2026, 11, 20)), (date(1026, 11, 1), TODAY)],
)
def test_an_impossible_window_is_refused(start: date, end: date) -> None:
    with pytest.raises(ConfigurationError):
        explicit_window(start, end)


def test_a_year_with_a_wrong_digit_plans_no_thousand_years() -> None:
    with pytest.raises(ConfigurationError, match=r"starts on 1026-11-18; .* check the year"):
        default_window(TODAY, date(1026, 11, 18))


@pytest.mark.parametrize("length", [1, 2, 7, 31, 400])
def test_slices_neither_lose_nor_double_a_day(length: int) -> None:
    window = Window(date(2026, 9, 28), TODAY)
    parts = [day for part in slices(window, length) for day in days(part)]
    assert parts == list(days(window))
