"""A test setup for the executor: the production ledger, real child processes, test scripts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from scheduler.execution.child import Child
from scheduler.execution.executor import Executor
from scheduler.planning import requested
from scheduler.process import Resident
from scheduler.runs.ledger import Run, Step
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job
from signalroom import child_process, clock, paths

STEPS = Path(__file__).with_name("steps.sh")
NOON = datetime(2026, 11, 19, 17, tzinfo=UTC)
DAY = date(2026, 11, 19)
FAILS = """
echo '{"source": "redtrack", "client": "713", "rows": {"t": 3}, "failures": []}'
echo '{"source": "everflow", "client": "713", "error_class": "%s", "failures": ["it says no"]}'
exit 1
"""
PULL = Job("pull", "0 * * * *", ("everflow", "redtrack"), None, ("daily_ccw", "daily_exp"), 10)


class Bench:
    """Runs and their results; the clock skips all pauses."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = jobs or (PULL,)
        self.ledger = WorkLedger()
        self.ahead = timedelta()
        self.start = partial(Child, command=("sh", str(STEPS)))
        self.executor = Executor(self.ledger, self.jobs, instant=self.instant, start=self.start)

    def instant(self) -> datetime:
        return clock.instant() + self.ahead

    def body(self, command: str, shell: str) -> None:
        """Set the script of a command's steps from now on; they succeed unless it runs `exit 1`."""
        (paths.home() / f"{command}.sh").write_text(shell, encoding="utf-8")

    def ask(self, job: Job | None = None, trigger: str = "manual") -> str:
        """Record a run as if it were requested by hand; returns its id."""
        run = requested(job or self.jobs[0], trigger, NOON, self.instant())
        assert self.ledger.record(run)
        return run.run_id

    def run(self, run_id: str) -> Run:
        found = self.ledger.run(run_id)
        assert found is not None
        return found

    def step(self, run_id: str, name: str) -> Step:
        return next(step for step in self.run(run_id).steps if step.step == name)

    def turn_until(self, reached: Callable[[], bool], within_s: float = 120.0) -> None:
        """Turn until a condition is reached; pauses between attempts are skipped."""
        give_up_at = time.monotonic() + within_s
        while not reached():
            assert time.monotonic() < give_up_at
            self.executor.turn()
            works = self.executor.works.values()
            pauses = [one.next_at for work in works for one in work.steps if one.next_at]
            if pauses and not any(work.child for work in works):
                self.ahead += max(min(pauses) - self.instant(), timedelta())
            time.sleep(0.02)

    def finish(self, run_id: str) -> Run:
        """Execute a run to its end."""
        self.turn_until(lambda: self.run(run_id).status not in ("due", "running"))
        return self.run(run_id)


def begun() -> list[str]:
    """Every step script that was started, as `run_id arguments`."""
    try:
        return (paths.home() / "begun.log").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def is_gone(pid: int | str) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] in "ZX"


def main(port: int) -> int:
    """The real scheduler, including child processes tied to it, with the scripts of steps.sh."""

    def start(order: object) -> Child:
        return Child(order, tuple(child_process.ending_with_this_process(["sh", str(STEPS)])))  # type: ignore[arg-type]

    return Resident(start).run(port)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
