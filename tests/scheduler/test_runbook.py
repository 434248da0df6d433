"""The runbook: an entry for every alert, and a restore that works."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reports.alerts.incidents import open_incidents
from scheduler.runs.ledger import Ledger
from scheduler.status import health
from scheduler.web import page
from scheduler.web.messages import archive
from signalroom.warehouse import read
from tests.scheduler import story
from tests.support.processes import ROOT, own_environment
from tests.support.warehouse import Warehouse

TEXT = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
MODES = (
    "Network time-out",
    "Rate limit",
    "Bad credentials",
    "Database down",
    "Process crash",
    "Partial load",
    "DuckDB file locked",
    "Disk full",
    "Report late",
    "Delivery refused",
    "Dead letters",
)


def part(heading: str) -> str:
    """The text below a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", TEXT, re.M | re.S)
    assert found, f"the runbook says nothing of {heading!r}"
    return found[1]


def kinds() -> set[str]:
    """Every kind of incident that the code opens."""
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("reports", "scheduler", "transform", "cli")
        for path in (ROOT / folder).rglob("*.py")
    )
    pairs = re.findall(r'\bkind="(\w+)"|\bKIND = "(\w+)"', code)
    return {one for pair in pairs for one in pair if one}


def test_every_kind_of_alert_has_an_entry() -> None:
    assert kinds() >= {"step_failed", "source_late", "delivery_failed"}
    for kind in kinds():
        assert len(part(f"`{kind}`").split()) > 15, kind


def test_the_page_leads_from_an_alert_to_its_entry() -> None:
    html = page.runbook()
    for kind in kinds():
        assert f' id="{kind}">' in html, kind
    anchors = set(re.findall(r' href="#([^"]+)"', html))
    assert anchors <= set(re.findall(r' id="([^"]+)"', html))
    assert "<table>" in html


@pytest.mark.parametrize("mode", MODES)
def test_every_failure_has_its_message_and_what_to_do(mode: str) -> None:
    text = part(mode)
    assert re.search(r"^> \S", text, re.M), "no message is quoted"
    assert "`" in re.sub(r"^>.*$", "", text, flags=re.M), "no command or setting is named"


def test_every_word_of_health_is_explained() -> None:
    doc = health.complaint.__doc__ or ""
    words = set(re.findall(r"`(\w+)`", doc))
    assert words == {"tick", "thread", "ledger", "warehouse", "overdue"}
    for word in words:
        assert f"\n| `{word}` |" in part("The process")


def test_anchors_lead_to_headings() -> None:
    headings = re.findall(r"^#+ (.+)$", TEXT, re.M)
    anchors = {re.sub(r"[^\w\- ]", "", one).lower().replace(" ", "-") for one in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", TEXT))
    assert links
    assert links - anchors == set()


def test_what_was_backed_up_comes_back(told_home: Path, tmp_path: Path) -> None:
    """Runs the runbook's own commands, in a folder with links to the repository."""
    home = tmp_path / ".signalroom"
    shutil.copytree(told_home, home)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    before = kept(home)
    assert before["runs"] == 5
    assert before["messages"] == 3
    assert before["letters"] == 4
    follow(part("Backup"), tmp_path)
    warehouse = Warehouse("duckdb", home, {})
    warehouse.execute("delete from ops.dead_letters")
    for path in home.glob("state.sqlite*"):
        path.write_bytes(b"broken")
    follow(part("Restore"), tmp_path)
    assert kept(home) == before


def follow(text: str, folder: Path) -> None:
    """Run the first block of commands, which is for DuckDB."""
    block = re.search(r"```sh\n(.*?)```", text, re.S)
    assert block
    subprocess.run(
        ["bash", "-euc", block[1]], cwd=folder, env=own_environment(), check=True, timeout=60
    )


def kept(home: Path) -> dict[str, int]:
    """The number of runs, messages and letters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNALROOM_HOME", str(home))
        patch.setenv("SIGNALROOM_NOW", story.NOW)
        with Ledger() as ledger:
            runs = ledger.recent()
        letters = read("select count(*) as found from dead_letters", within="ops")
        return {
            "runs": len(runs),
            "steps": sum(len(run.steps) for run in runs),
            "messages": sum(len(sent.messages) for _, day in archive(3650) for sent in day),
            "incidents": len(open_incidents()),
            "letters": letters[0]["found"],
        }
