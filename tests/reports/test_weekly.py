"""The weekly rollup: the numbers of every channel against the mart, and each of its sentences."""

from __future__ import annotations

import csv
import io
import re
from base64 import b64decode
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bs4 import BeautifulSoup

from reports import Rendered, compose
from tests.reports.reading import email_text, number, slack_text
from tests.reports.weeks_world import SUNDAY, Sold, WeekMarts, restated

MONDAY = SUNDAY - timedelta(days=6)
CCW = (Sold(1013, "96128.13", "29448.89", "351.58"), Sold(955, "90535.00", "27870.08", "503.69"))
EXP = (Sold(342, "22059.00", "9047.90"), Sold(0, "0", "0"))
NOBODY = (Sold(0, "0", "1239.78", "1239.78"), Sold(0, "0", "1285.22", "1285.22"))
LINE = re.compile(
    r"^ *(?P<name>\S+) +(?P<now>[-\d$\u2212\u2013]\S*) +(?P<change>\S+)"
    r" +(?P<percent>n/a \(was 0\)|\S+)$"
)
Numbers = dict[tuple[str, str], tuple[Decimal | None, Decimal | None, str]]


def normal(weeks: WeekMarts) -> Rendered:
    weeks.days(MONDAY - timedelta(days=7), SUNDAY + timedelta(days=1))
    weeks.week(SUNDAY, {1: CCW, 2: EXP, None: NOBODY})
    return compose("weekly_rollup", "713", SUNDAY)


def in_text(text: str) -> Numbers:
    """Number, change and percentage by brand and measure, from tables in a fixed-width font."""
    found: Numbers = {}
    brand = ""
    for line in text.splitlines():
        if line.endswith("Change"):
            brand = line.split("  ")[0]
        elif match := LINE.match(line):
            plain = match["change"].replace("+", "")
            found[brand, match["name"]] = (number(match["now"]), number(plain), match["percent"])
    return found


def in_html(source: str) -> Numbers:
    """The same from the tables of an email."""
    found: Numbers = {}
    for table in BeautifulSoup(source, "html.parser").find_all("table"):
        rows = table.find_all("tr", class_="line")
        titles = [one.get_text() for one in table.find_all("th") if "This week" in one.get_text()]
        if not rows or titles != ["This week"]:
            continue
        brand = table.find("th").get_text()
        for row in rows:
            name, now, change = (cell for cell in row.find_all("td", recursive=False))
            shown, before = now.stripped_strings
            moved, share = change.stripped_strings
            value, step = number(shown), number(moved.replace("+", ""))
            sign = {"\u25b2 ": "+", "\u25bc ": "\u2212"}.get(share[:2], "")
            found[brand, name.get_text().strip()] = (
                value,
                step,
                sign + share.lstrip("\u25b2\u25bc "),
            )
            if value is not None and step is not None:
                # changes are computed before rounding
                was = number(before.removesuffix(" before"))
                assert abs((was or 0) - (value - step)) <= Decimal("0.01")
    return found


def channels(rendered: Rendered) -> dict[str, Numbers]:
    messages: Any = rendered.messages
    return {
        "slack": in_text(slack_text(messages["slack"])),
        "text": in_text(messages["email"]["text"]),
        "html": in_html(messages["email"]["html"]),
    }


def test_every_number_of_every_channel_is_that_of_the_mart(weeks: WeekMarts) -> None:
    for found in channels(normal(weeks)).values():
        assert_as_the_mart(found)


def assert_as_the_mart(found: Numbers) -> None:
    assert found["CCW", "Conversions"] == (1013, 58, "+6.1%")
    assert found["CCW", "Cost"] == (Decimal("29448.89"), Decimal("1578.81"), "+5.7%")
    assert found["CCW", "Unmapped"] == (Decimal("351.58"), Decimal("-152.11"), "\u221230.2%")
    assert found["CCW", "Revenue"] == (Decimal("96128.13"), Decimal("5593.13"), "+6.2%")
    assert found["CCW", "Profit"] == (Decimal("66679.24"), Decimal("4014.32"), "+6.4%")
    cpa = (Decimal("29448.89") - Decimal("351.58")) / 1013
    was = (Decimal("27870.08") - Decimal("503.69")) / 955
    cent = Decimal("0.01")
    step = (cpa - was).quantize(cent)
    assert found["CCW", "CPA"] == (cpa.quantize(cent), step, "+0.2%")
    assert found["No brand", "Unmapped"][0] == Decimal("1239.78")
    assert found["EXP", "Conversions"] == (342, 342, "n/a (was 0)")
    for measure in ("Conversions", "Cost", "Revenue", "Profit"):
        parts = [found[brand, measure][0] or 0 for brand in ("CCW", "EXP")]
        nobody = {"Cost": Decimal("1239.78"), "Profit": Decimal("-1239.78")}.get(measure, 0)
        assert found["Total", measure][0] == sum(parts) + nobody


def test_thirds_of_cents_add_up_to_the_total(weeks: WeekMarts) -> None:
    weeks.days(MONDAY - timedelta(days=7), SUNDAY + timedelta(days=1))
    third = Sold(1, "100.333333", "10.333333", "0.333333")
    brands_of_a_week = dict.fromkeys(range(1, 10), (third, third))
    weeks.week(SUNDAY, brands_of_a_week)
    weeks.days(SUNDAY + timedelta(days=2), SUNDAY + timedelta(days=2))
    weeks.week(SUNDAY + timedelta(days=7), brands_of_a_week, days=2)
    rendered = compose("weekly_rollup", "713", SUNDAY + timedelta(days=2))
    assert len(rendered.messages["email"]["html"].encode()) < 85_000
    for numbers in channels(rendered).values():
        brands = {brand for brand, _ in numbers if "so far" not in brand} - {"Total"}
        assert "6 other brands" in brands
        for measure, whole in (("Cost", "93.00"), ("Revenue", "903.00"), ("Profit", "810.00")):
            assert sum(numbers[brand, measure][0] or 0 for brand in brands) == Decimal(whole)
            assert numbers["Total", measure][0] == Decimal(whole)


def test_attached_table_has_every_digit_of_the_mart(weeks: WeekMarts) -> None:
    messages: Any = normal(weeks).messages
    file = next(one for one in messages["email"]["attachments"] if one["filename"][-3:] == "csv")
    assert file["filename"] == "weekly_rollup-713-2026-11-22.csv"
    assert messages["slack"]["extras"]["files"] == [file]
    rows = list(csv.DictReader(io.StringIO(b64decode(file["content"]).decode("utf-8-sig"))))
    assert [row["advertiser_label"] for row in rows] == ["CCW", "EXP", "Brand None"]
    assert (rows[0]["cost"], rows[0]["unmapped_cost"]) == ("29448.89", "351.58")
    assert rows[2]["advertiser_id"] == ""


def test_each_message_says_which_days_in_whose_zone_and_as_of_when(weeks: WeekMarts) -> None:
    messages: Any = normal(weeks).messages
    for text in (
        slack_text(messages["slack"]),
        messages["email"]["text"],
        email_text(messages["email"]["html"]),
    ):
        assert "Mon, Nov 16 to Sun, Nov 22, 2026 (ISO week 47 of 2026)" in text
        assert "ll times Eastern" in text
        assert "Everflow as of Nov 23, 7:01 AM EST" in text
        assert "RedTrack as of Nov 23, 7:01 AM EST" in text
        assert "Complete" in text
        assert "INCOMPLETE" not in text
        assert "final" not in text.lower()


@pytest.mark.parametrize("asked", [SUNDAY, SUNDAY + timedelta(days=1), SUNDAY + timedelta(days=6)])
def test_any_day_is_answered_with_the_last_week_that_ended_by_then(
    weeks: WeekMarts, asked: date
) -> None:
    normal(weeks)
    rendered = compose("weekly_rollup", "713", asked)
    assert (rendered.day, rendered.requested_day) == (SUNDAY, asked)
    earlier = compose("weekly_rollup", "713", SUNDAY - timedelta(days=1))
    assert earlier.day == SUNDAY - timedelta(days=7)


def test_late_source_is_named_in_the_headline_and_the_days_are(weeks: WeekMarts) -> None:
    weeks.days(MONDAY - timedelta(days=7), SUNDAY + timedelta(days=1), [SUNDAY], redtrack=False)
    weeks.week(SUNDAY, {1: CCW}, days=6)
    rendered = compose("weekly_rollup", "713", SUNDAY)
    messages: Any = rendered.messages
    assert rendered.edition == "incomplete"
    for headline in (
        messages["slack"]["text"],
        slack_text(messages["slack"]).splitlines()[0],
    ):
        assert headline.startswith("INCOMPLETE: RedTrack is late")
    subject = messages["email"]["subject"]
    assert subject.startswith("INCOMPLETE \u00b7 CPA $28.72")
    assert subject.endswith("RedTrack is late")
    note = "Sun, Nov 22 is not complete: not counted here, on either side."
    assert note in slack_text(messages["slack"])
    assert note in messages["email"]["text"]


def test_without_a_week_before_nothing_is_compared(weeks: WeekMarts) -> None:
    weeks.days(MONDAY, SUNDAY + timedelta(days=1))
    weeks.week(SUNDAY, {1: (CCW[0], None)})
    rendered = compose("weekly_rollup", "713", SUNDAY)
    for numbers in channels(rendered).values():
        assert numbers["CCW", "Cost"] == (Decimal("29448.89"), None, "\u2013")
    assert "nothing to compare with" in str(rendered.messages["slack"])


def test_no_data_is_said_rather_than_zeros(weeks: WeekMarts) -> None:
    rendered = compose("weekly_rollup", "713", SUNDAY)
    messages: Any = rendered.messages
    assert rendered.edition == "incomplete"
    assert "No data for the week Nov 16 to Nov 22 yet" in messages["email"]["subject"]
    assert "$" not in slack_text(messages["slack"])
    assert "$" not in messages["email"]["text"]
    assert "attachments" not in messages["email"]


def test_week_that_is_not_over_is_called_that(
    weeks: WeekMarts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-22T20:00:00-05:00")
    rendered = normal(weeks)
    assert "INCOMPLETE: the week is not over yet" in str(rendered.messages["slack"])


def test_running_week_is_shown_with_the_same_days_before(weeks: WeekMarts) -> None:
    normal(weeks)
    ahead = SUNDAY + timedelta(days=7)
    weeks.days(SUNDAY + timedelta(days=2), SUNDAY + timedelta(days=2))
    weeks.week(ahead, {1: (Sold(50, "900", "1400.00"), Sold(40, "800", "1000.00"))}, days=2)
    told = compose("weekly_rollup", "713", SUNDAY + timedelta(days=2)).messages
    text = slack_text(told["slack"])
    assert "2 complete days since Nov 23" in text
    assert re.search(r"CCW, so far[^,]+Conversions +50 +\+10 +\+25.0%\nCPA +\$28.00 ", text)
    assert "$1,400.00" in text
    before = slack_text(compose("weekly_rollup", "713", SUNDAY).messages["slack"])
    assert "so far" not in before.casefold()


def test_week_that_changed_says_from_what_to_what_because_of_what(weeks: WeekMarts) -> None:
    first = normal(weeks)
    assert restated("weekly_rollup", first).context.changes == ()
    weeks.clear("weekly_rollup")
    changed = Sold(1010, "95828.13", "29400.89", "351.58")
    weeks.week(SUNDAY, {1: (changed, CCW[1]), 2: EXP, None: NOBODY})
    (line,) = restated("weekly_rollup", first).context.changes
    assert line == (
        "The week Nov 16 to Nov 22 has changed since we reported it on Nov 23, 7:01 AM EST: "
        "conversions 1,355 \u2192 1,352, cost $39,736.57 \u2192 $39,688.57, "
        "profit $78,450.56 \u2192 "
        "$78,198.56; Everflow's conversions of CCW fell 3, Everflow's revenue fell $300.00 and "
        "RedTrack's spend fell $48.00."
    )
    (line,) = restated("weekly_rollup", first, "incomplete").context.changes
    assert line.startswith("Replaces the incomplete report of Nov 23, 7:01 AM EST: conversions")


@pytest.mark.parametrize(
    ("sunday", "words"),
    [
        (
            date(2027, 1, 3),
            "Mon, Dec 28, 2026 to Sun, Jan 3, 2027 (ISO week 53 of 2026)",
        ),
        (date(2026, 11, 1), "Mon, Oct 26 to Sun, Nov 1, 2026 (ISO week 44 of 2026)"),
        (date(2027, 3, 14), "Mon, Mar 8 to Sun, Mar 14, 2027 (ISO week 10 of 2027)"),
    ],
    ids=["year-end", "clock-back", "clock-forward"],
)
def test_weeks_of_the_year_end_and_of_clock_changes_are_seven_days(
    weeks: WeekMarts, monkeypatch: pytest.MonkeyPatch, sunday: date, words: str
) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", f"{sunday + timedelta(days=1)}T00:01:00")
    weeks.days(sunday - timedelta(days=13), sunday + timedelta(days=1))
    weeks.week(sunday, {1: CCW})
    rendered = compose("weekly_rollup", "713", sunday)
    assert rendered.edition == "complete"
    assert words in slack_text(rendered.messages["slack"])
