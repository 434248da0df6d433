"""Builds and reports as forks of a process that has imported what they need."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.execution.child import Child, Order, Worker
from scheduler.execution.executor import Executor
from scheduler.execution.warm import Warm
from signalroom import paths
from signalroom.lock import hold
from tests.scheduler.bench import Bench, is_gone

HELP = Order("run", ("report:daily_ccw",), ("report", "--help"), 60.0)
WRONG = Order("run", ("report:no_such",), ("report", "no_such", "--json"), 60.0)
BUILD = Order("run", ("dbt",), ("build", "--json"), 60.0)


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    one = Warm()
    yield one
    one.end()


def ended(child: Worker) -> int:
    give_up_at = time.monotonic() + 60
    while (code := child.poll()) is None:
        assert time.monotonic() < give_up_at
        child.wait(0.5)
    child.close()
    return code


def parent_of(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[1])


def group_of(child: Child) -> list[str]:
    """The processes of the group that a child leads, itself included."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # has ended
            continue
        if int(fields[2]) == child.pid:
            found.append(folder.name)
    return found


def waiting_build(warm: Warm, count: int) -> Child:
    """A build that waits for a lock that this process holds, with so many processes."""
    build = warm(BUILD)
    assert isinstance(build, Child)
    give_up_at = time.monotonic() + 60
    while len(group_of(build)) < count:
        assert time.monotonic() < give_up_at
        assert build.poll() is None
        time.sleep(0.02)
    return build


def test_steps_of_a_run_share_one_import_and_nothing_else(
    warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process imports; each step has its own process group, log, answers and secrets."""
    monkeypatch.setenv("EVERFLOW_API_KEY", "canary-of-another-step")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "canary-of-this-step")
    first, second = warm(HELP), warm(WRONG)
    assert isinstance(first, Child)
    assert isinstance(second, Child)
    assert warm._process is not None
    server = warm._process.pid
    assert {parent_of(one.pid) for one in (first, second)} == {server}
    assert [os.getsid(one.pid) for one in (first, second)] == [first.pid, second.pid]
    given = Path(f"/proc/{server}/environ").read_bytes()
    assert b"canary" not in given
    assert ended(first) == 0
    assert ended(second) == 2
    logs = paths.home() / "logs" / "runs" / "run"
    assert "Usage: " in (logs / "report-daily_ccw.jsonl").read_text(encoding="utf-8")
    assert (logs / "report-daily_ccw.log").read_text(encoding="utf-8") == ""
    assert "no_such" in (logs / "report-no_such.log").read_text(encoding="utf-8")
    assert warm._process.pid == server


@pytest.mark.fault(33)
def test_an_ended_build_takes_the_dbt_that_stood_by_with_it(
    warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_LOCK_WAIT_S", "60")
    with hold("dbt build"):
        build = waiting_build(warm, 2)
        group = group_of(build)
        build.end(0.0)
        assert ended(build) == -signal.SIGTERM
        for pid in group:
            while not is_gone(pid):
                time.sleep(0.02)


def test_a_step_does_not_outlive_the_process_that_forked_it_and_the_next_one_runs() -> None:
    warm = Warm()
    with hold("dbt build"):
        build = waiting_build(warm, 2)
        group = group_of(build)
        assert warm._process is not None
        warm._process.kill()
        assert ended(build) == -signal.SIGKILL
        for pid in group:
            while not is_gone(pid):
                time.sleep(0.02)
    assert ended(warm(HELP)) == 0
    warm.end()


def test_a_process_that_cannot_fork_is_replaced_by_a_new_process_for_the_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scheduler.execution.warm.MODULES", ())
    warm = Warm()
    warm._begin()
    assert warm._process is not None
    os.kill(warm._process.pid, signal.SIGSTOP)
    monkeypatch.setattr("scheduler.execution.warm.ANSWER_S", 0.2)
    child = warm(HELP)
    assert isinstance(child, Child)
    assert parent_of(child.pid) == os.getpid()
    assert ended(child) == 0
    assert warm._process is None


def test_nothing_stays_in_memory_once_no_run_is_left(bench: Bench) -> None:
    executor = Executor(bench.ledger, bench.jobs)
    executor._warm._begin()
    assert executor._warm._process is not None
    executor.turn()
    assert executor._warm._process is None
