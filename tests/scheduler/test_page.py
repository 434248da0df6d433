"""The page shows what is late, does not execute data, and works on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from scheduler.runs.ledger import Pause
from scheduler.runs.work_ledger import WorkLedger
from signalroom import clock, paths
from tests.scheduler import story
from tests.scheduler.conftest import Serve
from tests.support.browser import CONTRAST, axe

TOKEN = "a-long-token-of-the-page"


class Visit:
    """A visitor's page, all its requests, and those that failed."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wanted: list[str] = []
        self.hindered: dict[str, str | None] = {}
        page.on("request", lambda one: self.wanted.append(one.url))
        page.on("requestfailed", lambda one: self.hindered.update({one.url: one.failure}))

    def open_everything(self) -> None:
        for details in self.page.locator("details").all():
            details.evaluate("one => { one.open = true }")


@pytest.fixture
def visit(browser: Browser, serve: Serve) -> Iterator[Visit]:
    address = str(serve().base_url)
    context = browser.new_context(viewport={"width": 390, "height": 844})
    found = Visit(context.new_page())
    found.page.goto(address)
    yield found
    context.close()


def section(page: Page, name: str) -> list[str]:
    """The entries of a section, each in one line."""
    return [" ".join(one.split()) for one in page.locator(f"#{name} > ul > li").all_inner_texts()]


def test_people_see_what_needs_attention_first_and_each_thing_once(visit: Visit) -> None:
    page = visit.page
    assert page.title() == "(2) SignalRoom"
    verdict = page.locator("#attention h2").inner_text()
    assert verdict.startswith("Needs attention (")
    attention = section(page, "attention")
    assert attention[0].startswith("critical RedTrack answers nothing <script>alert('x')</script>")
    assert attention[1].startswith("rejected rows 3 of s3_exports 713:")
    assert len(attention) == 2  # the late source and the failed run have the alert's cause
    assert section(page, "fresh")[:4] == [
        "everflow 713 9:02 AM · 38 min ago fresh",
        "redtrack 713 8:01 AM · 1 h 39 min ago late",
        "s3_exports 713 6:01 AM · 3 h 39 min ago fresh",
        "everflow cti 9:02 AM · 38 min ago fresh",
    ]
    assert section(page, "next")[0] == "hourly 10:00 AM"
    now = section(page, "now")
    assert re.match(r"#\d audience waiting for vendor resumes ", now[0])
    assert re.match(r"#\d hourly running since ", now[1])
    assert "ingest:redtrack running" in now[1]
    assert page.get_by_text("Scheduler running").is_visible()
    assert "`" not in attention[0], "commands are shown as code"
    assert page.locator("#attention code").first.inner_text().startswith("signalroom runs show")
    visit.open_everything()
    runs = section(page, "runs")
    assert [line.split(" ")[0] for line in runs] == [
        "running",
        "done",
        "done",
        "waiting",
        "skipped",
    ]
    assert "1,563 rows" in runs[1]
    assert "ingest:redtrack done 18 s · 40 rows · 3 tries" in runs[1]
    assert "<script>alert('x')</script> & \"co\" ***" in runs[2]
    rejected, failed = section(page, "failures")[:2]
    assert rejected.startswith("4 × s3_exports.orders_create 713")  # noqa: RUF001
    assert failed.startswith("1 × ingest:redtrack")  # noqa: RUF001
    grid = page.locator("#grid table:not(.plain) tbody tr").all_inner_texts()
    assert [line.split()[0] for line in grid] == ["everflow", "mautic", "redtrack"]
    assert page.locator("#grid table:not(.plain) tbody tr").first.locator("td").count() == 14
    assert story.SECRET not in page.content()


def test_a_run_has_a_page_with_its_steps_and_the_end_of_its_log(
    browser: Browser, serve: Serve
) -> None:
    client = serve()
    log = paths.home() / "logs" / "runs" / story.RUNNING / "ingest.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"line {number}" for number in range(200)]
    log.write_text("\n".join([*lines, f"{story.HOSTILE} {story.SECRET}"]))
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{client.base_url}/runs/{story.RUNNING}")
    assert page.locator("h1").inner_text().startswith("SignalRoom · run #")
    text = page.content()
    assert "ingest:redtrack" in text
    shown = page.locator("pre").inner_text() or page.locator("pre").text_content() or ""
    assert story.HOSTILE in shown
    assert story.SECRET not in text
    assert "line 199" in text
    assert "line 100" not in text
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
    partial = client.get(f"/runs/{story.PARTIAL}")
    assert partial.status_code == 200, "a report's answer has no rows"
    assert "daily_stats 12" in partial.text
    skipped = " ".join(client.get("/runs/restatement-20261119T1030Z").text.split())
    assert '<h2 id="h-rest">Not run</h2> <p class="soft">ingest:everflow</p>' in skipped
    assert "pending" not in skipped.split("</style>")[1], "what is over waits for nothing"
    assert "began" not in skipped
    assert client.get("/runs/hourly-1").status_code == 404
    assert client.get("/runs/..%2f..%2fstate.sqlite").status_code == 404


def test_only_one_who_signed_in_can_act(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token, a laptop's page shows everything but can start nothing."""
    errands: list[tuple[str, ...]] = []
    begun: list[str] = []

    def trigger(name: str) -> str:
        begun.append(name)
        return f"{name}-webhook-1"

    client = serve(trigger=trigger, errand=errands.append)
    run = {"action": "run", "name": "hourly"}
    assert "Run now" not in client.get("/").text
    assert client.post("/act", data=run).status_code == 401
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    assert client.post("/login", data={"token": TOKEN}).status_code == 303
    assert "Run now" in client.get("/").text
    foreign = client.post("/act", data=run, headers={"Origin": "https://evil.example"})
    assert (foreign.status_code, begun, errands) == (403, [], [])
    done = client.post("/act", data=run)
    assert (done.status_code, done.headers["Location"]) == (303, "/?done=run")
    assert "Queued." in client.get("/?done=run").text
    assert "evil" not in client.get("/?done=evil").text
    client.post("/act", data={"action": "retry", "name": story.PARTIAL})
    assert begun == ["hourly", "daily_reports"]
    for form in (
        {"action": "run", "name": "--help"},
        {"action": "pause", "name": "hourly", "days": "999"},
        {"action": "pause", "name": "--all", "days": "1"},
        {"action": "snooze", "name": "nothing", "until": "2027-01-01", "reason": "known"},
        {"action": "rm", "name": "hourly"},
        {},
    ):
        assert client.post("/act", data=form).status_code == 400
    client.post("/act", data={"action": "pause", "name": "redtrack", "days": "3"})
    client.post("/act", data={"action": "resume", "name": "redtrack"})
    client.post("/act", data={"action": "replay", "name": "s3_exports"})
    assert errands == [
        ("pause", "redtrack", "--until", "2026-11-22", "--reason", "paused on the page"),
        ("resume", "redtrack"),
        ("dead-letters", "replay", "--all"),
    ]


def test_a_click_does_what_its_button_says(
    browser: Browser, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    errands: list[tuple[str, ...]] = []
    begun: list[str] = []

    def trigger(name: str) -> str:
        begun.append(name)
        return f"{name}-webhook-1"

    def errand(words: tuple[str, ...]) -> None:
        errands.append(words)
        with WorkLedger() as ledger:
            if words[:2] == ("pause", "hourly"):
                ledger.pause_job(Pause("hourly", clock.now(), None, "paused on the page"))
            if words[:2] == ("resume", "hourly"):
                ledger.resume_job("hourly")

    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    address = str(serve(trigger=trigger, errand=errand).base_url)
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{address}/runs/{story.PARTIAL}")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(f"{address}/runs/{story.PARTIAL}")  # the link's target
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_role("status")).to_have_text("Queued.")

    def press(place: str, button: str, said: str) -> None:
        section = page.locator(place)
        section.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
        section.get_by_role("button", name=button, exact=True).first.click()
        expect(page.get_by_role("status")).to_have_text(said)

    press("#next", "Run now", "Queued.")
    assert page.locator("button", has_text="Resume").count() == 0, "nothing is paused"
    press("#next", "Pause", "Paused.")
    expect(page.locator("#next")).to_contain_text("EST: paused on the page")
    press("#next", "Resume", "Resumed.")
    assert page.locator("button", has_text="Resume").count() == 0, "nothing is paused any more"
    press("#fresh", "Load now", "Queued.")
    press("#fresh", "Pause", "Paused.")
    page.get_by_label("Until").fill("2027-01-04")
    page.get_by_label("Why?").fill("key is on its way")
    press("#attention", "Snooze", "Snoozed.")
    press("#attention", "Replay all", "Rejected rows are being read again.")
    context.close()
    assert begun == ["daily_reports", "hourly", "everflow"]
    assert [one[:2] for one in errands] == [
        ("pause", "hourly"),
        ("resume", "hourly"),
        ("pause", "everflow"),
        errands[3][:2],
        ("dead-letters", "replay"),
    ]
    assert (errands[3][0], *errands[3][2:]) == (
        "snooze", "--until", "2027-01-04", "--reason=key is on its way",
    )  # fmt: skip


def test_the_page_comes_up_to_date_and_leaves_open_what_is_open(visit: Visit) -> None:
    page = visit.page
    page.clock.install()
    page.reload()
    page.locator("#runs details").first.evaluate("one => { one.open = true }")
    page.evaluate("document.querySelector('#now h2').textContent = 'stale'")
    with page.expect_response("**/"):
        page.clock.run_for(31_000)
    expect(page.locator("#now h2")).to_have_text("Running now")
    assert page.locator("#runs details").first.evaluate("one => one.open")


def test_messages_are_shown_as_they_were_sent_and_can_do_nothing(visit: Visit) -> None:
    page = visit.page
    visit.open_everything()
    mail, slack, sms = page.locator("#sent .message").all()
    assert slack.locator("pre").inner_text() == "CCW daily\n\nCPA $45.32 <b>\n\nNew      12  $45"
    assert "dead" in sms.inner_text()
    assert "refused: no such number" in sms.inner_text()
    frame = mail.frame_locator("iframe")
    mail.locator("iframe").scroll_into_view_if_needed()
    assert frame.locator("#mail").inner_text() == "CCW daily"
    assert frame.locator("html").evaluate("() => document.title") == ""
    drawn = "one => [one.complete, one.naturalWidth]"
    assert frame.locator("#chart").evaluate(drawn) == [True, 1]
    frame.get_by_text("out").click()
    page.wait_for_timeout(200)
    base = page.url
    strangers = {url for url in visit.wanted if not url.startswith(base)}
    assert "http://198.51.100.7/pixel.png" in strangers
    assert {visit.hindered[url] for url in strangers if not url.startswith("data:")} == {"csp"}
    assert page.url == base
    assert page.title() == "(2) SignalRoom"
    policy = page.request.get(base).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    alone = page.goto(f"{base.rstrip('/')}{mail.locator('iframe').get_attribute('src')}")
    assert alone is not None
    assert alone.headers["content-security-policy"].startswith("sandbox; default-src 'none'; ")
    assert page.locator("#mail").inner_text() == "CCW daily"
    assert page.title() == ""


def test_a_phone_shows_today_in_the_grid_and_breaks_no_duration(visit: Visit) -> None:
    """The newest day matters most, and would be the first to be cut off on a phone."""
    grid = visit.page.locator("#grid .scroll").first
    assert grid.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
    assert grid.locator("tbody tr").first.locator("td.done").is_visible()
    for one in visit.page.locator("#runs .whole-words").all():
        assert one.evaluate("one => one.getClientRects().length") == 1
    visit.open_everything()
    for one in visit.page.locator("#grid .plain th, #grid .plain td").all():
        assert " " in one.inner_text() or one.bounding_box()["height"] < 45  # type: ignore[index]
    assert "all times Eastern" in visit.page.locator("header").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_phone_and_a_desk_and_can_be_read(
    browser: Browser, serve: Serve, scheme: str
) -> None:
    address = str(serve().base_url)
    grounds = set()
    for width in (320, 390, 1200):
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        found = Visit(context.new_page())
        found.page.goto(address)
        found.open_everything()
        assert found.page.evaluate("document.documentElement.scrollWidth") <= width
        assert found.page.evaluate(CONTRAST) == []
        assert width != 390 or axe(found.page) == []
        grounds.add(found.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        size = found.page.locator("#fresh li").first.evaluate(
            "one => parseFloat(getComputedStyle(one).fontSize)"
        )
        assert size >= 16
        context.close()
    assert grounds == {"rgb(20, 23, 28)" if scheme == "dark" else "rgb(246, 247, 249)"}


def test_a_person_enters_with_the_token_and_stays(
    browser: Browser, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    address = str(serve("0.0.0.0").base_url)  # noqa: S104 - as in the container
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(address)
    page.get_by_label("Token").fill("wrong")
    with page.expect_navigation():
        page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("Token")).to_be_visible()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#attention")).to_be_visible()
    assert TOKEN not in page.url
    page.reload()
    page.locator("#sent details").first.evaluate("one => { one.open = true }")
    page.locator("iframe").scroll_into_view_if_needed()
    assert page.frame_locator("iframe").locator("#mail").inner_text() == "CCW daily"
    context.close()


def test_the_demos_link_asks_for_its_token_or_leaves_it_in_the_address(
    browser: Browser, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_WEB_TOKEN", TOKEN)
    address = str(serve().base_url)
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.goto(f"{address}/#token={TOKEN}")
    expect(page.locator("#attention")).to_be_visible()
    expect(page.get_by_text("Run or pause").first).to_be_visible()
    assert TOKEN not in "".join([page.url, *asked[1:]])
    page.goto("about:blank")
    context.clear_cookies()
    page.goto(f"{address}/#token=wrong")
    expect(page.get_by_label("Token")).to_be_visible()
    context.close()


def test_an_empty_home_is_a_page_too(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = serve()
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "new"))
    text = client.get("/").text
    for said in ("Scheduler never started", "Nothing was loaded yet", "Nothing ran yet"):
        assert said in text
    assert "Nothing was sent yet" in text
    assert client.get("/reports/nothing").status_code == 404
