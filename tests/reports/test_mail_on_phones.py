"""Emails and messages on phones, and in programs without style sheets or pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser

from reports.messages.table import PHONE
from reports.preview.gallery import Cell, Homes, cell
from reports.preview.page import write_page
from reports.preview.scenarios import SCENARIOS
from reports.registry import reports
from reports.shared.change import Compared, amount, each, what_moved
from reports.shared.figures import Figures
from reports.shared.text import columns
from tests.reports.reading import email_text
from tests.support.browser import axe

REPORTS = ("daily_ccw", "weekly_rollup", "affiliate_leaderboard", "state_performance")
Cells = Mapping[tuple[str, str], Cell]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """Each report on a usual day and on one with missing spend."""
    homes = Homes(tmp_path_factory.mktemp("homes"))
    chosen = [one for one in SCENARIOS if one.name in ("normal", "gaps")]
    known = reports()
    return {
        (name, scenario.name): cell(known[name], scenario, homes)
        for name in REPORTS
        for scenario in chosen
        if scenario.name == "normal" or name in ("daily_ccw", "affiliate_leaderboard")
    }


def html(cells: Cells, name: str, scenario: str = "normal") -> str:
    return str(cells[name, scenario].messages["email"]["html"])


@pytest.mark.parametrize("name", REPORTS)
def test_mail_without_styles_keeps_numbers_on_a_line_and_names_readable(
    cells: Cells, browser: Browser, name: str
) -> None:
    """Gmail with a non-Gmail account and forwards: labels were once broken into single letters."""
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.set_content(re.sub(r"<style.*?</style>", "", html(cells, name), flags=re.DOTALL))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    found = page.evaluate(
        """() => [...document.querySelectorAll('tr.line')].map((row) => ({
          name: row.cells[0].getBoundingClientRect().width,
          lines: [...row.cells].slice(1).map((cell) => {
            const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
            let most = 0;
            while (walker.nextNode()) {
              if (!walker.currentNode.textContent.trim()) continue;
              const range = document.createRange();
              range.selectNodeContents(walker.currentNode);
              most = Math.max(most, range.getClientRects().length);
            }
            return most;
          }),
        }))"""
    )
    assert len(found) > 5
    for row in found:
        assert row["name"] >= 60, row
        assert set(row["lines"]) <= {0, 1}, row
    page.close()


@pytest.mark.parametrize("name", REPORTS)
def test_mail_says_everything_without_its_pictures(cells: Cells, name: str) -> None:
    page = BeautifulSoup(html(cells, name), "html.parser")
    for picture in page.find_all("img"):
        assert len(picture["alt"]) > 50
        assert "color:" in picture["style"], "alt text is black on a dark card otherwise"


@pytest.mark.parametrize("name", REPORTS)
def test_mail_has_one_heading_one_button_and_says_why_it_came(cells: Cells, name: str) -> None:
    page = BeautifulSoup(html(cells, name), "html.parser")
    assert len(page.find_all("h1")) == 1
    assert page.find("html")["lang"] == "en-US"  # type: ignore[index]
    (link,) = page.find_all("a")
    assert link["href"].startswith("https://signalroom.example.org/clients/713/")
    assert "You receive this because" in email_text(str(page))
    for table in page.find_all("table"):
        if table.find("tr", class_="line", recursive=False):
            assert table.find("th", scope="col") is not None


@pytest.mark.parametrize("name", REPORTS)
def test_subject_has_its_number_within_forty_letters(cells: Cells, name: str) -> None:
    subject = cells[name, "normal"].messages["email"]["subject"]
    assert re.search(r"\$\d[\d,.]*|\d+\.\d%", subject[:40]), subject
    assert len(subject) <= 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_mails(
    cells: Cells, browser: Browser, tmp_path: Path, scheme: Any
) -> None:
    write_page(list(cells.values()), tmp_path)
    context = browser.new_context(viewport={"width": 390, "height": 900}, color_scheme=scheme)
    for name in REPORTS if scheme == "light" else REPORTS[:1]:
        page = context.new_page()
        page.goto((tmp_path / "files" / f"{name}.normal.email.{scheme}.html").as_uri())
        # an email is shown inside a program's own page, which has the landmarks
        assert axe(page, but=("landmark-one-main", "region")) == [], name
        page.close()
    context.close()


def test_gallery_passes_axe(cells: Cells, browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(write_page(list(cells.values()), tmp_path).as_uri())
    assert axe(page) == []
    page.close()


def test_missing_spend_is_amber_and_compared_with_nothing(cells: Cells) -> None:
    """A green Complete was once shown above a CPA that was too low, with an arrow next to it."""
    messages = cells["daily_ccw", "gaps"].messages
    page = BeautifulSoup(messages["email"]["html"], "html.parser")
    assert page.select_one("span.done") is None
    assert page.select_one("span.warn").get_text() == "Spend missing for 1 affiliate"  # type: ignore[union-attr]
    hero = email_text(str(page)).split("Conversions")[0]
    assert "\u25b2" not in hero
    assert "\u25bc" not in hero
    assert "Spend missing" in messages["email"]["subject"]
    assert "Spend missing" in messages["sms"]["body"]
    assert "Spend missing" in messages["slack"]["blocks"][0]["text"]["text"]
    board = cells["affiliate_leaderboard", "gaps"].messages["email"]["html"]
    assert re.search(r"Spend missing for \d+ affiliates?<", board)


def test_what_counts_declined_cards_is_called_attempts(cells: Cells) -> None:
    messages = cells["state_performance", "normal"].messages
    text = email_text(messages["email"]["html"])
    assert re.search(r"Attempts [\d,]+ \u2192 [\d,]+ approved", text)
    for said in (text, messages["email"]["text"], messages["slack"]["text"]):
        assert not re.search(r"[\d,]+ orders", said)


def test_ranking_shows_its_ranks_on_phones_and_ranks_nobody_who_is_free(
    cells: Cells, browser: Browser
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.set_content(html(cells, "affiliate_leaderboard"))
    ranks = page.locator(".rank")
    assert ranks.first.is_visible()
    assert ranks.first.inner_text().startswith("1")
    page.close()
    assert "Top by profit in CCW" in html(cells, "affiliate_leaderboard")
    text = email_text(html(cells, "affiliate_leaderboard"))
    lowest = re.search(r"Lowest CPA: ([\w ]+),", text)
    assert lowest is not None
    assert re.search(rf"{lowest[1]} [\d.]+% of conv\., CPA #1 ", text)
    assert re.search(r"AC Email [\d.]+% of conv\. [^$]* no cost ", text)
    assert "was 0" not in text, "no change of what costs nothing"
    assert text.count("Biggest movers") == 2


@pytest.mark.parametrize("name", REPORTS)
def test_slack_text_fits_a_phone_where_tables_are_refused(cells: Cells, name: str) -> None:
    extras = cells[name, "normal"].messages["slack"]["extras"]
    lines = [
        line
        for table in extras["tables"]
        for block in table["blocks"]
        for line in unescape(block["text"]["text"]).split("\n")
    ]
    assert lines
    assert max(map(columns, lines)) <= PHONE


def test_what_moved_is_told_from_the_figures(cells: Cells) -> None:
    shown = cells["daily_ccw", "normal"]
    text = email_text(shown.messages["email"]["html"])
    told = re.search(r"CPA (rose|fell) \$[\d.]+ to (\$[\d.]+), on .* cost\. Mostly [^.]+", text)
    assert told is not None
    assert f"Cost per conversion {told[2]} " in text


def test_driver_of_a_day_is_who_cost_most_beyond_the_day_before() -> None:
    def beside(name: str, now: tuple[int, str], before: tuple[int, str]) -> Compared:
        return Compared(name, *(Figures(sold, Decimal(cost)) for sold, cost in (now, before)))

    total = beside("", (30, "900"), (30, "750"))
    parts = {
        "a": beside("Cheap but large", (20, "500"), (20, "500")),
        "b": beside("Dear now", (10, "400"), (10, "250")),
    }
    assert what_moved(total, parts, each(list(parts.values()))) == (
        "CPA rose $5.00 to $30.00, on $150.00 more cost.",
        "Mostly Dear now: 10 conversions at $40.00 (from 10 at $25.00).",
        "Cheap but large unchanged at $25.00, Dear now up $15.00 to $40.00 per conversion.",
    )
    unknown = Compared("", Figures(3, None), Figures(3, Decimal(9)))
    assert what_moved(unknown, {}) == ()
    assert amount("Profit", Decimal(5), None) == ""
    assert amount("Profit", Decimal(5), Decimal(7)) == "Profit fell $2.00 to $5.00."
