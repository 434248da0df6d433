"""The leaderboard: ranks and sums in every channel, risers and fallers, hostile names, limits."""

from __future__ import annotations

import csv
import io
import re
from base64 import b64decode
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from bs4 import BeautifulSoup

from reports import Rendered, compose
from reports.affiliate_leaderboard.build import cpa_ranks
from tests.reports.reading import email_text, number, slack_text
from tests.reports.test_slack_limits import assert_within_limits
from tests.reports.weeks_world import SUNDAY, Seller, WeekMarts, restated

BEFORE = SUNDAY - timedelta(days=7)
MONDAY = SUNDAY - timedelta(days=6)
SELLERS = (
    Seller("G2 - Meta", 240, "7759.555", "14992.95", (244, "6668", "16420.13"), is_internal=True),
    Seller("Blue Bench", 88, "2640.005", "5708.13", (85, "2550", "5525.98")),
    Seller("HS - TikTok", 67, "1382.59", "4970.54", (43, "2000", "2123.13"), 1, True, "ok", 1),
    Seller("Climber", 40, "800", "6000", (10, "200", "1500")),
    Seller("Few", 4, "20", "305", (7, "131", "533.75")),
    Seller("G2 - Google", 12, "0", "950", (0, "0", "0"), 1, True, "missing_spend", 2),
    Seller("Newcomer", 11, "330", "100"),
    Seller("Other brand", 33, "668.25", "1460.25", (38, "760", "1674.39"), 2),
)
EARLIER = (
    Seller("G2 - Meta", 244, "6668", "16420.13"),
    Seller("Blue Bench", 85, "2550", "5525.98"),
    Seller("HS - TikTok", 43, "2000", "2123.13"),
    Seller("Climber", 10, "200", "1500"),
    Seller("Few", 7, "131", "533.75"),
    Seller("G2 - Google", 0, "0", "0"),
    Seller("Vanished", 25, "500", "2000"),
    Seller("Other brand", 38, "760", "1674.39", advertiser_id=2),
)
HOSTILE = (
    "<script>alert(1)</script>",
    "<!channel> <@U1> *bold* _i_ ~s~ `c`",
    '=HYPERLINK("http://evil.invalid","x")',
    "\u202egnp.exe \u200b",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 $x^2$",
    "N" * 5000,
    " ",
    "</mj-raw><mj-include path='/etc/hostname' />",
    "\uff1d1+1",
)


def rendered(weeks: WeekMarts, *sellers: Seller) -> Rendered:
    weeks.days(BEFORE - timedelta(days=6), SUNDAY + timedelta(days=1))
    weeks.board(SUNDAY, *(sellers or SELLERS))
    weeks.board(BEFORE, *EARLIER)
    return compose("affiliate_leaderboard", "713", SUNDAY)


def slack_rows(message: Any) -> list[list[str]]:
    (table,) = [block for block in message["blocks"] if block["type"] == "table"]
    return [[cell["text"].strip() for cell in row] for row in table["rows"]]


def html_rows(source: str) -> list[list[str]]:
    """Name, conversions, CPA and profit of each row, with the first line of each number."""
    found = []
    for row in BeautifulSoup(source, "html.parser").find_all("tr", class_="line"):
        cells = row.find_all("td", recursive=False)
        name = cells[0].select_one(".label").get_text()
        found.append([name, *(next(iter(cell.stripped_strings), "") for cell in cells[1:])])
    return found


def numbers(row: list[str]) -> tuple[Decimal | None, ...]:
    return tuple(number(text) for text in row)


def test_numbers_of_every_channel_are_those_of_the_mart(weeks: WeekMarts) -> None:
    messages: Any = rendered(weeks).messages
    rows = slack_rows(messages["slack"])
    by_name = {row[1].lstrip("*!"): row for row in rows[1:]}
    shown = {row[0]: row for row in html_rows(messages["email"]["html"])}
    text = messages["email"]["text"]
    for one in SELLERS:
        cpa = None if one.state != "ok" else Decimal(one.cost) / one.conversions
        cents = None if cpa is None else cpa.quantize(Decimal("0.01"), "ROUND_HALF_UP")
        row = by_name[one.label]
        wanted = (one.conversions, cents, Decimal(one.profit))
        assert numbers([row[2], row[4], row[5]]) == wanted
        assert number(row[6].replace("+", "")) == Decimal(one.profit) - Decimal(one.was[2])
        assert numbers(shown[one.label][1:]) == wanted
        (line,) = re.findall(rf"^ *\d+ [*!]*{one.label} +(.*)$", text, re.MULTILINE)
        assert numbers(line.split()) == wanted
    total = by_name["Total"]
    assert [row[1] for row in rows].count("Total") == 2
    assert number(rows[9][2]) == sum(one.conversions for one in SELLERS if one.advertiser_id == 1)
    assert number(total[5]) == Decimal("1460.25")


def test_ranks_are_by_profit_and_few_conversions_have_none_by_cpa(weeks: WeekMarts) -> None:
    board = rendered(weeks).context.boards[0]
    assert [place.name for place in board.places][:3] == ["G2 - Meta", "Climber", "Blue Bench"]
    by_name = {place.name: place for place in board.places}
    assert by_name["Few"].cpa_rank is None
    assert by_name["Few"].marks == ["low volume"]
    assert by_name["G2 - Google"].cpa_rank is None
    assert board.best_cpa.name == "Climber"
    assert by_name["Climber"].climbed_text == "\u25b23"
    assert by_name["G2 - Meta"].climbed_text == "="
    assert by_name["Newcomer"].climbed_text == "new"


def test_who_costs_nothing_has_no_lowest_cpa(weeks: WeekMarts) -> None:
    free = Seller("Free", 50, "0", "900", state="zero_cost")
    found = rendered(weeks, *SELLERS, free)
    assert found.context.boards[0].best_cpa.name == "Climber"
    row = next(line for line in found.messages["email"]["text"].splitlines() if "Free" in line)
    assert "no cost" in row
    assert "$0.00" not in row


def test_who_rises_falls_and_is_gone_is_said(weeks: WeekMarts) -> None:
    messages: Any = rendered(weeks).messages
    text = slack_text({"blocks": [b for b in messages["slack"]["blocks"] if b["type"] != "table"]})
    assert "\u25b2 Climber: profit +$4,500.00, conversions 10 \u2192 40" in text
    assert "\u25bc G2 - Meta: profit \u2212$1,427.18, conversions 244 \u2192 240" in text
    assert "Inactive this week: Vanished (25 the week before)" in text
    # profit is not compared if its spend is missing
    assert "HS - TikTok: profit" not in text
    assert "Spend is missing on some days of HS - TikTok and G2 - Google" in text


def test_incomplete_weeks_are_not_compared(weeks: WeekMarts) -> None:
    weeks.days(BEFORE - timedelta(days=6), SUNDAY + timedelta(days=1), [BEFORE])
    weeks.board(SUNDAY, *SELLERS)
    messages: Any = compose("affiliate_leaderboard", "713", SUNDAY).messages
    text = messages["email"]["text"]
    assert "The week before is not complete: no movers are shown." in text
    assert "up  " not in text
    assert {row[6] for row in slack_rows(messages["slack"])[1:]} == {"", "\u2013"}


def test_late_source_and_no_data_are_said(weeks: WeekMarts) -> None:
    weeks.days(MONDAY, SUNDAY + timedelta(days=1), [SUNDAY], redtrack=False)
    weeks.board(SUNDAY, *SELLERS)
    late: Any = compose("affiliate_leaderboard", "713", SUNDAY)
    assert late.edition == "incomplete"
    assert late.messages["email"]["subject"].startswith(
        "INCOMPLETE \u00b7 Top profit $14,992.95: G2"
    )
    absent: Any = compose("affiliate_leaderboard", "713", BEFORE).messages
    assert "No data for the week Nov 9 to Nov 15 yet" in absent["slack"]["text"]
    assert "$" not in absent["email"]["text"]


def test_rest_stands_in_one_line_so_that_the_parts_add_up(weeks: WeekMarts) -> None:
    many = [Seller(f"A{n}", 10 + n, "10.333333", "3.333333") for n in range(40)]
    messages: Any = rendered(weeks, *many).messages
    rows = slack_rows(messages["slack"])[1:]
    assert rows[-2][1] == "25 others"
    for column in (2, 5):
        parts = [number(row[column]) or 0 for row in rows[:-1]]
        assert sum(parts) == number(rows[-1][column])


def test_changed_week_is_told_in_one_line(weeks: WeekMarts) -> None:
    first = rendered(weeks)
    assert restated("affiliate_leaderboard", first).context.changes == ()
    weeks.clear("affiliate_leaderboard")
    weeks.board(SUNDAY, Seller("G2 - Meta", 230, "7759.555", "14000", is_internal=True))
    (line,) = restated("affiliate_leaderboard", first).context.changes
    assert line.startswith("The week Nov 16 to Nov 22 has changed since we reported it on Nov 23")
    assert "conversions 495 \u2192 230" in line
    assert "Everflow's conversions of paid media fell 89" in line


def test_hostile_names_are_inert_in_every_channel(weeks: WeekMarts) -> None:
    sellers = [Seller(name, 20 + n, "10", "-5") for n, name in enumerate(HOSTILE)]
    messages: Any = rendered(weeks, *sellers).messages
    slack, email = messages["slack"], messages["email"]
    assert_within_limits(slack)
    page = BeautifulSoup(email["html"], "html.parser")
    assert not page.find_all(["script", "a", "iframe", "b", "img"])
    assert "/etc/hostname" in email_text(email["html"])
    for block in slack["blocks"]:
        for text in filter(None, [block.get("text"), *block.get("elements", [])]):
            assert not re.search(r"<[!@#a-z]", text["text"])
    for text in (email["text"], email["subject"], slack["text"], str(slack["blocks"])):
        assert not re.search("[\u202e\u200b]", text)
    assert "N" * 100 not in email["text"]


@pytest.mark.fault(59)
def test_hostile_names_are_no_formulas_in_the_attached_table(weeks: WeekMarts) -> None:
    sellers = [Seller(name, 20 + n, "10", "-5") for n, name in enumerate(HOSTILE)]
    messages: Any = rendered(weeks, *sellers).messages
    (file,) = messages["email"]["attachments"]
    body = b64decode(file["content"])
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
    labels = {row["affiliate_label"] for row in rows}
    assert {'\'=HYPERLINK("http://evil.invalid","x")', "'\uff1d1+1"} <= labels
    assert "N" * 5000 in labels
    assert {row["profit"] for row in rows} == {"-5"}


WAS = (5, "1", "2")


@pytest.mark.parametrize("brands", [1, 2, 3, 12])
def test_any_number_of_brands_and_names_keeps_within_limits(weeks: WeekMarts, brands: int) -> None:
    sellers = [
        Seller(f"{n} {'&' * 200}", 10 + n, "9876543.21", "1234567.89", WAS, brand, True, "ok", 1)
        for brand in range(1, brands + 1)
        for n in range(40)
    ]
    messages: Any = rendered(weeks, *sellers).messages
    assert_within_limits(messages["slack"])
    assert len(messages["email"]["html"].encode()) < 90_000
    if brands > 4:
        assert "8 more brands are in the attachment only" in messages["email"]["text"]


def test_ranks_by_cpa_begin_at_one_whatever_those_who_cost_nothing_take() -> None:
    """Three affiliates at rank one use up one rank or three, depending on how the mart counts."""
    free = [
        {"advertiser_id": 1, "affiliate_label": f"Free {at}", "cpa_rank": 1, "cpa": Decimal(0)}
        for at in range(3)
    ]
    for first in (2, 4):
        paid = {"advertiser_id": 1, "affiliate_label": "Paid", "cpa_rank": first, "cpa": Decimal(9)}
        assert cpa_ranks([*free, paid]) == {(1, "paid"): 1}
