"""Editing a template while the gallery is served: it reloads, and shows where mistakes are."""

from __future__ import annotations

import http.client
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.support.browser import FLAGS
from tests.support.processes import ROOT, TIMEOUT_S, own_environment

SOURCES = ("cli", "ingest", "reports", "signalroom", "transform/models/marts")
WAIT_MS = TIMEOUT_S * 250


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources for editing."""
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / "tree" / name, ignore=ignored)
    shutil.copy(ROOT / "dbt_project.yml", tmp_path / "tree")
    shutil.copytree(ROOT / ".dlt", tmp_path / "tree" / ".dlt")
    return tmp_path / "tree"


@pytest.fixture
def server(tree: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `signalroom preview --serve` on that copy; only alerts, which draw no pictures."""
    arguments = ["preview", "--serve", "--port", "0", "--report", "alert"]
    running = subprocess.Popen(
        [sys.executable, "-c", "from cli.main import main; main()", *arguments],
        cwd=tree,
        env=own_environment({"SIGNALROOM_HOME": str(tmp_path / "home")}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield running
    if running.poll() is None:
        running.kill()
    running.communicate()


@pytest.mark.slow
@pytest.mark.deep
def test_saving_reloads_and_mistakes_are_shown_with_their_place(
    tree: Path, server: subprocess.Popen[str], chromium: Path
) -> None:
    assert server.stdout is not None
    address = server.stdout.readline().split()[0]
    assert address.startswith("http://127.0.0.1:")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        page = browser.new_page()
        complaints: list[str] = []
        asked: list[str] = []
        page.on("console", lambda one: complaints.append(one.text))
        page.on("request", lambda one: asked.append(one.url))
        page.goto(f"{address}#alert.resolved")
        bubble = page.locator("[id='alert.resolved'] .bubble")
        expect(bubble).to_contain_text("Resolved, lasted 40 min", timeout=WAIT_MS)
        _edit_and_break(tree, page)
        browser.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(address)] == []
    _keeps_to_itself(address)
    server.send_signal(signal.SIGINT)
    assert server.wait(TIMEOUT_S) == 0
    assert server.communicate() == ("", "Drawing alert in every scenario ...\n")


def _edit_and_break(tree: Path, page: Page) -> None:
    template = tree / "reports" / "alerts" / "templates" / "sms.j2"
    before = template.read_text(encoding="utf-8")
    bubble = page.locator("[id='alert.resolved'] .bubble")

    template.write_text(before.replace("Resolved, ", "It is over, "), encoding="utf-8")
    expect(bubble).to_contain_text("It is over, lasted 40 min", timeout=WAIT_MS)

    template.write_text(f"{{# one #}}\n{{{{ report.nothing }}}}\n{before}", encoding="utf-8")
    failure = page.locator("[id='alert.resolved'] article.sms .failure")
    expect(failure).to_contain_text("has no attribute 'nothing'", timeout=WAIT_MS)
    expect(failure).to_contain_text("reports/alerts/templates/sms.j2:2")
    expect(page.locator("[id='alert.resolved'] article.slack .message").first).to_be_visible()

    scenarios = tree / "reports" / "preview" / "scenarios.py"
    code = scenarios.read_text(encoding="utf-8")
    scenarios.write_text(f"{code}\nSCENARIOS = (\n", encoding="utf-8")
    line = code.count("\n") + 2
    trouble = page.locator(".alone .failure")
    expect(trouble).to_contain_text("was never closed", timeout=WAIT_MS)
    expect(trouble).to_contain_text(f"scenarios.py:{line}")

    template.write_text(before, encoding="utf-8")
    scenarios.write_text(code, encoding="utf-8")
    expect(bubble).to_contain_text("Resolved, lasted 40 min", timeout=WAIT_MS)


def _keeps_to_itself(address: str) -> None:
    """Foreign host names, and paths outside the folder, are refused."""
    where = urlsplit(address)
    assert where.port is not None
    for path, host, status in (
        ("/", f"127.0.0.1:{where.port}", 200),
        ("/", "evil.example:80", 403),
        ("/../home/state.sqlite", f"127.0.0.1:{where.port}", 404),
        ("/files/%2e%2e/%2e%2e/%2e%2e/tree/dbt_project.yml", f"127.0.0.1:{where.port}", 404),
    ):
        asked = http.client.HTTPConnection("127.0.0.1", where.port, timeout=TIMEOUT_S)
        asked.request("GET", path, headers={"Host": host})
        assert asked.getresponse().status == status, path
        asked.close()
