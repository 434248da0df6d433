"""The Monday emails in a real browser: phone and desktop, light and dark."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from reports import render_report
from tests.reports import test_leaderboard, test_states, test_weekly
from tests.reports.weeks_world import NOW, SUNDAY, Seller, State, WeekMarts
from tests.support.browser import CONTRAST
from tests.support.warehouse import empty_warehouse

REPORTS = ("weekly_rollup", "affiliate_leaderboard", "state_performance")
SCENES = ("normal", "late", "absent", "hostile")
Pages = dict[tuple[str, str], Path]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Each report's email in each scene."""
    found: Pages = {}
    for scene in SCENES:
        folder = tmp_path_factory.mktemp(scene)
        with (
            pytest.MonkeyPatch.context() as patch,
            empty_warehouse("duckdb", folder / "home", None) as warehouse,
        ):
            warehouse.activate(patch)
            patch.setenv("SIGNALROOM_NOW", NOW)
            fill(WeekMarts(warehouse), scene)
            for name in REPORTS:
                paths = render_report(name, "713", SUNDAY, ["email"], folder).paths
                found[name, scene] = next(path for path in paths if path.suffix == ".html")
    return found


def fill(weeks: WeekMarts, scene: str) -> None:
    if scene == "absent":
        return
    late = [SUNDAY] if scene == "late" else []
    monday = SUNDAY - timedelta(days=6)
    weeks.days(monday - timedelta(days=7), SUNDAY + timedelta(days=1), late, redtrack=False)
    weeks.files(monday - timedelta(days=7), SUNDAY if late else SUNDAY + timedelta(days=1))
    brands = {1: test_weekly.CCW, 2: test_weekly.EXP, None: test_weekly.NOBODY}
    weeks.week(SUNDAY, brands, days=6 if late else 7)
    sellers, states = test_leaderboard.SELLERS, test_states.WEEK
    if scene == "hostile":
        names = test_leaderboard.HOSTILE
        sellers = tuple(Seller(name, 1_234_567, "98765432.10", "-98765432.1") for name in names)
        states = tuple(State("TX", 10**9, 1, 10**8, "9876543210.12", name) for name in names)
    weeks.board(SUNDAY, *sellers)
    weeks.orders(SUNDAY, *states)


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (390, "dark"),
        (1280, "light"),
        pytest.param(390, "light", marks=pytest.mark.deep),
        pytest.param(1280, "dark", marks=pytest.mark.deep),
    ],
)
@pytest.mark.parametrize("scene", SCENES)
def test_page_fits_its_window_and_every_text_can_be_read(
    pages: Pages, browser: Browser, scene: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    for name in REPORTS:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request, to=asked: to.append(request.url))
        page.goto(pages[name, scene].as_uri())
        assert asked == [pages[name, scene].as_uri()], "an e-mail must not fetch anything"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) == []
        clipped = page.evaluate(
            """() => [...document.querySelectorAll('td.number')]
              .filter((cell) => cell.scrollWidth > cell.clientWidth + 1)
              .map((cell) => cell.innerText)"""
        )
        assert clipped == []
        for picture in page.locator(".chart img").all():
            assert picture.evaluate("node => node.naturalWidth") == 1104
    context.close()


def test_picture_is_there_where_there_is_something_to_show(pages: Pages) -> None:
    shown = {key for key, path in pages.items() if "data:image/png" in path.read_text("utf-8")}
    drawn = {"weekly_rollup", "state_performance"}
    assert shown == {(name, scene) for name in drawn for scene in SCENES if scene != "absent"}
