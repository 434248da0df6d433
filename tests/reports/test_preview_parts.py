"""Parts of the gallery: sizes, Slack's markup, failing views, cleanup."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import expect, sync_playwright

from cli.preview import preview
from reports.preview import limits, stage
from reports.preview.failure import Failure
from reports.preview.gallery import Cell, gallery
from reports.preview.mrkdwn import mrkdwn_html
from reports.preview.page import Shown, write_page
from reports.preview.scenarios import SCENARIOS
from reports.registry import reports
from signalroom.errors import ReportError
from tests.scheduler.test_runbook import kinds
from tests.support.browser import FLAGS
from tests.support.processes import signalroom_cli

ALERT = reports()["alert"]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*CPA $1* and _2_ ~3~", "<strong>CPA $1</strong> and <em>2</em> <s>3</s>"),
        ("*_both_*", "<strong><em>both</em></strong>"),
        ("2*3*4, a_b_c, * no *", "2*3*4, a_b_c, * no *"),
        ("`*plain*`", "<code>*plain*</code>"),
        ("```\n<b> &amp; *x*\n  y\n```", "<pre>&lt;b&gt; &amp; *x*\n  y</pre>"),
        ("&lt;script&gt; &amp;amp; &quot;", "&lt;script&gt; &amp;amp; &amp;quot;"),
        ("one\ntwo", "one<br>two"),
        (":unknown:", ":unknown:"),
        ("\"quotes'", "&#34;quotes&#39;"),
    ],
)
def test_markup_becomes_what_slack_makes_of_it(text: str, html: str) -> None:
    assert mrkdwn_html(text) == html


@pytest.mark.parametrize(
    ("text", "shown"),
    [("<!channel>", "@channel"), ("<@U1>", "@U1"), ("<#C1|general>", "@general")],
)
def test_a_mention_that_slipped_through_is_marked(text: str, shown: str) -> None:
    html = mrkdwn_html(text)
    assert 'class="mention"' in html
    assert f">{shown}<" in html


def test_a_link_is_shown_and_leads_nowhere() -> None:
    html = mrkdwn_html('<https://evil.example/" onclick="x|Your bank>')
    assert "Your bank" in html
    assert "href" not in html
    assert 'onclick="' not in html


@pytest.mark.parametrize(
    ("body", "encoding", "count"),
    [
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 159 + "[", "GSM-7", 2),
        ("\u4e2d" * 70, "UCS-2", 1),
        ("\u4e2d" * 71, "UCS-2", 2),
        ("\U0001f4a5" * 36, "UCS-2", 2),
        ("a" * 307, "GSM-7", 3),
    ],
)
def test_segments_are_counted_as_the_network_does(body: str, encoding: str, count: int) -> None:
    assert limits.encoding(body) == encoding
    assert limits.segments(body) == count


def test_what_is_over_a_limit_is_said_and_not_by_colour_alone(tmp_path: Path) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    cell = Cell(
        ALERT,
        SCENARIOS[0],
        {
            "slack": {"text": "", "blocks": [section, {"type": "video", "title": "<b>"}]},
            "email": {"subject": "s", "html": "h" * 90_001, "text": ""},
            "sms": {"body": "\u4e2d" * 71},
        },
        {},
    )
    over = {
        (channel, one.name)
        for channel, found in Shown(cell).measures.items()
        for one in found
        if one.is_over
    }
    assert over == {
        *(("slack", "longest text"), ("email", "HTML")),
        *(("sms", "segments"), ("sms", "length"), ("sms", "letters outside GSM-7")),
    }
    text = write_page([cell], tmp_path).read_text(encoding="utf-8")
    assert text.count("<em>over the limit</em>") == len(over)
    assert "1 failed or over a limit" in text
    # A block without a drawing function is shown as escaped text.
    assert "<strong>video</strong> is not drawn here" in text
    assert "\\u003cb\\u003e" in text.partition("is not drawn here")[2]


def test_what_is_registered_appears_and_its_mistakes_stand_in_its_place() -> None:
    broken = replace(ALERT, name="broken", folder="none")
    strange = replace(ALERT, name="strange", period="daily")
    found = {(one.report.name, one.scenario.name): one for one in gallery([broken, strange])}
    assert len({scenario for name, scenario in found if name == "broken"}) >= 7
    for one in found.values():
        assert set(one.failures) == set(one.report.channels)
    failed = found["broken", "normal"].failures["sms"]
    assert "none/templates/sms.j2" in failed.text
    assert failed.place.startswith("reports/messages/render.py:")
    assert "has no rows" in found["strange", "normal"].failures["slack"].text


def test_afterwards_the_environment_is_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_TARGET", "postgres")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "made-up")
    monkeypatch.setenv("SIGNALROOM_TIMEZONE", "Asia/Tokyo")
    before = dict(os.environ)
    with stage.stage(tmp_path, "2026-11-16T09:30:00"):
        assert os.environ["SIGNALROOM_TARGET"] == "duckdb"
        assert os.environ["SIGNALROOM_TIMEZONE"] == "Asia/Tokyo"
        assert "SLACK_BOT_TOKEN" not in os.environ
    assert dict(os.environ) == before


def test_scenarios_have_names_of_their_own_and_speak_of_past_days() -> None:
    assert len({one.name for one in SCENARIOS}) == len(SCENARIOS)
    for one in SCENARIOS:
        assert one.day <= date.fromisoformat(one.now[:10])
        assert one.shows.endswith(".")


def test_every_kind_of_alert_is_in_a_scenario() -> None:
    with_marts = [one for one in SCENARIOS if one.name not in ("huge", "hostile")]
    shown = {wrong.incident("713").kind for one in with_marts for wrong in one.wrong or ()}
    assert kinds() - shown == set()


def test_an_unknown_report_is_one_line(tmp_path: Path) -> None:
    called = signalroom_cli("preview", "--report", "no", env={"SIGNALROOM_HOME": str(tmp_path)})
    assert called.returncode == 2
    line = called.stderr.splitlines()[-1]
    assert line.startswith("Error: No report is called 'no'. There are: daily_ccw")


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        called = signalroom_cli(
            *("preview", "--serve", "--port", port), env={"SIGNALROOM_HOME": str(tmp_path)}
        )
    assert called.returncode == 1
    assert f"Error: Port {port} cannot be used: Address already in use." in called.stderr
    assert "Traceback" not in called.stderr


def test_views_that_fail_are_named_and_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(ALERT, folder="none")
    monkeypatch.setattr("reports.registry.find", lambda _: broken)
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    called = CliRunner().invoke(preview, ["--report", "alert"])
    assert isinstance(called.exception, ReportError)
    assert "messages failed" in str(called.exception)
    assert "none/templates/sms.j2" in str(called.exception)
    assert "\n" not in str(called.exception)


def test_a_change_is_marked_and_stands_next_to_the_last_version(
    tmp_path: Path, chromium: Path
) -> None:
    first, *others = gallery([ALERT])
    write_page([first, *others], tmp_path)
    assert 'id="change"' not in (tmp_path / "index.html").read_text("utf-8")
    messages = {name: dict(content) for name, content in first.messages.items()}
    messages["email"]["html"] = messages["email"]["html"].replace("</h1>", " once more</h1>", 1)
    broken = replace(others[-1], failures={"sms": Failure("no such field", "sms.j2:1")})
    index = write_page([replace(first, messages=messages), *others[:-1], broken], tmp_path)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        page = running.new_page(viewport={"width": 1280, "height": 900})
        page.goto(index.as_uri())
        page.get_by_role("button", name="Next problem").click()
        shown = page.locator("main > section:not([hidden])")
        expect(shown).to_contain_text("no such field")
        page.get_by_role("button", name="Next change (1)").click()
        expect(shown).to_have_id(Shown(first).id)
        now, before = (shown.frame_locator("iframe.desktop").nth(at) for at in (0, 1))
        expect(now.locator("h1")).to_contain_text("once more")
        expect(before.locator("h1")).not_to_contain_text("once more")
        assert shown.locator("iframe.desktop").count() == 2
        phone, slack = (
            shown.locator(one).bounding_box() for one in ("iframe.phone", "article.slack")
        )
        assert phone is not None
        assert slack is not None
        assert phone["x"] >= slack["x"] + slack["width"], "the phone is next to Slack"
        assert phone["y"] < slack["y"] + 400
        running.close()
