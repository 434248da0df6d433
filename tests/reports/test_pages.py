"""The clients' pages: only their own data, the marts' numbers, small, readable, rarely written."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from reports.model import Row
from reports.pages import files, render
from reports.pages.content import content, read
from reports.pages.files import Made
from reports.preview.patches import GOALS
from reports.preview.recorded import NOW, fill
from reports.preview.scenarios import SUNDAY
from reports.preview.stage import stage
from signalroom import clock, warehouse
from signalroom.clients import client
from tests.support.browser import axe

SENTINEL = "Sentinel of {}"
PART: Row = {
    "date": SUNDAY,
    "advertiser_id": 1,
    "affiliate_label": "Blue Bench",
    "measure": "conversions",
    "source_table": "everflow.daily_stats",
    "source_column": "conversions",
    "everflow_affiliate_id": 12,
    "amount": Decimal(12),
    "is_cost": False,
    "load_id": "1764400000.1",
}


def renamed(name: str, label: str) -> tuple[str, str]:
    """Statements that give a client an affiliate and a source that no other client has."""
    change = "update daily_performance set affiliate_label ="
    return (
        f"{change} '{SENTINEL.format(name)} affiliate'"
        f" where _client_id = '{name}' and affiliate_label = '{label}'",
        f"{change} 'Unmapped: {SENTINEL.format(name)} source'"
        f" where _client_id = '{name}' and is_unmapped",
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with the marts of two clients, and part of a day's figures for each."""
    folder = tmp_path_factory.mktemp("pages")
    with stage(folder, NOW):
        fill((*GOALS, *renamed("713", "G2 - Meta"), *renamed("cti", "CTI House Media")))
        for name in ("713", "cti"):
            add_part(name, SENTINEL.format(name), SUNDAY)
        yield folder


@pytest.fixture(autouse=True)
def at_home(home: Path) -> Iterator[None]:
    """Each test runs in that home, at that time."""
    with stage(home, NOW):
        yield


def add_part(name: str, label: str, day: date) -> None:
    row = {**PART, "_client_id": name, "affiliate_label": label, "date": day}
    with warehouse.duckdb_connection(read_only=False) as connection:
        columns = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        connection.execute(
            f"insert into marts.figure_parts ({columns}) values ({marks})", list(row.values())
        )


@pytest.fixture(scope="module")
def made(home: Path) -> list[Made]:
    return files.make(["713", "cti"])


def test_page_and_days_of_a_client_hold_nothing_of_another(made: list[Made]) -> None:
    for one, other in (("713", "cti"), ("cti", "713")):
        for path in (files.folder() / one).rglob("*.html"):
            text = path.read_text("utf-8")
            assert SENTINEL.format(one) in text, path
            assert SENTINEL.format(other) not in text, path
    assert len(list(files.folder().rglob("*.html"))) == 4


def test_page_is_small_on_the_way_and_fetches_nothing(made: list[Made]) -> None:
    body = made[0].page.read_bytes()
    assert len(gzip.compress(body)) <= 300_000
    assert re.findall(rb'(?:src|href)="(?!#|days/)[^"]*"', body) == []
    assert b"<script" not in body


def test_numbers_are_the_marts_numbers_and_every_chart_has_its_table(made: list[Made]) -> None:
    shown = content(client("713"), SUNDAY, clock.now(), read(client("713"), SUNDAY))
    rows = warehouse.read(
        "select sum(conversions) as sold, sum(cost) as cost from daily_performance "
        "where _client_id = '713' and advertiser_id = 1 and not is_unmapped and date > :day",
        {"day": SUNDAY - timedelta(days=7)},
    )
    week = shown.brands[0].periods[7]
    assert (week.total.conversions, week.total.cost) == (rows[0]["sold"], rows[0]["cost"])
    assert sum(one.now.spent for one in week.places) == week.total.cost
    text = made[0].page.read_text("utf-8")
    assert f"{week.total.conversions:,} conversions in 7 days" in text
    charts = len(re.findall(r'<svg viewBox="[^"]*" aria-hidden="true">', text))
    assert charts == 2 * 3 * 4, "two brands, three periods, four charts"
    assert (
        len(re.findall(r"(?:conversion|Conversions|Cost|Profit) as a table</summary>", text))
        == charts
    )


def test_every_goal_line_of_a_chart_has_its_entry_in_the_legend(made: list[Made]) -> None:
    text = made[0].page.read_text("utf-8")
    card = r'<section class="card">\s*<h3>([^<]*)</h3>((?:(?!<section).)*?)</svg>'
    sections = re.findall(card, text, re.DOTALL)
    named = {title: re.findall(r">Goal ([^<]*)</li>", body) for title, body in sections[:4]}
    assert named == {
        "Cost per conversion": ["$28.00"],
        "Conversions": ["116.7 a day"],
        "Cost": ["$3,666.67 a day"],
        "Profit": [],
    }
    for title, body in sections:
        assert ("stroke-dasharray" in body) == (">Goal " in body), title


def test_period_is_not_compared_with_one_that_was_loaded_in_part() -> None:
    rows = read(client("713"), SUNDAY)
    whole = content(client("713"), SUNDAY, clock.now(), rows).brands[0].periods[7]
    assert whole.before is not None
    assert whole.since is None
    first = SUNDAY - timedelta(days=10)
    late = {**rows, "days": [row for row in rows["days"] if row["date"] >= first]}
    part = content(client("713"), SUNDAY, clock.now(), late).brands[0].periods
    assert (part[7].before, part[7].since) == (None, None)
    assert part[7].cpa.change is None
    assert {one.moved for one in part[7].places} == {""}, "no rank before to have moved from"
    assert part[30].since == first
    drawn = render.page(content(client("713"), SUNDAY, clock.now(), late))
    assert "loaded since Nov 5" in drawn
    assert ">not loaded<" not in drawn, "charts and tables begin with the first day"


def test_spend_that_is_missing_is_no_cost_of_nothing_and_compared_with_nothing() -> None:
    rows = read(client("713"), SUNDAY)
    unpaid = [
        {**row, "cost": Decimal(0), "is_spend_missing": True} if row["is_internal"] else row
        for row in rows["performance"]
        if row["date"] > SUNDAY - timedelta(days=7)
    ]
    earlier = [row for row in rows["performance"] if row["date"] <= SUNDAY - timedelta(days=7)]
    shown = content(
        client("713"), SUNDAY, clock.now(), {**rows, "performance": [*earlier, *unpaid]}
    )
    week = shown.brands[0].periods[7]
    assert (week.paid.cost, week.paid.cpa) == (None, None)
    place = next(one for one in week.places if one.is_internal)
    assert (place.now.cost, place.now.cpa) == (None, None)
    assert [one.change for one in (week.cpa, week.cost, week.profit)] == [None, None, None]
    assert week.conversions.change is not None
    assert "Paid media \u2013, affiliates " in render.page(shown)


def test_day_is_written_again_only_when_its_rows_changed(made: list[Made]) -> None:
    assert [path.name for path in made[0].days] == ["2026-11-15.html"]
    (again,) = files.make(["713"])
    assert again.days == ()
    add_part("713", "Sentinel of 713, late", SUNDAY)
    (changed,) = files.make(["713"])
    assert [path.name for path in changed.days] == ["2026-11-15.html"]
    assert "late" in changed.days[0].read_text("utf-8")


@pytest.mark.parametrize("name", ["713", "../713", "cti/../713", "nobody", ""])
@pytest.mark.parametrize("day", ["", "2026-11-15", "../index", "2026-11-15.html/..", "1999-01-01"])
def test_only_files_of_the_pages_are_served(made: list[Made], name: str, day: str) -> None:
    found = files.file_of(name, day)
    if name == "713" and day in ("", "2026-11-15"):
        assert found is not None
    else:
        assert found is None


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "dark")])
def test_page_fits_its_window_and_axe_finds_nothing(
    made: list[Made], browser: Browser, width: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for path in (made[0].page, files.file_of("713", "2026-11-15")):
        assert path is not None
        page = context.new_page()
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert axe(page) == []
    context.close()


def test_period_switch_works_without_script(made: list[Made], browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(made[0].page.as_uri())
    week, month = (page.locator(f".p{days} h3").first for days in (7, 30))
    assert (week.is_visible(), month.is_visible()) == (False, True)
    page.locator("label[for='p7']").click()
    assert (week.is_visible(), month.is_visible()) == (True, False)
    context.close()


def test_printed_page_shows_the_chosen_period_without_what_is_for_screens(
    made: list[Made], browser: Browser
) -> None:
    page = browser.new_page()
    page.goto(made[0].page.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator(".switch").is_visible()
    assert page.locator(".p30 h3").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    # by default browsers do not print backgrounds: white numbers on white tiles
    tile = page.locator(".map > *").first
    assert tile.evaluate("one => getComputedStyle(one).printColorAdjust") == "exact"
    assert not page.get_by_text("choose the period, then print").is_visible()
    page.set_viewport_size({"width": 720, "height": 1000})  # a letter-size page within its margins
    ends = page.locator(".p30 .facts b").evaluate_all(
        "all => all.map(one => { const text = document.createRange();"
        " text.selectNodeContents(one); const box = text.getBoundingClientRect();"
        " return [box.top, box.left, box.right]; })"
    )
    for (top, _, right), (next_top, left, _) in pairwise(ends):
        assert top != next_top or left - right >= 8
    page.close()
