"""Reports that are due: what hangs, is retried or comes late holds them up no longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scheduler import planning
from scheduler.execution import child
from scheduler.execution import results as retries
from scheduler.planning import requested
from scheduler.runs.ledger import Run
from signalroom import clock, paths
from tests.scheduler.bench import FAILS, PULL, Bench, begun

pytestmark = pytest.mark.slow


SEVEN_THIRTY = datetime(2026, 11, 19, 12, 30, tzinfo=UTC)


def of_the_morning(bench: Bench, monkeypatch: pytest.MonkeyPatch, now: str) -> Run:
    """Execute the run of 7:30 when it is `now` in New York."""
    monkeypatch.setenv("SIGNALROOM_NOW", f"2026-11-19T{now}:00-05:00")
    bench.executor._jobs = {"pull": replace(PULL, limit=30)}
    run = requested(PULL, "manual", SEVEN_THIRTY, bench.instant())
    assert bench.ledger.record(run)
    return bench.finish(run.run_id)


def run_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Business time goes on from what it is set to: a stopped clock ends nothing."""
    monkeypatch.setenv("SIGNALROOM_CLOCK_FACTOR", "1")
    monkeypatch.setenv("SIGNALROOM_CLOCK_SINCE", clock.instant().isoformat())


@pytest.mark.parametrize(("now", "waits_s"), [("07:31", 14 * 60), ("07:44", 600), ("07:50", 600)])
def test_a_build_that_waits_for_loads_ends_when_its_report_is_due(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, now: str, waits_s: int
) -> None:
    bench.body("build", "echo $SIGNALROOM_LOCK_WAIT_S > $SIGNALROOM_HOME/wait")
    run_clock(monkeypatch)
    of_the_morning(bench, monkeypatch, now)
    text = (paths.home() / "wait").read_text(encoding="utf-8")
    assert float(text) + child.WORDS_S == pytest.approx(waits_s, abs=20)


def test_a_stopped_clock_ends_no_build_before_its_own_limit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.body("build", "echo $SIGNALROOM_LOCK_WAIT_S > $SIGNALROOM_HOME/wait")
    of_the_morning(bench, monkeypatch, "07:44")
    text = (paths.home() / "wait").read_text(encoding="utf-8")
    assert float(text) + child.WORDS_S == 30 * 60


def test_a_pull_that_ends_for_its_report_keeps_all_its_tries(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PATIENCE", "LATE"):
        monkeypatch.setattr(planning, name, timedelta(seconds=2))
    run_clock(monkeypatch)
    once = "if [ ! -f $SIGNALROOM_HOME/x ]; then touch $SIGNALROOM_HOME/x; sleep 300; fi"
    bench.body("ingest", f"{once}\n{FAILS % 'SourceError'}")
    run = of_the_morning(bench, monkeypatch, "07:46")
    everflow = next(step for step in run.steps if step.step == "ingest:everflow")
    assert (everflow.status, everflow.attempt) == ("failed", retries.TRIES + 1)


@pytest.mark.parametrize("command", ["ingest", "build"])
def test_what_is_tried_again_holds_up_no_report_beyond_its_deadline(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(planning, "LATE", timedelta())
    once = "if [ ! -f $SIGNALROOM_HOME/x ]; then touch $SIGNALROOM_HOME/x; kill -9 $$; fi"
    bench.body(command, once)
    run = of_the_morning(bench, monkeypatch, "07:46")
    assert run.status == "done"
    names = [line.split()[1] for line in begun()]
    before = ["ingest"] if command == "ingest" else ["ingest", "build"]
    assert names[: len(before) + 2] == [*before, "report", "report"]
    assert (names.count("report"), names[-1]) == (2, "build")


@pytest.mark.parametrize(
    ("patience", "order"),
    [
        (timedelta(), ["ingest", "build", "report", "report", *["ingest"] * 4]),
        (planning.LATE, [*["ingest"] * 5, "build", "report", "report"]),
    ],
)
def test_a_late_report_has_what_other_sources_brought_and_waits_for_a_quick_retry(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, patience: timedelta, order: list[str]
) -> None:
    monkeypatch.setattr(planning, "LATE", patience)
    bench.body("ingest", FAILS % "SourceError")
    of_the_morning(bench, monkeypatch, "07:46")
    assert [line.split()[1] for line in begun()] == order


def test_what_comes_after_a_late_report_is_built_by_the_same_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "LATE", timedelta())
    once = "if [ ! -f $SIGNALROOM_HOME/x ]; then touch $SIGNALROOM_HOME/x; {}; fi"
    bench.body("ingest", once.format((FAILS % "SourceError").replace("\n", "; ").strip("; ")))
    assert of_the_morning(bench, monkeypatch, "07:46").status == "done"
    names = [line.split()[1] for line in begun()]
    assert names == ["ingest", "build", "report", "report", "ingest", "build"]


def test_a_late_report_that_is_tried_again_waits_for_no_pull_that_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "LATE", timedelta())
    bench.body("ingest", FAILS % "SourceError")
    once = "if mkdir $SIGNALROOM_HOME/x; then sleep 0.6; kill -9 $$; fi"
    bench.body("report", once)  # the pull's next try is the earlier one
    of_the_morning(bench, monkeypatch, "07:46")
    names = [line.split()[1] for line in begun()]
    assert names == ["ingest", "build", *["report"] * 3, *["ingest"] * 4]


HANGS = "sleep 300"
LOADS = (FAILS % "").splitlines()[1]


@pytest.mark.parametrize(
    ("pulls", "order"),
    [
        ([f"{LOADS}; {HANGS}"], ["ingest", "build", "report", "report"]),
        ([HANGS], ["ingest", "report", "report"]),
        ([FAILS % "SourceError", HANGS], ["ingest", "ingest", "build", "report", "report"]),
    ],
)
def test_a_source_that_hangs_holds_up_no_report_beyond_its_deadline(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, pulls: list[str], order: list[str]
) -> None:
    """It is ended and repeated after the reports; the other source's data is in them."""
    for name in ("PATIENCE", "LATE"):
        monkeypatch.setattr(planning, name, timedelta(seconds=2))
    monkeypatch.setattr(retries, "LONGEST", timedelta(seconds=0.2))
    run_clock(monkeypatch)
    cases = "".join(f"{number}) {body}\n;;\n" for number, body in enumerate(pulls, 1))
    tries = "$(grep -c ' ingest ' $SIGNALROOM_HOME/begun.log)"
    bench.body("ingest", f"case {tries} in\n{cases}esac")
    bench.body("build", "sleep 0.4")  # longer than the pause before the next try of a pull
    bench.body("report", "sleep 0.4")
    assert of_the_morning(bench, monkeypatch, "07:46").status == "done"
    names = [line.split()[1] for line in begun()]
    assert names[: len(order)] == order
    assert set(names[len(order) : -1]) == {"ingest"}  # together or one after the other
    assert names[-1] == "build"
    again = [line for line in begun()[len(order) :] if "redtrack" in line]
    assert len(again) == (len(pulls) == 1)  # a failure of the other source does not repeat it
    assert all(("--skip redtrack:713" in line) == ("build" in order) for line in again)


@pytest.mark.parametrize(
    ("now", "left_s"), [("07:31", 14 * 60), ("07:44", 120), ("07:45", 600), ("11:10", 600)]
)
def test_a_pull_that_works_is_not_ended_because_its_run_begins_late(
    monkeypatch: pytest.MonkeyPatch, now: str, left_s: float
) -> None:
    run = requested(PULL, "manual", SEVEN_THIRTY, clock.instant())
    monkeypatch.setenv("SIGNALROOM_NOW", f"2026-11-19T{now}:00-05:00")
    run_clock(monkeypatch)
    until = planning.deadline_of(run)
    assert planning.pull_limit_s(until, 1800) == pytest.approx(left_s, abs=20)
    assert planning.pull_limit_s(until, 60) == 60
