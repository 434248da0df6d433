"""What goes wrong with the status: late looks fresh, dead looks alive, or there is no answer."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import signalroom
from scheduler.status.freshness import read_facts
from scheduler.web import page
from signalroom.errors import ConfigurationError
from tests.scheduler import story
from tests.support.processes import signalroom_cli
from tests.support.warehouse import Warehouse


@pytest.fixture(scope="module")
def told(module_warehouse: Warehouse) -> dict[str, str]:
    """A warehouse with the story in it; the environment that points at it."""
    env = {**module_warehouse.environment, "SIGNALROOM_NOW": story.NOW}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        story.tell(module_warehouse)
    return {**env, "EVERFLOW_API_KEY": story.SECRET}


def ask(env: dict[str, str], *arguments: str) -> Result:
    """A command in this process, which is much quicker than in another."""
    return CliRunner(env=env).invoke(signalroom, arguments)


@pytest.fixture(scope="module")
def status(told: dict[str, str]) -> dict[str, Any]:
    said = signalroom_cli("status", "--json", env=told)
    assert (said.returncode, said.stderr) == (0, "")
    assert story.SECRET not in said.stdout
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_a_source_is_as_old_as_its_oldest_table(status: dict[str, Any]) -> None:
    sources = {(one["source"], one["client"]): one for one in status["sources"]}
    assert sources.keys() == {
        ("everflow", "713"),
        ("everflow", "cti"),
        ("redtrack", "713"),
        ("s3_exports", "713"),
    }
    everflow, redtrack = sources["everflow", "713"], sources["redtrack", "713"]
    assert (everflow["as_of"], everflow["age_s"], everflow["late"]) == (
        "2026-11-19T09:02:00-05:00",
        38 * 60,
        False,
    )
    assert (redtrack["as_of"], redtrack["late"]) == ("2026-11-19T08:01:00-05:00", True)
    assert redtrack["oldest_table"] == "daily_spend"
    assert redtrack["due_at"] == "2026-11-19T09:00:00-05:00"
    assert sources["s3_exports", "713"]["late"] is False


def test_each_job_has_its_last_runs_and_its_next(status: dict[str, Any]) -> None:
    jobs = {one["job"]: one for one in status["jobs"]}
    assert [run["run_id"] for run in jobs["hourly"]["runs"]] == [story.RUNNING, story.DONE]
    assert jobs["hourly"]["next_at"] == "2026-11-19T10:00:00-05:00"
    done = jobs["hourly"]["runs"][1]
    assert (done["status"], done["rows"], done["duration_s"]) == ("done", 1563, 60.0)
    assert done["scheduled_for"] == "2026-11-19T08:00:00-05:00"
    skipped = jobs["restatement"]["runs"][0]
    assert (skipped["status"], skipped["duration_s"]) == ("skipped", None)
    assert skipped["error"] == "missed by 3 h; this job is not caught up"


def test_what_runs_now_is_shown_with_its_steps(status: dict[str, Any]) -> None:
    (run,) = status["running"]
    assert run["run_id"] == story.RUNNING
    assert [(step["step"], step["status"], step["attempt"]) for step in run["steps"]] == [
        ("ingest:everflow", "done", 1),
        ("ingest:redtrack", "running", 2),
        ("dbt", "pending", 1),
    ]
    assert 100 < run["steps"][1]["duration_s"] < 1000
    assert run["steps"][2]["duration_s"] is None
    assert status["overdue"] == []


def test_alerts_letters_and_life_are_there(status: dict[str, Any]) -> None:
    assert status["dead_letters"] == [{"client": "713", "source": "s3_exports", "count": 3}]
    (alert,) = status["alerts"]
    assert (alert["kind"], alert["subject"]) == ("step_failed", "ingest:redtrack")
    assert status["scheduler"]["alive"] is True
    assert status["unreadable"] == []
    assert status["at"] == story.NOW


def test_people_read_the_same(told: dict[str, str]) -> None:
    said = ask(told, "status")
    assert (said.exit_code, said.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in said.stdout.splitlines()]
    assert lines[0].startswith("Thu 19 Nov 2026 09:40 EST the scheduler lives, since ")
    assert "redtrack 713 08:01 1 h 39 min late, was due 09:00 (daily_spend)" in lines
    assert "everflow 713 09:02 38 min fresh" in lines
    assert any(line.startswith("critical 713 RedTrack answers nothing <script>") for line in lines)
    assert any("3 of s3_exports 713" in line for line in lines)
    assert any(line.startswith(f"{story.RUNNING} ingest:redtrack ") for line in lines)
    tables = said.stdout.split("Open alerts")[0].splitlines()
    assert max(len(line.rstrip()) for line in tables) <= 80


def test_a_run_is_shown_step_by_step(told: dict[str, str]) -> None:
    said = ask(told, "runs", "show", story.PARTIAL)
    assert said.exit_code == 0, said.stderr
    assert story.SECRET not in said.stdout
    assert f"{story.PARTIAL}  done with errors" in said.stdout
    assert "ingest:redtrack  failed, 18 s, 5 tries" in said.stdout
    assert f"  {story.HOSTILE} ***" in said.stdout
    found = json.loads(ask(told, "runs", "show", story.RUNNING, "--json").stdout)
    assert found["steps"][1]["log"] == f"logs/runs/{story.RUNNING}/ingest.log"
    assert [step["rows"] for step in found["steps"]] == [7, None, None]


def test_runs_are_listed_newest_first(told: dict[str, str]) -> None:
    listed = ask(told, "runs", "list", "--json").stdout
    ids = [json.loads(line)["run_id"] for line in listed.splitlines()]
    assert ids[:3] == [story.RUNNING, story.DONE, story.PARTIAL]
    assert len(ids) == 5
    one = ask(told, "runs", "list", "--job", "hourly", "--limit", "1").stdout
    assert [line.split()[0] for line in one.splitlines()] == ["Run", story.RUNNING]
    for arguments in (["show", "hourly-1"], ["list", "--job", "hurly"]):
        said = ask(told, "runs", *arguments)
        assert isinstance(said.exception, ConfigurationError)
        assert str(said.exception).startswith(f"No {'run' if 'show' in arguments else 'job'} is ")


def test_the_page_reads_both_engines(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    html = page.overview(read_facts)
    for said in (story.RUNNING, "dead letters</span> 3 of s3_exports", "C0CCW", "CPA $45.32"):
        assert said in html
    assert "an alert" not in html
    mail = page.mail("daily_ccw:713:2026-11-18:email:abc/1")
    assert mail is not None
    assert mail.startswith("<html>")
    assert page.mail("daily_ccw:713:2026-11-18:slack:abc/1") is None
    assert page.mail("nothing") is None


def test_an_empty_home_has_a_status(warehouse: Warehouse) -> None:
    said = ask(warehouse.environment, "status", "--json")
    assert (said.exit_code, said.stderr) == (0, "")
    found = json.loads(said.stdout)
    assert found["scheduler"] == {"alive": False, "last_beat": None, "started_at": None}
    empty = ("sources", "dead_letters", "alerts", "running", "unreadable")
    assert {name: found[name] for name in empty} == {name: [] for name in empty}
    assert all(one["runs"] == [] and one["next_at"] for one in found["jobs"])


def test_a_writer_hides_the_warehouse_and_nothing_else(told: dict[str, str]) -> None:
    if told["SIGNALROOM_TARGET"] == "postgres":
        broken = {**told, "SUPABASE_DB_PORT": "1"}
        said = ask(broken, "status", "--json")
        assert said.exit_code == 0, said.stderr
        found = json.loads(said.stdout)
        assert [line.split(":")[0] for line in found["unreadable"]] == [
            "Runs",
            "Freshness and dead letters",
            "Alerts",
        ]
        assert found["scheduler"]["alive"] is None
        text = ask(broken, "status").stdout
        assert "whether a scheduler lives cannot be read now" in text
        assert "never" not in text
        return
    path = f"{told['SIGNALROOM_HOME']}/warehouse.duckdb"
    code = f"import duckdb, sys; c = duckdb.connect({path!r}); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "1\n"
        said = ask(told, "status", "--json")
        writer.kill()
    assert said.exit_code == 0, said.stderr
    found = json.loads(said.stdout)
    (line,) = found["unreadable"]
    assert f"process {writer.pid}" in line
    assert found["sources"] == []
    assert found["running"][0]["run_id"] == story.RUNNING
