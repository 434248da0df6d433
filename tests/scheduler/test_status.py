"""The status: late does not look fresh, dead does not look alive, and there is always an answer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from cli.main import signalroom
from reports.delivery.attempts import CHANNELS as SENDERS
from scheduler.planning import record_due
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import read_schedule
from scheduler.status import freshness
from scheduler.status.status import read_status
from scheduler.status.verdict import CHANNELS, verdict
from scheduler.status.week import read_week
from scheduler.web import page
from signalroom import clock, run_database
from signalroom.errors import ConfigurationError
from signalroom.tables import RUNS, SOURCE_FRESHNESS, STEPS
from tests.scheduler import story
from tests.support.processes import signalroom_cli
from tests.support.warehouse import Warehouse


@pytest.fixture(scope="module")
def told(module_warehouse: Warehouse) -> dict[str, str]:
    """A warehouse with the prepared morning in it; returns the environment that points to it."""
    env = {**module_warehouse.environment, "SIGNALROOM_NOW": story.NOW}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        story.tell(module_warehouse)
    return {**env, "EVERFLOW_API_KEY": story.SECRET}


def ask(env: dict[str, str], *arguments: str) -> Result:
    """Run a command in this process, which is much faster than starting one."""
    return CliRunner(env=env).invoke(signalroom, arguments)


@pytest.fixture(scope="module")
def status(told: dict[str, str]) -> dict[str, Any]:
    said = signalroom_cli("status", "--json", env=told)
    assert (said.returncode, said.stderr) == (0, "")
    assert story.SECRET not in said.stdout
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_a_warehouse_that_a_build_holds_hides_nothing(
    told: dict[str, str], module_warehouse: Warehouse
) -> None:
    """On DuckDB `status` once told people to close the scheduler's own dbt."""
    with ExitStack() as held:
        if module_warehouse.target == "duckdb":
            path = module_warehouse.home / "warehouse.duckdb"
            held.enter_context(duckdb.connect(str(path)))
        said = signalroom_cli("status", env=told)
    assert (said.returncode, said.stderr) == (0, "")
    assert "open in process" not in said.stdout
    assert "Unavailable" not in said.stdout
    assert re.search(r"everflow +713 ", said.stdout)


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
    assert lines[0].startswith("Thu Nov 19, 2026 9:40 AM EST Scheduler running since ")
    assert "redtrack 713 8:01 AM 1 h 39 min late, was due 9:00 AM (daily_spend)" in lines
    assert "everflow 713 9:02 AM 38 min fresh" in lines
    assert any(line.startswith("critical 713: RedTrack answers nothing <script>") for line in lines)
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
    assert "  713: daily_stats 12\n  cti: Slack to C0: delivered" in said.stdout
    found = json.loads(ask(told, "runs", "show", story.RUNNING, "--json").stdout)
    assert found["steps"][1]["log"] == f"logs/runs/{story.RUNNING}/ingest.log"
    assert [step["rows"] for step in found["steps"]] == [7, None, None]


def test_runs_are_listed_newest_first(told: dict[str, str]) -> None:
    listed = ask(told, "runs", "list", "--json").stdout
    ids = [json.loads(line)["run_id"] for line in listed.splitlines()]
    assert ids[:3] == [story.RUNNING, story.DONE, story.PARTIAL]
    assert len(ids) == 5
    one = ask(told, "runs", "list", "--job", "hourly", "--limit", "1").stdout
    assert [line.split()[1] for line in one.splitlines()] == ["Run", story.RUNNING]
    number = one.splitlines()[1].split()[0]
    log = Path(told["SIGNALROOM_HOME"]) / f"logs/runs/{story.RUNNING}/ingest.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("\n".join(f"line {one} {story.SECRET}" for one in range(200)))
    for given in (number, f"#{number}"):
        shown = ask(told, "runs", "show", given, "--log").stdout
        assert shown.startswith(f"{story.RUNNING}  running")
        assert "line 199" in shown
        assert story.SECRET not in shown
    said = ask(told, "runs", "show", "hourly-1")
    assert isinstance(said.exception, ConfigurationError)
    assert str(said.exception).startswith("No run is ")
    misspelt = ask(told, "runs", "list", "--job", "hurly")
    assert misspelt.exit_code == 2
    assert "No job is called 'hurly'. Did you mean 'hourly'?" in misspelt.stderr


def test_the_page_reads_both_engines(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    html = page.overview()
    for said in (story.RUNNING, "rejected rows</span> 3 of s3_exports", "C0CCW", "CPA $45.32"):
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


def test_a_database_that_is_away_is_named_and_a_writer_hides_nothing(told: dict[str, str]) -> None:
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
        assert "Scheduler state unknown" in text
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
        text = ask(told, "status").stdout
        writer.kill()
    assert said.exit_code == 0, said.stderr
    found = json.loads(said.stdout)
    assert found["unreadable"] == []
    assert len(found["sources"]) == 4
    assert "close it there" not in text
    assert "run in progress." in text
    assert found["running"][0]["run_id"] == story.RUNNING


def test_a_job_without_any_key_had_nothing_to_do_and_is_not_green(tmp_path: Path) -> None:
    """Steps of sources that are off are shown as off, not as done, and not as all good."""
    env = {"SIGNALROOM_HOME": str(tmp_path)}
    done = signalroom_cli("trigger", "hourly", "--wait", env=env)
    assert done.returncode == 0, done.stderr
    steps = dict(line.split(": ") for line in done.stdout.splitlines()[1:])
    last = list(steps)[-1]
    assert {state for step, state in steps.items() if step != last} == {"off"}
    assert steps[last] == "nothing to do"
    said = signalroom_cli("status", env=env)
    assert "no source is configured: `signalroom doctor`" in said.stdout
    assert "All good" not in said.stdout


def test_a_verdict_is_red_without_a_source_or_a_scheduler(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never green when nothing works."""
    warehouse.activate(monkeypatch)
    first = verdict(read_status())
    assert first.level == "bad"
    assert first.problems == (
        "scheduler never started. Start it: `signalroom scheduler`.",
        "no source is configured: `signalroom doctor`.",
    )
    story.beat()
    assert verdict(read_status()).problems == ("no source is configured: `signalroom doctor`.",)
    freshness.record_pull("713", "everflow", ["daily_stats"], clock.now())
    mild = verdict(read_status())
    assert (mild.level, mild.problems) == (
        "warning",
        ("Reports stay in the outbox: no channel is set.",),
    )
    for name in CHANNELS["slack"]:
        monkeypatch.setenv(name, "x")
    good = verdict(read_status())
    assert good.level == "good"
    assert good.line.startswith("All good. Next: ")


def test_a_source_with_its_key_is_not_called_missing_before_its_first_pull(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new user who has just set a key must not be told to look for it, nor that all is good."""
    warehouse.activate(monkeypatch)
    story.beat()
    monkeypatch.setenv("EVERFLOW_API_KEY", "x")
    monkeypatch.setenv("REDTRACK_API_KEY", "two\nlines")  # set, but invalid
    found = verdict(read_status())
    assert (found.level, found.problems[0]) == (
        "warning",
        "No data yet: 2 sources configured, none loaded.",
    )
    freshness.record_pull("713", "everflow", ["daily_stats"], clock.now())
    assert "No data yet" not in verdict(read_status()).line


def test_paused_sources_alone_are_said_to_be_paused_and_not_missing(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    story.beat()
    freshness.record_pull("713", "everflow", ["daily_stats"], clock.now())
    assert "Resume" not in page.overview(may_act=True)
    with run_database.prepared_engine().begin() as connection:
        connection.execute(SOURCE_FRESHNESS.update().values(state="paused"))
    assert "Load, resume everflow" in page.overview(may_act=True)
    found = verdict(read_status())
    assert found.level == "warning"
    assert found.problems[0] == "No source is pulled: everflow paused."


def test_the_channels_of_the_verdict_are_those_that_send() -> None:
    assert {name: {*channel.REQUIRED, channel.RECIPIENTS} for name, channel in SENDERS.items()} == {
        name: set(needed) for name, needed in CHANNELS.items()
    }


def test_a_week_names_what_was_late_and_what_was_not_done(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    jobs = [job for job in read_schedule() if job.name == "hourly"]
    noon = datetime(2026, 11, 19, 17, 0, 30, tzinfo=UTC)
    monkeypatch.setenv("SIGNALROOM_NOW", noon.isoformat())
    instant = clock.instant()
    with WorkLedger() as ledger:
        record_due(ledger, jobs, "x", noon - timedelta(hours=4, minutes=1), instant)
        record_due(ledger, jobs, "x", noon, instant)
        due = [run for run in ledger.recent("hourly") if run.status == "due"]
        (newest,) = due
        assert ledger.claim(newest, "x", instant + timedelta(minutes=11))
        assert ledger.settle(newest.run_id, "x", "done", finished_at=instant)
    week = read_week(jobs)
    assert [one.state for one in week.runs] == ["superseded"] * 4 + ["late"]
    assert week.exceptions == week.runs
    with WorkLedger() as ledger, ledger._engine.begin() as connection:
        connection.execute(STEPS.delete().where(STEPS.c.run_id == newest.run_id))
        connection.execute(RUNS.delete().where(RUNS.c.run_id == newest.run_id))
    monkeypatch.setenv("SIGNALROOM_NOW", (noon + timedelta(minutes=5)).isoformat())
    assert [one.state for one in read_week(jobs).exceptions][-1] == "missing"
    said = ask({**warehouse.environment, "SIGNALROOM_NOW": noon.isoformat()}, "status", "--week")
    assert said.exit_code == 0
