"""Records four people's walks through the product for review, and the pictures in the docs.

`python -m tests.house.walks` writes target/walks: what a newcomer, a buyer on a phone, an analyst
and an operator see, as terminal output of 80 columns and as pictures. With `--pictures` it writes
the pictures of README and docs instead, from made-up weeks.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from reports.pages import files
from reports.preview.gallery import Homes, cell
from reports.preview.page import write_page
from reports.preview.scenarios import SCENARIOS
from reports.preview.stage import stage
from reports.registry import reports
from scheduler.schedule import read_schedule
from scheduler.status.verdict import CHANNELS
from scheduler.web.server import WebServer
from signalroom import clock
from tests.house import good_morning, trace_picture
from tests.scheduler import story
from tests.support.browser import FLAGS, find_chromium
from tests.support.processes import BIN, ROOT, own_environment
from tests.support.warehouse import empty_warehouse

WALKS, IMAGES = ROOT / "target" / "walks", ROOT / "docs" / "images"
NOW = "2026-11-19T09:30:00-05:00"  # so that two recordings can be compared
PHONE, DESK = 390, 1280
QUERY = "select _client_id, date, conversions, cost from daily_summary order by date desc limit 7"
TERMINAL = {
    "1-newcomer": [
        ["make"],
        ["signalroom", "--help"],
        ["signalroom", "run"],
        ["signalroom", "report", "daily_ccw"],
    ],
    "3-analyst": [
        ["signalroom", "query", QUERY],
        ["signalroom", "explain", "713", "2026-11-18", "cpa", "--brand", "CCW"],
        ["dbt", "build", "--select", "daily_summary"],
        ["make", "lint-changed"],
    ],
    "4-operator": [
        ["signalroom", "status"],
        ["signalroom", "status", "--week"],
        ["signalroom", "schedule"],
        ["signalroom", "runs", "list"],
        ["signalroom", "failures"],
        ["signalroom", "dead-letters", "list"],
        ["signalroom", "doctor", "--offline"],
    ],
}


def record(home: Path) -> None:
    """Record the four walks, each in its own folder."""
    shutil.rmtree(WALKS, ignore_errors=True)
    for walk, commands in TERMINAL.items():
        for number, command in enumerate(commands, 1):
            _terminal(WALKS / walk, f"{number}-{'-'.join(command)[:40]}", command, home)
    _run(["signalroom", "pages"], home)
    with _browser() as browser, _scheduler(home) as address:
        operator, buyer = WALKS / "4-operator", WALKS / "2-buyer"
        for mail in sorted((home / "outbox").glob("*.email.html")):
            _everywhere(browser, mail.as_uri(), buyer / mail.name.removesuffix(".email.html"))
        for page in sorted((home / "pages").glob("*/index.html")):
            _everywhere(browser, page.as_uri(), buyer / f"page-{page.parent.name}")
        for text in sorted((home / "outbox").glob("*.sms.txt")):
            shutil.copy(text, buyer)
        _everywhere(browser, address, operator / "page")
    sys.stdout.write(f"Look through {WALKS.relative_to(ROOT)}\n")


def pictures(home: Path) -> None:
    """Create the pictures of README and docs, from made-up weeks at a fixed time."""
    homes = Homes(home)
    daily = cell(reports()["daily_ccw"], SCENARIOS[0], homes)
    index = write_page([daily], home / "gallery")
    mail = index.parent / "files" / "daily_ccw.normal.email.light.html"
    with stage(homes.folder(SCENARIOS[0].patches), SCENARIOS[0].now):
        (made,) = files.make(["713"])
    IMAGES.mkdir(parents=True, exist_ok=True)
    with _browser() as browser:
        _picture(browser, mail.as_uri(), IMAGES / "daily-report.png", 640, height=1150)
        _picture(browser, index.as_uri(), IMAGES / "preview.png", 1600, height=1100)
        _picture(browser, made.page.as_uri(), IMAGES / "client-page.png", 1100, height=1000)
        phone = IMAGES / "client-page-phone.png"
        _picture(browser, made.page.as_uri(), phone, PHONE, "dark", height=844)
        _slack(browser, index, IMAGES / "slack.png")
        with _morning(home / "morning") as address:
            _picture(browser, address, IMAGES / "scheduler-page.png", 700, height=1150)
        trace_picture.picture(browser, IMAGES / "trace.png", _environment(home / "trace"))
    sys.stdout.write(f"Look through {IMAGES.relative_to(ROOT)}\n")


@contextmanager
def _morning(home: Path) -> Iterator[str]:
    """Serve the scheduler's page on a good morning."""
    with empty_warehouse("duckdb", home, None) as warehouse, pytest.MonkeyPatch.context() as patch:
        warehouse.activate(patch)
        patch.setenv("SIGNALROOM_NOW", NOW)
        moment = datetime.fromisoformat(NOW).astimezone(UTC)
        patch.setattr(clock, "instant", lambda: moment)  # all times in a picture are the same
        for name in CHANNELS["slack"]:
            patch.setenv(name, "set")
        good_morning.tell()
        server = WebServer(("127.0.0.1", 0), story.living_pulse(), read_schedule(), str)
        server.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.close()


def _slack(browser: Browser, index: Path, path: Path) -> None:
    page = browser.new_page(viewport={"width": 1600, "height": 1000}, device_scale_factor=1.5)
    page.goto(f"{index.as_uri()}#daily_ccw.normal")
    page.locator("[id='daily_ccw.normal'] article.slack .message").first.screenshot(path=path)
    page.close()


def _everywhere(browser: Browser, address: str, stem: Path) -> None:
    """Take pictures of the page on a phone and a desktop, in light and dark."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    for width in (PHONE, DESK):
        for scheme in ("light", "dark"):
            _picture(
                browser, address, stem.with_name(f"{stem.name}-{width}-{scheme}.png"), width, scheme
            )


def _picture(
    browser: Browser, address: str, path: Path, width: int, scheme: Any = "light", height: int = 0
) -> None:
    """Take a picture of a page: the full page, or only the top if a height is given."""
    page = browser.new_page(
        viewport={"width": width, "height": height or 900}, color_scheme=scheme,
        device_scale_factor=1 if width > PHONE else 2,
    )  # fmt: skip
    page.goto(address)
    page.screenshot(path=path, full_page=not height)
    page.close()


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(find_chromium()), args=FLAGS)
        yield running
        running.close()


@contextmanager
def _scheduler(home: Path) -> Iterator[str]:
    """Serve the scheduler's page on a free port for the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [str(BIN / "signalroom"), "scheduler"], cwd=ROOT,
        env={**_environment(home), "PORT": str(port)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}ready", timeout=2).close()  # noqa: S310 - loopback
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _terminal(folder: Path, name: str, command: list[str], home: Path) -> None:
    """Record a command's output on a terminal of 80 columns, its exit code and its duration."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    done = _run(command, home)
    took = time.monotonic() - began
    said = (
        f"$ {' '.join(command)}\n{done.stdout}{done.stderr}[exit {done.returncode}, {took:.1f} s]\n"
    )
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    (folder / f"{plain}.txt").write_text(said, encoding="utf-8")
    sys.stdout.write(f"{folder.name}: {' '.join(command)[:60]} ({took:.1f} s)\n")


def _run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    program = str(BIN / command[0]) if (BIN / command[0]).exists() else command[0]
    return subprocess.run(
        [program, *command[1:]], cwd=ROOT, env=_environment(home), text=True, capture_output=True,
        check=False,
    )  # fmt: skip


def _environment(home: Path) -> dict[str, str]:
    return own_environment(
        {
            "COLUMNS": "80",
            "SIGNALROOM_HOME": str(home),
            "SIGNALROOM_NOW": NOW,
            "DBT_TARGET_PATH": str(home / "target"),
        }
    )


def main() -> None:
    """Record the walks, or create the pictures."""
    with_pictures = "--pictures" in sys.argv
    home = ROOT / "target" / ("pictures-home" if with_pictures else "walks-home")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    pictures(home) if with_pictures else record(home)


if __name__ == "__main__":
    main()
