"""Links in messages: present, pointing to existing places, and absent if no page is reachable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from reports.pages import files
from reports.preview.gallery import Cell, Homes, cell
from reports.preview.patches import GOALS
from reports.preview.recorded import NOW, fill
from reports.preview.scenarios import SCENARIOS
from reports.preview.stage import stage
from reports.registry import reports
from reports.shared.text import PLACES, alert_link
from scheduler.web import page

BASE = "https://signalroom.example.org"
# each report with the section of the client's page that it links to
REPORTS = {
    "daily_ccw": "#ccw",
    "daily_exp": "#exp",
    "weekly_rollup": "",
    "affiliate_leaderboard": "",
    "state_performance": "",
}
Cells = Mapping[str, Cell]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """Each report and the alert, as on most mornings."""
    homes = Homes(tmp_path_factory.mktemp("homes"))
    known = reports()
    return {name: cell(known[name], SCENARIOS[0], homes) for name in (*REPORTS, "alert")}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("links")
    with stage(folder, NOW):
        fill(GOALS)
        yield folder


def slack(shown: Cell) -> str:
    return json.dumps(shown.messages["slack"], ensure_ascii=False)


@pytest.mark.parametrize("name", REPORTS)
def test_every_channel_of_a_report_leads_to_its_place_on_the_clients_page(
    cells: Cells, name: str
) -> None:
    address = f"{BASE}/clients/713/{REPORTS[name]}"
    messages = cells[name].messages
    [link] = BeautifulSoup(messages["email"]["html"], "html.parser").find_all("a")
    assert (link["href"], link.get_text(strip=True)) == (address, "Open the page")
    assert f"Open the page: {address}\n" in messages["email"]["text"]
    assert f"<{address}|Open the page>" in slack(cells[name])
    if "sms" in messages:
        assert messages["sms"]["body"].endswith(address)


def test_alert_leads_to_the_run_that_failed_and_to_its_runbook(cells: Cells) -> None:
    run, runbook = f"{BASE}/steps/ingest:everflow", f"{BASE}/runbook#step_failed"
    messages = cells["alert"].messages
    found = BeautifulSoup(messages["email"]["html"], "html.parser").find_all("a")
    assert {one["href"]: one.get_text(strip=True) for one in found} == {
        run: "See run",
        runbook: "Runbook",
    }
    assert run in messages["email"]["text"]
    assert f"<{run}|See run> <{runbook}|Runbook>" in slack(cells["alert"])


def test_places_that_links_lead_to_are_on_the_pages(home: Path) -> None:
    with stage(home, NOW):
        [made] = files.make(["713"])
        overview, client_page = page.overview(), made.page.read_text(encoding="utf-8")
        links = {kind: alert_link(kind, "713", "ingest:everflow") for kind in (*PLACES, "other")}
    text = {link.text: link.address for link in links.values() if link}
    assert len(text) == 7
    assert text["Map this source"] == f"{BASE}/clients/713/#unmapped"
    assert text["See what changed"] == f"{BASE}/clients/713/#changed"
    wanted = {
        **{kind: link.address for kind, link in links.items() if link},
        **{name: f"{BASE}/clients/713/{place}" for name, place in REPORTS.items()},
    }
    for kind, address in wanted.items():
        path, _, anchor = address.removeprefix(BASE).partition("#")
        shown = client_page if path.startswith("/clients/") else overview
        assert not anchor or re.search(rf' id="{anchor}"', shown), kind


def test_nothing_leads_anywhere_where_no_one_can_reach_the_page(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reports import compose

    with stage(home, NOW):
        monkeypatch.delenv("SIGNALROOM_PUBLIC_URL")
        messages = compose("daily_ccw", "713", SCENARIOS[0].day).messages
        assert alert_link("step_failed", "713", "ingest:everflow") is None
    email, sms = messages["email"], messages["sms"]
    assert BeautifulSoup(email["html"], "html.parser").find_all("a") == []
    assert "Open the page" not in f"{email['text']}{json.dumps(messages['slack'])}{sms['body']}"
