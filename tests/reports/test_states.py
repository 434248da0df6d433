"""States: sums and rates in every channel, suppressed rates, the map, how far orders reach."""

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
from reports.state_performance.map import COLUMNS, NAMES, ROWS, TILES, map_picture
from reports.state_performance.orders import Orders
from tests.reports.reading import email_text, number, slack_text
from tests.reports.test_slack_limits import assert_within_limits
from tests.reports.weeks_world import SUNDAY, State, WeekMarts, restated
from tests.support.warehouse import Warehouse

MONDAY = SUNDAY - timedelta(days=6)
BEFORE = MONDAY - timedelta(days=7)
WEEK = (
    State("TX", 135, 98, 37, "7762.805", refunds=1),
    State("TX", 20, 15, 5, "100.005", "EXP"),
    State("FL", 112, 87, 25, "6993.00", chargebacks=2),
    State("WA", 19, 10, 9, "842.10"),
    State("PR", 14, 10, 4, "746.70", None),
    State("ZZ", 30, 20, 9, "0.01"),
)
ROW = re.compile(r"^(\S.*?) {2,}([\d,]+) +(\S+) +(\S+) +(\S+)$", re.MULTILINE)
Line = tuple[Decimal | None, str, str, Decimal | None]


def normal(weeks: WeekMarts) -> Rendered:
    weeks.files(BEFORE - timedelta(days=7), SUNDAY + timedelta(days=1))
    weeks.orders(SUNDAY, *WEEK[:3])
    weeks.orders(MONDAY, *WEEK[3:])
    weeks.orders(BEFORE, State("TX", 300, 250, 50, "12000.00"))
    return compose("state_performance", "713", SUNDAY)


def in_text(text: str) -> dict[str, Line]:
    return {
        match[1]: (number(match[2]), match[3], match[4], number(match[5]))
        for match in ROW.finditer(text)
    }


def in_slack(message: Any) -> dict[str, Line]:
    found = {}
    (table,) = (block for block in message["blocks"] if block["type"] == "table")
    for row in table["rows"][1:]:
        name, *cells = (cell["text"].strip() for cell in row)
        if cells[0]:
            found[name] = (number(cells[0]), cells[1], cells[2], number(cells[3]))
    return found


def in_html(source: str) -> dict[str, Line]:
    found = {}
    for row in BeautifulSoup(source, "html.parser").find_all("tr", class_="line"):
        label, *cells = row.find_all("td", recursive=False)
        texts = [cell.get_text().strip() for cell in cells]
        rate = re.search(r"approved \((.*?)\)", label.get_text())
        approval = rate[1] if rate else "\u2013"
        name = label.select_one(".label").get_text()
        found[name] = (number(texts[0]), approval, texts[1], number(texts[2]))
    return found


def test_numbers_of_every_channel_are_sums_of_the_mart(weeks: WeekMarts) -> None:
    messages: Any = normal(weeks).messages
    for found in (
        in_slack(messages["slack"]),
        in_text(messages["email"]["text"]),
        in_html(messages["email"]["html"]),
    ):
        assert found["Texas"] == (155, "72.9%", "27.1%", Decimal("7862.81"))
        assert found["Florida"] == (112, "77.7%", "22.3%", Decimal("6993.00"))
        # 19 attempts are too few; 20 of another brand are included in those of the state
        assert found["Washington"] == (19, "\u2013", "\u2013", Decimal("842.10"))
        assert found["Puerto Rico"] == (14, "\u2013", "\u2013", Decimal("746.70"))
        assert found["Other/unknown"] == (30, "66.7%", "30.0%", Decimal("0.01"))
        assert found["EXP"] == (20, "75.0%", "25.0%", Decimal("100.00"))
        assert found["No brand"][0] == 14
        total = found["Total"]
        assert total[0] == sum(one.attempts for one in WEEK) == 330
        assert total[3] == Decimal("16444.62")
        brands = [found[name][3] or 0 for name in ("CCW", "EXP", "No brand")]
        states = ("Texas", "Florida", "Washington", "Puerto Rico", "Other/unknown")
        assert sum(brands) == sum(found[name][3] or 0 for name in states) == total[3]


def test_any_number_of_brands_keeps_within_limits_and_adds_up(weeks: WeekMarts) -> None:
    weeks.files(BEFORE, SUNDAY + timedelta(days=1))
    codes = sorted(NAMES)
    weeks.orders(
        SUNDAY,
        *(
            State(codes[n % 60], 25, 20, 5, "98765432.105", f"{n} {'&' * 200} <!channel>")
            for n in range(120)
        ),
    )
    messages: Any = compose("state_performance", "713", SUNDAY).messages
    assert_within_limits(messages["slack"])
    assert len(messages["email"]["html"].encode()) < 90_000
    found = in_html(messages["email"]["html"])
    assert (found["109 others"][0], found["40 others"][0]) == (109 * 25, 40 * 50)
    assert found["Total"][0] == 120 * 25
    assert sum(line[3] or 0 for line in found.values()) == 3 * (found["Total"][3] or 0)


def test_headline_words_and_week_before(weeks: WeekMarts) -> None:
    messages: Any = normal(weeks).messages
    assert messages["slack"]["text"].endswith(
        "27.0% declined, 330 attempts \u2192 240 approved, most in Other/unknown (30.0%)"
    )
    text = messages["email"]["text"]
    assert "330, 240 approved (+10.0% against 300 the week before)" in text
    assert "27.0% (the week before 16.7%)" in text
    assert "Mon, Nov 16 to Sun, Nov 22, 2026 (ISO week 47 of 2026)" in text
    assert "S3 export as of Nov 23, 7:01 AM EST" in email_text(messages["email"]["html"])


def test_map_in_letters_has_a_tile_for_every_state_and_none_over_another(weeks: WeekMarts) -> None:
    assert len(set(TILES.values())) == len(TILES) == len(NAMES) == 60
    assert all(row < ROWS and column < COLUMNS for row, column in TILES.values())
    grid = normal(weeks).context.grid
    assert all(code in grid for code in NAMES if TILES[code][0] < ROWS - 1)
    assert "TX\u2593" in grid  # 27 % declined
    assert "FL\u2592" in grid
    assert "WA\u00b7" in grid  # too few for a rate
    assert "PR\u00b7" in grid
    assert "GU" not in grid  # no orders from there
    assert max(len(line) for line in grid.splitlines()) <= 48


def test_map_shows_states_and_what_is_none_in_one_tile() -> None:
    """Sixty tiles of 7 px, including the Northern Marianas, were unreadable."""

    def state(name: str) -> Orders:
        return Orders("713", name, 40, 30, 10, 0, 0, Decimal(100))

    picture: Any = map_picture([state("TX"), state("GU"), state("AE")], "a week")
    for panel in picture.draw.args[0]:
        codes = [tile.code for tile in panel.tiles]
        assert len(codes) == len(set(codes)) == 52, "fifty states, DC, and the rest"
        assert not {"AS", "GU", "MP", "PR", "VI", "AA", "AE", "AP"} & set(codes)
        assert next(tile.text for tile in panel.tiles if tile.code == "other") in ("80", "25%")


def test_picture_says_in_words_what_it_shows(weeks: WeekMarts) -> None:
    messages: Any = normal(weeks).messages
    picture, dark = BeautifulSoup(messages["email"]["html"], "html.parser").find_all("img")
    assert (picture["src"], dark["src"]) == ("cid:states", "cid:states-dark")
    assert "Texas 155 attempts, 27.1% declined; Florida 112 attempts" in picture["alt"]
    assert "Washington 19 attempts, \u2013 declined" in picture["alt"]


def test_attached_table_has_every_state_and_brand(weeks: WeekMarts) -> None:
    messages: Any = normal(weeks).messages
    file = messages["email"]["attachments"][-1]
    rows = list(csv.DictReader(io.StringIO(b64decode(file["content"]).decode("utf-8-sig"))))
    assert len(rows) == len(WEEK)
    texas = next(row for row in rows if (row["state"], row["project"]) == ("TX", "CCW"))
    assert (texas["attempts"], texas["revenue"], texas["refunds"]) == ("135", "7762.805", "1")


def test_late_file_is_named_and_a_missing_day_as_well(weeks: WeekMarts) -> None:
    hole = date(2026, 11, 19)
    weeks.files(BEFORE, SUNDAY, but=[hole])
    weeks.orders(MONDAY, *WEEK)
    rendered = compose("state_performance", "713", SUNDAY)
    messages: Any = rendered.messages
    assert rendered.edition == "incomplete"
    assert messages["email"]["subject"].startswith("INCOMPLETE \u00b7 27.0% declined of 330")
    note = "No file with orders came on Thu, Nov 19: orders of the day before may be missing."
    assert note in slack_text(messages["slack"])
    assert "the week before" not in messages["email"]["text"]


def test_without_files_there_is_no_data_and_without_orders_a_zero(weeks: WeekMarts) -> None:
    absent: Any = compose("state_performance", "713", SUNDAY).messages
    assert "no file of orders reaches it" in absent["email"]["subject"]
    assert "Complete" not in slack_text(absent["slack"])
    weeks.files(BEFORE, SUNDAY + timedelta(days=1))
    empty: Any = compose("state_performance", "713", SUNDAY)
    assert empty.edition == "complete"
    assert "No orders in the week Nov 16 to Nov 22." in empty.messages["email"]["text"]


def test_week_that_changed_is_told_in_one_line(weeks: WeekMarts) -> None:
    first = normal(weeks)
    assert restated("state_performance", first).context.changes == ()
    weeks.orders(SUNDAY, State("GA", 10, 9, 1, "50.00", refunds=4))
    (line,) = restated("state_performance", first).context.changes
    assert line == (
        "The week Nov 16 to Nov 22 has changed since we reported it on Nov 23, 7:01 AM EST: "
        "attempts 330 \u2192 340, approved 240 \u2192 249, revenue $16,444.62 \u2192 $16,494.62; "
        "declines rose 1 and refunds rose 4."
    )


@pytest.mark.parametrize("name", ["weekly_rollup", "affiliate_leaderboard", "state_performance"])
def test_queries_say_the_same_on_both_engines(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-23T07:35:00-05:00")
    weeks = WeekMarts(warehouse)
    normal(weeks)
    weeks.days(BEFORE, SUNDAY + timedelta(days=1))
    for day in (SUNDAY, SUNDAY + timedelta(days=2)):
        rendered = compose(name, "713", day)
        assert rendered.edition == "complete"
        assert (rendered.context.is_absent) == (name != "state_performance")
