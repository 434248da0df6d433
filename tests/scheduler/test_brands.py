"""The brands on the page: numbers stay on one line, and missing spend is not shown as free."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from scheduler.web.page import overview
from signalroom import run_database
from signalroom.watch_tables import BRAND_DAYS
from tests.scheduler import story


@pytest.mark.parametrize("width", [390, 1280])
def test_a_number_of_a_brand_is_broken_and_a_name_runs_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Browser, width: int
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    monkeypatch.setenv("SIGNALROOM_NOW", story.NOW)
    brands = ("CCW", "N" * 60, "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627", "Z")
    costs = ("98765432109.87", "-1234567.89", "0", "4000")
    with run_database.prepared_engine().begin() as connection:
        rows = [
            {"_client_id": "713", "brand": brand, "day": date(2026, 11, 18), "conversions": 3,
             "cost": cost, "state": "", "cpa_goal": "28"}
            for brand, cost in zip(brands, costs, strict=True)
        ]  # fmt: skip
        connection.execute(BRAND_DAYS.insert(), rows)
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(overview())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    numbers = page.locator("#brands strong, #brands .whole-words")
    assert numbers.count() == 11
    assert set(numbers.evaluate_all("all => all.map((one) => one.getClientRects().length)")) == {1}
    page.close()


@pytest.mark.parametrize(("state", "shown"), [("spend missing", "Unknown"), ("", "no cost")])
def test_a_brand_whose_spend_is_missing_is_shown_as_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, shown: str
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    monkeypatch.setenv("SIGNALROOM_NOW", story.NOW)
    with run_database.prepared_engine().begin() as connection:
        day = {"_client_id": "713", "brand": "CCW", "day": date(2026, 11, 18)}
        sums = {"conversions": 5, "cost": "0", "state": state, "cpa_goal": "28"}
        connection.execute(BRAND_DAYS.insert(), [{**day, **sums}])
    tile = overview().split('id="brands"')[1].split("</section>")[0]
    assert f"<strong>{shown}</strong>" in tile
    assert ("$0.00" in tile) is (not state)
