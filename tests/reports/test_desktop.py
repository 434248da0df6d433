"""Emails and pages on a wide screen, with any names and numbers, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from reports.messages.attachments import with_data_uris
from reports.pages import files
from reports.preview.gallery import Cell, Homes, cell
from reports.preview.patches import GOALS, HUGE, NAMES, PARAMETERS
from reports.preview.recorded import NOW, fill
from reports.preview.scenarios import SCENARIOS
from reports.preview.stage import stage
from reports.registry import reports

REPORTS = ("daily_ccw", "weekly_rollup", "affiliate_leaderboard", "alert")
EXTREMES = ("huge", "hostile", "no-data")
WIDTHS = (1200, 1440)
# Sixty more affiliates with names longer than a line, and a day with negative figures.
CROWD = (
    "insert into daily_performance by name select daily_performance.* replace ("
    "affiliate_label || ' ' || repeat('Very long name ', 20) || number as affiliate_label)"
    " from daily_performance, range(60) numbers(number)"
    " where date = '2026-11-15' and affiliate_label = 'CTI House Media'",
    "update daily_performance set conversions = -4, cost = -1234567.89"
    " where date = '2026-11-14' and affiliate_label = 'CTI House Media'",
)
# Content that overflows its window, is cut off by its cell, or breaks a number into lines.
FAULTS = """() => {
  const found = [];
  const wide = document.documentElement;
  if (wide.scrollWidth > innerWidth) found.push(`${wide.scrollWidth} px wide`);
  for (const cell of document.querySelectorAll('td.number, td.n, .facts b')) {
    if (!cell.getClientRects().length) continue;
    if (cell.scrollWidth > cell.clientWidth + 1) found.push(`cut off: ${cell.innerText}`);
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      if (!walker.currentNode.textContent.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      const tops = new Set([...range.getClientRects()].map((one) => Math.round(one.top)));
      if (tops.size > 1) found.push(`broken: ${walker.currentNode.textContent}`);
    }
  }
  return found;
}"""
Cells = Mapping[tuple[str, str], Cell]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    homes = Homes(tmp_path_factory.mktemp("homes"))
    chosen = [one for one in SCENARIOS if one.name in EXTREMES]
    known = reports()
    return {(name, one.name): cell(known[name], one, homes) for name in REPORTS for one in chosen}


@pytest.fixture(params=WIDTHS)
def screen(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    yield page
    page.close()


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("extreme", EXTREMES)
def test_mail_keeps_its_column_and_its_numbers(
    cells: Cells, screen: Page, name: str, extreme: str
) -> None:
    mail = cells[name, extreme].messages["email"]
    screen.set_content(with_data_uris(mail["html"], mail.get("attachments", [])))
    assert screen.evaluate(FAULTS) == []
    widths = screen.locator(".card").evaluate_all("all => all.map(one => one.offsetWidth)")
    assert set(widths) == {600}


@pytest.mark.parametrize(
    "patches",
    [(*GOALS, *HUGE, *CROWD), (*CROWD, *NAMES)],
    ids=["huge", "hostile"],
)
def test_page_of_a_client_keeps_its_numbers(
    tmp_path: Path, browser: Browser, patches: tuple[str, ...]
) -> None:
    with stage(tmp_path, NOW):
        fill(patches, PARAMETERS)
        [made] = files.make(["cti"])
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(made.page.as_uri())
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true })")
    for width in (*WIDTHS, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(FAULTS) == [], width
    page.close()
