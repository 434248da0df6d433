"""The email as displayed in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from reports import render_report
from tests.reports.conftest import Compose
from tests.reports.world import DAY, Affiliate, Day, Marts, trend
from tests.support.browser import CONTRAST

HEADLINE = (
    ("$26.81", 40),
    ("47", 20),
    ("$1,260.00", 20),
)


@pytest.fixture
def look(browser: Browser, tmp_path: Path) -> Iterator[Any]:
    """Open the daily report at a width, without network."""
    contexts = []

    def opened(width: int, scheme: str = "light") -> Page:
        paths = render_report("daily_ccw", "713", DAY, ["email"], tmp_path / "out").paths
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        contexts.append(context)
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(paths[0].as_uri())
        assert asked == [paths[0].as_uri()], "an e-mail must not fetch anything"
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_page_fits_its_window_and_shows_the_headline_numbers(
    marts: Marts, look: Any, width: int
) -> None:
    marts.load(Day(), *trend())
    page = look(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for text, size in HEADLINE:
        found = page.get_by_text(text, exact=True).first
        assert found.is_visible()
        assert found.evaluate("node => parseFloat(getComputedStyle(node).fontSize)") >= size
    column = page.locator(".card").first.bounding_box()
    assert column is not None
    assert column["width"] == (600 if width > 600 else width - 16)


def test_numbers_of_a_column_end_at_the_same_edge(marts: Marts, look: Any) -> None:
    marts.load(Day())
    page = look(390)
    edges = page.evaluate(
        """() => [1, 2, 3].map((at) => [...document.querySelectorAll('tr.line')]
          .filter((row) => row.cells.length === 4)
          .map((row) => row.cells[at].getBoundingClientRect().right))"""
    )
    for column in edges:
        assert len(column) == 9
        assert len(set(column)) == 1


def test_longest_names_and_numbers_do_not_break_the_phone(report: Compose, look: Any) -> None:
    report(
        *(Affiliate(f"{n}{'N' * 5000}", 1_234_567, "98765432.10", "internal") for n in range(12)),
        Affiliate("Unmapped: " + "\u4e2d" * 90, 0, "98765432.10", "unmapped", None),
    )
    page = look(390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    clipped = page.evaluate(
        """() => [...document.querySelectorAll('td.number')]
          .filter((cell) => cell.scrollWidth > cell.clientWidth + 1)
          .map((cell) => cell.innerText)"""
    )
    assert clipped == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["complete", "late", "absent"])
def test_every_text_can_be_read_in_light_and_dark(
    marts: Marts, look: Any, scheme: str, state: str
) -> None:
    marts.load(*trend())
    if state != "absent":
        marts.load(Day(is_complete=state == "complete"))
    page = look(390, scheme)
    assert page.evaluate(CONTRAST) == []
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(13, 17, 23)" if scheme == "dark" else "rgb(241, 243, 247)")


def test_trend_is_shown_as_a_picture_inside_the_page(marts: Marts, look: Any) -> None:
    marts.load(Day(), *trend())
    page = look(390)
    picture = page.locator(".light-shot img")
    assert picture.evaluate("node => [node.naturalWidth, node.complete]") == [1104, True]
    assert picture.evaluate("node => node.getBoundingClientRect().width") <= 390
    assert "Nov 18: 47 conversions, CPA $26.81" in picture.get_attribute("alt")
    shown = {
        scheme: look(390, scheme).locator(".chart img:visible") for scheme in ("light", "dark")
    }
    assert [one.count() for one in shown.values()] == [1, 1]
    first, second = (one.get_attribute("src") for one in shown.values())
    assert first != second, "a white box in dark mail"
