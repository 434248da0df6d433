"""The gallery: every view is present, shows the right numbers, and runs no code from names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from reports.registry import reports
from tests.support.browser import CONTRAST
from tests.support.processes import signalroom_cli

pytestmark = pytest.mark.slow  # creating all of it takes a quarter of a minute, once
EVERYWHERE = {"normal", "no-data", "late", "restated", "huge", "hostile"}
ON_MARTS = [name for name, report in reports().items() if report.queries]
CHART = "data_visualization"
LINK = re.compile(r"<https?:[^|>]*\|")  # its URL is not displayed
NUMBER = re.compile(r"\d[\d,.]*\d|\d")
# What each report says in some scenarios and in no other.
SAID = (
    *((name, "has changed since we reported it", {"restated"}) for name in ON_MARTS),
    *((name, "Replaces the incomplete report", {"corrected"}) for name in ON_MARTS),
    *((name, "is not over yet", {"running"}) for name in ON_MARTS),
    *((name, "No data for", {"no-data"}) for name in ON_MARTS),
    *(
        (name, "INCOMPLETE: RedTrack is late", {"late", "missing"})
        for name in ON_MARTS
        if name != "state_performance"
    ),
    ("state_performance", "INCOMPLETE: S3 export is late", {"late"}),
    ("daily_ccw", "Spend is missing for G2 - Google", {"gaps"}),
    ("daily_ccw", "RedTrack was not loaded for this day", {"missing"}),
    ("affiliate_leaderboard", "G2 - Google: CPA too low or unknown", {"gaps"}),
    ("weekly_rollup", "So far: 3 complete days", {"midweek"}),
    ("alert", "No open incidents", {"no-data"}),
    ("alert", "Resolved, lasted 40 min", {"resolved"}),
    ("alert", "Recurred", {"restated"}),
    ("alert", "RedTrack is late", {"late"}),
)
# The text of each drawn block, with a blank where another line or cell begins.
DRAWN = """
(id) => [...document.getElementById(id).querySelectorAll('.said:not(.fallbacks) > .block')]
  .map((block) => {
    const copy = block.cloneNode(true);
    for (const one of copy.querySelectorAll('br, td')) one.append('\\n'), one.after('\\n');
    return [block.classList[1], copy.textContent];
  })
"""
WIDTHS = """
async (ids) => {
  const wide = [];
  for (const id of ids) {
    location.hash = '#' + id;
    await new Promise((done) => setTimeout(() => requestAnimationFrame(done), 0));
    const shown = document.querySelectorAll('main > section:not([hidden])');
    if (shown.length !== 1 || shown[0].id !== id) wide.push([id, 'is not what is shown']);
    const width = document.documentElement.scrollWidth;
    if (width > innerWidth) wide.push([id, width]);
  }
  return wide;
}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The gallery that the command created, and the home in which it ran."""
    home, out = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("gallery")
    called = signalroom_cli("preview", "--out", str(out), env={"SIGNALROOM_HOME": str(home)})
    assert (called.returncode, called.stderr) == (0, "Drawing every report in every scenario ...\n")
    assert called.stdout == f"{out / 'index.html'}\n"
    return out, home


@pytest.fixture(scope="module")
def page(made: tuple[Path, Path], browser: Browser) -> Iterator[Page]:
    """The gallery on a phone; at the end, checks that there were no errors and no requests."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    found = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    found.on("console", lambda one: complaints.append(one.text))
    found.on("pageerror", lambda one: complaints.append(str(one)))
    found.on("request", lambda one: asked.append(one.url))
    found.goto((made[0] / "index.html").as_uri())
    yield found
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith((made[0].as_uri(), "data:"))] == []


def look_at(page: Page, report: str, scenario: str) -> None:
    """Go to that view, and wait for its emails."""
    page.evaluate("(hash) => { location.hash = hash }", f"#{report}.{scenario}")
    frames = page.locator(f"[id='{report}.{scenario}'] iframe")
    for at in range(frames.count()):
        frames.nth(at).content_frame.locator("body > *").first.wait_for(state="attached")


def ids(page: Page) -> list[str]:
    found: list[str] = page.locator("main > section").evaluate_all("all => all.map(one => one.id)")
    return found


def test_every_report_is_there_in_every_channel_and_scenario(page: Page) -> None:
    found: list[list[str]] = page.locator("main article").evaluate_all(
        """all => all.map(one => [one.closest('section').dataset.report,
             one.closest('section').dataset.scenario, one.dataset.channel])"""
    )
    for name, report in reports().items():
        wanted = EVERYWHERE | ({"resolved"} if name == "alert" else set())
        for scenario in wanted:
            shown = [channel for *view, channel in found if view == [name, scenario]]
            assert shown == list(report.channels), (name, scenario)
    assert page.locator(".failure").count() == 0
    assert "none failed or over a limit" in page.locator(".top").inner_text()


@pytest.mark.parametrize(("report", "sentence", "scenarios"), SAID)
def test_a_sentence_appears_where_it_should_and_nowhere_else(
    page: Page, report: str, sentence: str, scenarios: set[str]
) -> None:
    views: list[list[str]] = page.locator(f"section[data-report='{report}']").evaluate_all(
        """all => all.map(one => [one.dataset.scenario, [...one.querySelectorAll('article')]
             .map((article) => article.textContent).join('\\n')])"""
    )
    assert len(views) >= len(EVERYWHERE)
    assert {scenario for scenario, text in views if sentence in text} == scenarios


def test_drawn_slack_shows_the_numbers_of_the_payload(page: Page, made: tuple[Path, Path]) -> None:
    compared = 0
    for one in ids(page):
        payload = json.loads((made[0] / "files" / f"{one}.slack.json").read_text(encoding="utf-8"))
        drawn = page.evaluate(DRAWN, one)
        # charts of one picture are stacked
        drawn = [
            found
            for at, found in enumerate(drawn)
            if found[0] != CHART or at == 0 or drawn[at - 1][0] != CHART
        ]
        assert len(drawn) == len(payload["blocks"])
        instead = page.locator(f"[id='{one}'] .fallbacks").all_text_contents()
        for (kind, text), block in zip(drawn, payload["blocks"], strict=True):
            wanted = NUMBER.findall(LINK.sub("", "\n".join(texts(block))))
            if kind in ("image", CHART):  # its text is in the part below
                assert " ".join(wanted) in " ".join(NUMBER.findall("\n".join(instead))), one
            else:
                assert kind.removeprefix("data_") == block["type"]
                assert NUMBER.findall(text) == wanted, one
            compared += len(wanted)
    assert compared > 5_000


def texts(part: Any) -> Iterator[str]:
    """Every text of a block, as a reader of Slack sees it."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "text" and isinstance(value, str):
                yield re.sub(r":(?:large_)?\w+:", "", unescape(value))
            else:
                yield from texts(value)
    elif isinstance(part, list):
        for one in part:
            yield from texts(one)


def test_nothing_scrolls_sideways_on_a_phone(page: Page) -> None:
    assert page.evaluate(WIDTHS, ids(page)) == []


def test_limits_stand_beside_each_message(page: Page) -> None:
    for channel, words in (
        ("slack", ["blocks", "of 50", "longest text", "of 3,000 characters"]),
        ("email", ["HTML", "of 90,000 bytes", "subject", "of 160 characters"]),
        ("sms", ["segments 1 of 1", "of 160 characters"]),
    ):
        shown = page.locator(f"article.{channel} .limits").all_text_contents()
        assert shown
        for word in words:
            assert [one for one in shown if word not in " ".join(one.split())] == []


@pytest.mark.parametrize("report", reports())
def test_hostile_names_are_text_and_run_nothing(page: Page, report: str) -> None:
    look_at(page, report, "hostile")
    assert page.evaluate("window.ran") is None
    assert page.locator("script").count() == 1
    assert page.locator("base, [onerror], [onmouseover], main style, .mention").count() == 0
    shown = page.locator(f"[id='{report}.hostile']").text_content()
    assert shown is not None
    assert "<b>Acme</b>" in shown or "<script>window.r" in shown
    assert "49" not in shown.partition("7 *")[2][:9]
    for frame in page.locator(f"[id='{report}.hostile'] iframe").all():
        inside = frame.content_frame
        assert inside.locator("script, base, iframe, [onerror]").count() == 0
        assert frame.get_attribute("sandbox") == ""


@pytest.mark.parametrize("report", reports())
@pytest.mark.parametrize("scenario", ["huge", "hostile"])
def test_no_e_mail_is_wider_than_the_phone(page: Page, report: str, scenario: str) -> None:
    look_at(page, report, scenario)
    frame = page.locator(f"[id='{report}.{scenario}'] iframe.phone")
    widths = frame.content_frame.locator("html").evaluate(
        "node => [node.scrollWidth, node.clientWidth]"
    )
    assert widths[0] <= widths[1] <= 390


def test_light_and_dark_reach_the_e_mails_and_all_can_be_read(page: Page) -> None:
    look_at(page, "daily_ccw", "late")
    for scheme in ("dark", "light"):
        page.locator("#theme").click()
        look_at(page, "daily_ccw", "late")
        frame = page.locator("[id='daily_ccw.late'] iframe.phone")
        assert f".email.{scheme}.html" in (frame.get_attribute("src") or "")
        inside = frame.content_frame.locator("body")
        inside.wait_for(state="attached")
        background = inside.evaluate("body => getComputedStyle(body).backgroundColor")
        assert background == ("rgb(13, 17, 23)" if scheme == "dark" else "rgb(241, 243, 247)")
        assert page.evaluate(CONTRAST) == []


def test_neither_outbox_nor_warehouse_of_the_person_is_touched(made: tuple[Path, Path]) -> None:
    assert [path.name for path in made[1].iterdir() if path.name != "matplotlib"] == []
