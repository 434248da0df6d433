"""Within a run: a source that fails, hangs, or makes us wait."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from click.testing import CliRunner
from sqlalchemy.exc import SQLAlchemyError

from cli.main import signalroom
from reports.alerts import incidents
from scheduler.execution import child
from scheduler.execution import follow as following
from scheduler.execution import results as retries
from scheduler.runs.ledger import Run
from scheduler.runs.work_ledger import LEASE
from signalroom import clock, paths
from signalroom.warehouse import duckdb_path
from tests.scheduler.bench import DAY, FAILS, PULL, Bench, begun, is_gone
from tests.support.warehouse import held_open

pytestmark = pytest.mark.slow


def open_subjects() -> set[tuple[str, str]]:
    return {(one.client_id, one.subject) for one in incidents.open_incidents()}


def test_steps_are_done_in_order_with_the_days_of_the_run(bench: Bench) -> None:
    run = bench.finish(bench.ask())
    assert run.status == "done"
    assert [step.status for step in run.steps] == ["done"] * 5
    assert run.rows == 2
    since = (DAY - timedelta(days=3)).isoformat()
    assert [line.split(" ", 1)[1] for line in begun()] == [
        f"ingest everflow redtrack --json --since everflow:{since} --since redtrack:{since}",
        "build --changed --json",
        f"report daily_ccw --date {DAY - timedelta(days=1)} --send --when-complete --json",
        f"report daily_exp --date {DAY - timedelta(days=1)} --send --when-complete --json",
    ]


@pytest.mark.timeout(60)
def test_who_waits_for_a_run_begins_its_next_step_when_one_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must not wait for the next poll, which never comes here; a cycle has at least 4 steps."""
    monkeypatch.setattr(following, "TURN_S", 3600.0)
    ended = following.follow(bench.ledger, [PULL], bench.ask(), lambda _: None, bench.start)
    assert [step.status for step in ended.steps] == ["done"] * 5


@pytest.mark.fault(47)
@pytest.mark.parametrize(
    ("error_class", "tries"),
    [
        ("CredentialsError", 1),
        ("ConfigurationError", 1),
        ("AnswerError", 1),
        ("SourceError", 5),
        ("WarehouseError", 5),
        ("KeyError", 3),
    ],
)
def test_a_failing_source_is_tried_as_its_error_deserves_and_stops_nothing_else(
    bench: Bench, error_class: str, tries: int
) -> None:
    bench.body("ingest", FAILS % error_class)
    run = bench.finish(bench.ask())
    assert run.status == "done_with_errors"
    assert str(run.error).startswith("ingest:everflow: it says no")
    assert {step.step: step.status for step in run.steps} == {
        "ingest:everflow": "failed",
        "ingest:redtrack": "done",
        "dbt": "done",
        "report:daily_ccw": "done",
        "report:daily_exp": "done",
    }
    asked = [line for line in begun() if " ingest " in line]
    assert len(asked) == tries
    assert all("redtrack" not in line for line in asked[1:])
    assert open_subjects() == {("713", "ingest:everflow")}
    bench.body("ingest", "")
    assert bench.finish(bench.ask()).status == "done"
    assert open_subjects() == set()


def test_a_failure_that_is_heard_before_its_child_ends_is_tried_without_end(bench: Bench) -> None:
    bench.body("ingest", (FAILS % "SourceError").replace("exit 1", "sleep 0.3; exit 1"))
    assert bench.finish(bench.ask()).status == "done_with_errors"
    assert len([line for line in begun() if " ingest " in line]) == 5


def test_pauses_double_from_a_second_to_five_minutes() -> None:
    for failed, seconds in [(1, 1), (2, 2), (3, 4), (4, 8), (20, 300)]:
        pauses = [retries.pause(failed).total_seconds() for _ in range(50)]
        assert 0.75 * seconds <= min(pauses) < max(pauses) <= 1.25 * seconds


@pytest.mark.fault(15, 34)
def test_what_a_database_says_in_passing_is_tried_again_and_a_failed_test_is_not() -> None:
    assert retries.tries("Unknown", "deadlock detected") == 5
    assert retries.tries("TestsFailed", "dbt test not_null_orders fails") == 1


@pytest.mark.fault(20, 46)
def test_hung_work_is_ended_at_its_limit_with_all_that_it_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "GRACE_S", 0.5)
    stubborn = "trap '' TERM; sleep 300 & echo $! >> $SIGNALROOM_HOME/grandchildren; wait; wait"
    bench.body("build", stubborn)
    hung = replace(PULL, name="hung", limit=0.01)  # type: ignore[arg-type]
    bench.jobs = (hung,)
    bench.executor._jobs = {"hung": hung}
    run = bench.finish(bench.ask(hung))
    assert run.status == "done_with_errors"
    assert bench.step(run.run_id, "dbt").status == "failed"
    assert "its limit" in str(bench.step(run.run_id, "dbt").error)
    assert bench.step(run.run_id, "report:daily_ccw").status == "done"
    pids = (paths.home() / "grandchildren").read_text(encoding="utf-8").split()
    assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)


@pytest.mark.fault(18)
def test_a_vendor_that_asks_to_wait_is_asked_then_and_by_nobody_before(bench: Bench) -> None:
    until = clock.instant() + timedelta(hours=2)
    bench.body(
        "ingest",
        'case "$*" in *everflow*) echo \'{"source": "everflow", "client": "713", "failures": '
        f'["later"], "error_class": "DeferredError", "deferred_until": "{until.isoformat()}"}}\'; '
        'echo \'{"source": "redtrack", "client": "713", "rows": {}, "failures": []}\'; exit 1;; '
        "esac",
    )
    first = bench.finish(bench.ask())
    assert (first.status, first.resume_at) == ("waiting", until)
    assert [step.status for step in first.steps] == ["deferred", *["done"] * 4]
    assert first.steps[0].error == "later"
    assert open_subjects() == set()

    second = bench.finish(bench.ask(trigger="schedule"))
    assert second.status == "waiting"
    assert bench.run(first.run_id).status == "done_with_errors"
    assert f"{second.run_id} will retry" in str(bench.run(first.run_id).error)
    assert sum("everflow" in line for line in begun()) == 1

    bench.body("ingest", "")
    bench.ahead += timedelta(hours=2, seconds=5)
    bench.turn_until(lambda: bench.run(second.run_id).status == "done")
    mine = [line.split()[1] for line in begun() if line.startswith(second.run_id)]
    assert mine == ["ingest", "build", *["report"] * 2, "ingest", "build", *["report"] * 2]


@pytest.mark.fault(18)
def test_a_person_who_asks_for_a_job_waits_for_no_vendors_pause(bench: Bench) -> None:
    until = (clock.instant() + timedelta(hours=20)).isoformat()
    bench.body(
        "ingest",
        'case "$*" in *everflow*) echo \'{"source": "everflow", "client": "713", "failures": '
        f'["later"], "error_class": "DeferredError", "deferred_until": "{until}"}}\'; '
        "exit 1;; esac",
    )
    first = bench.finish(bench.ask(trigger="schedule"))
    assert first.status == "waiting"
    bench.body("ingest", "")
    assert bench.finish(bench.ask()).status == "done"
    assert bench.run(first.run_id).status == "done_with_errors"
    assert sum("everflow" in line for line in begun()) == 2


@pytest.mark.fault(31)
def test_a_report_waits_for_its_data_and_the_run_is_over(bench: Bench) -> None:
    bench.body("report", 'echo \'{"report": "x", "client": "713", "waits": true}\'; exit 0')
    run = bench.finish(bench.ask())
    assert (run.status, bench.step(run.run_id, "report:daily_ccw").status) == ("done", "waiting")


def test_jobs_share_no_source_at_a_time_and_a_long_one_holds_up_no_other(bench: Bench) -> None:
    files = replace(PULL, name="files", sources=("s3_exports",), reports=())
    late = replace(PULL, name="late")
    bench.executor._jobs = {job.name: job for job in (PULL, files, late)}
    hold = paths.home() / "hold"
    hold.touch()
    bench.body(
        "ingest", 'case "$2" in s3*) while [ -f $SIGNALROOM_HOME/hold ]; do sleep 0.05; done; esac'
    )
    long, pull, third = bench.ask(files), bench.ask(), bench.ask(late)
    again = bench.ask(files)
    bench.turn_until(lambda: bench.run(third).status == "done")
    assert bench.run(pull).status == "done"
    assert bench.run(pull).finished_at <= bench.run(third).started_at  # type: ignore[operator]
    assert (bench.run(long).status, bench.run(again).status) == ("running", "due")
    hold.unlink()
    bench.turn_until(lambda: bench.run(again).status == "done")


@pytest.mark.fault(33, 38)
def test_a_killed_child_is_begun_again(bench: Bench) -> None:
    bench.body(
        "build", "if [ ! -f $SIGNALROOM_HOME/x ]; then touch $SIGNALROOM_HOME/x; kill -9 $$; fi"
    )
    run = bench.finish(bench.ask())
    assert (run.status, bench.step(run.run_id, "dbt").attempt) == ("done", 2)


def test_a_child_that_cannot_begin_is_a_failure_like_any_other(bench: Bench) -> None:
    (paths.home() / "logs").write_text("no folder", encoding="utf-8")
    run = bench.finish(bench.ask())
    assert run.status == "failed"
    assert "it cannot begin" in str(run.error)
    assert {step.status for step in run.steps} == {"failed"}


@pytest.mark.fault(44)
def test_a_machine_whose_clock_is_set_back_goes_on(bench: Bench) -> None:
    assert bench.finish(bench.ask()).status == "done"
    bench.ahead -= timedelta(hours=1)
    assert bench.finish(bench.ask()).status == "done"


def test_a_run_that_was_claimed_and_not_begun_is_taken_up_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger failed between the two; other runs renew the lease, so it never expires."""
    read, failures = bench.ledger.run, [SQLAlchemyError("the connection was lost")]

    def fails_once(run_id: str) -> Run | None:
        found = read(run_id)
        if failures and found and found.status == "running":
            raise failures.pop()
        return found

    run_id = bench.ask()
    monkeypatch.setattr(bench.ledger, "run", fails_once)
    assert bench.finish(run_id).status == "done"
    assert failures == []
    assert bench.ahead < LEASE


@pytest.mark.fault(36)
def test_a_locked_duckdb_file_names_its_holder_in_log_alert_and_status(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The steps are real; an alert's repair is what `status` and the page show of it."""
    monkeypatch.setattr(retries, "TRIES", 1)
    monkeypatch.setenv("EVERFLOW_API_KEY", "k")
    monkeypatch.setenv("SIGNALROOM_CLIENTS", "713")
    bench = Bench(replace(PULL, sources=("everflow",), reports=()))
    start = partial(child.Child, command=("env", "SIGNALROOM_LOCK_WAIT_S=1", *child.SIGNALROOM))
    with held_open(duckdb_path()) as holder:
        run = following.follow(bench.ledger, bench.jobs, bench.ask(), lambda _: None, start)
        status = CliRunner().invoke(signalroom, ["status", "--json"])
    bench.ledger.close()
    steps = ["ingest:everflow", "dbt"]
    assert [
        one.step for one in run.steps if f"is open in {holder}: close it" in str(one.error)
    ] == steps
    for step in steps:
        assert re.search(f"{step} failed: .* is open in {re.escape(holder)}: close", caplog.text)
    repair = f"Close it in {holder}; then `signalroom trigger pull`."
    told = [(one["subject"], one["repair"]) for one in json.loads(status.output)["alerts"]]
    assert sorted(told) == sorted((step, repair) for step in steps)
    assert all(f"is open in {holder}" in one.detail for one in incidents.open_incidents())
