"""Random kills: the scheduler and its children, in every stage of their work, with kill -9.

`make chaos` kills 500 times and fails if a stage was never killed; `make test-deep` kills a few
times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import click
import pytest

from sandbox import Agency
from scheduler.planning import requested
from scheduler.runs.ledger import Run
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job
from signalroom import clock
from tests.scheduler.bench import is_gone
from tests.support import parsed
from tests.support.postgres import postgres_server
from tests.support.processes import BIN, OFFLINE, own_environment
from tests.support.warehouse import Target, Warehouse, empty_warehouse

STAGES = Path(__file__).with_name("stages")
# the maximum delay between the start of a stage and the kill
AIM_S = {"extract": 0.8, "load": 0.4, "merge": 0.02, "dbt": 5.0, "render": 0.3, "send": 0.02}
# how often to aim at a stage that has had its share; a build is the most expensive one to repeat
AGAIN = {"extract": 0.5, "load": 0.5, "merge": 0.5, "dbt": 0.2, "render": 0.6, "send": 0.6}
IDLE_WITHIN_S = 600.0
PROGRESS_EVERY_S = 60.0
SOURCES = ("everflow", "redtrack", "s3_exports")
BOTH: tuple[Target, ...] = ("duckdb", "postgres")
JOB = Job("all", "0 0 * * *", SOURCES, None, ("daily_ccw", "daily_exp"), 60)


class Chaos:
    """A scheduler that runs against the sandbox and is killed again and again."""

    def __init__(self, warehouse: Warehouse, agency: Agency, seed: int) -> None:
        self.kills: Counter[str] = Counter()
        self.ledger = WorkLedger()
        self._random = random.Random(seed)
        self._home = warehouse.home
        self._env = own_environment(
            {
                **agency.environment(),
                **warehouse.environment,
                "SIGNALROOM_CLIENTS": "713",
                "PORT": "0",
                "PYTHONPATH": f"{STAGES}{os.pathsep}{OFFLINE}",
            }
        )
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._asked = 0
        self._heard: dict[int, str] = {}
        self._look_at = 0.0

    def kill_for(self, seconds: float = float("inf"), kills: float = float("inf")) -> None:
        """Keep the scheduler busy and kill it, or its children, until a limit is reached."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at and sum(self.kills.values()) < kills:
            self._keep_busy()
            for pid, stage in self._announced():
                fewest = min(self.kills[one] for one in AIM_S)
                if self._random.random() < (0.8 if self.kills[stage] <= fewest else AGAIN[stage]):
                    time.sleep(self._random.uniform(0, AIM_S[stage]))
                    self._kill(pid, stage)
            time.sleep(0.005)

    def finish(self) -> None:
        """Stop killing: finish the open runs, then run everything once more."""
        self._until_idle()
        self._ask(0)
        self._until_idle()
        if self._scheduler:
            self._scheduler.terminate()
            assert self._scheduler.wait(timeout=60) == 0

    def close(self) -> None:
        """Stop the scheduler and close the ledger."""
        if self._scheduler:
            self._scheduler.kill()
            self._scheduler.wait()
        self.ledger.close()

    def log(self) -> str:
        """The last lines of the scheduler's log."""
        text = (self._home / "scheduler.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-60:])

    def table(self) -> str:
        """Kills per stage."""
        return ", ".join(f"{stage} {self.kills[stage]}" for stage in AIM_S)

    def _until_idle(self) -> None:
        give_up_at = time.monotonic() + IDLE_WITHIN_S
        while self.ledger.open_runs():
            assert time.monotonic() < give_up_at, f"{self.ledger.open_runs()}\n{self.log()}"
            self._keep_alive()
            time.sleep(0.2)

    def _keep_alive(self) -> None:
        if self._scheduler is None or self._scheduler.poll() is not None:
            ended = self._scheduler.returncode if self._scheduler else None
            if ended is not None and ended >= 0:
                log = (self._home / "scheduler.log").read_text(encoding="utf-8")
                raise AssertionError(f"the scheduler ended by itself ({ended}): {log[-2000:]}")
            log = (self._home / "scheduler.log").open("ab")
            with log:
                self._scheduler = subprocess.Popen(
                    [str(BIN / "signalroom"), "scheduler"], env=self._env, stdout=log, stderr=log
                )

    def _keep_busy(self) -> None:
        self._keep_alive()
        if time.monotonic() < self._look_at:  # constant queries would keep the ledger from working
            return
        self._look_at = time.monotonic() + 0.25
        if not self._asked or not self.ledger.open_runs():
            self._asked += 1
            # different days, so that there is always something left to send
            self._ask(self._asked % 25)

    def _ask(self, days_ago: int) -> None:
        now = clock.now() - timedelta(days=days_ago)
        self.ledger.record(requested(JOB, "manual", now, clock.instant()))

    def _announced(self) -> Iterator[tuple[int, str]]:
        """Processes that have reached another stage since the last look."""
        for path in (self._home / "stages").glob("[0-9]*"):
            pid = int(path.name)
            if is_gone(pid):
                path.unlink(missing_ok=True)
                self._heard.pop(pid, None)
                continue
            stage = path.read_text(encoding="utf-8")
            if self._heard.get(pid) != stage:
                self._heard[pid] = stage
                yield pid, stage

    def _kill(self, pid: int, stage: str) -> None:
        """Kill the process, or the scheduler above it, if it is still in the stage."""
        try:
            still = (self._home / "stages" / str(pid)).read_text(encoding="utf-8") == stage
        except FileNotFoundError:
            still = False
        if not still or is_gone(pid) or self._scheduler is None:
            return
        victim = self._random.choice([self._scheduler.pid, pid, *_children(pid)])
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            self.kills[stage] += 1
        if victim == self._scheduler.pid:
            self._scheduler.wait()


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    except OSError:
        return []
    return [int(one) for one in text.split()]


def broken(runs: list[Run]) -> list[str]:
    """What must not be in the ledger: runs or steps that never ended."""
    ends = ("done", "failed", "skipped", "waiting")
    found = [f"{run.run_id} is {run.status}" for run in runs if run.finished_at is None]
    for run in runs:
        found += [
            f"{run.run_id} {step.step} is {step.status}"
            for step in run.steps
            if step.status not in ends or step.attempt < 1
        ]
    return found


@contextmanager
def chaos(warehouse: Warehouse, agency: Agency, seed: int) -> Iterator[Chaos]:
    """A chaos run on that warehouse; this process uses the same ledger and the same clock."""
    env: Mapping[str, str] = {**agency.environment(), **warehouse.environment}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        one = Chaos(warehouse, agency, seed)
        parsed.before_product(env)
        try:
            yield one
        finally:
            one.close()


def doubled(agency: Agency) -> list[str]:
    """Messages that a recipient has received twice."""
    sent = Counter((told.channel, told.recipients, told.text) for told in agency.messages)
    return [f"{times} times: {one}" for one, times in sent.items() if times > 1]


@click.command()
@click.argument("kills", type=int)
@click.option("--seed", type=int, default=713, show_default=True, help="The same dice again.")
@click.option("--target", "targets", type=click.Choice(BOTH), multiple=True, default=BOTH)
def main(kills: int, seed: int, targets: tuple[Target, ...]) -> None:
    """Kill this many times on each engine, then check marts, ledger and messages."""
    wrong = [line for target in targets for line in _wrong(target, kills, seed)]
    for line in wrong:
        click.echo(line, err=True)
    sys.exit(1 if wrong else 0)


def _wrong(target: Target, kills: int, seed: int) -> list[str]:
    from tests.scheduler.test_chaos import wrong_marts

    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="signalroom-chaos-"))
        server = stack.enter_context(postgres_server()) if target == "postgres" else None
        agency = stack.enter_context(Agency())
        warehouse = stack.enter_context(empty_warehouse(target, Path(folder), server))
        one = stack.enter_context(chaos(warehouse, agency, seed))
        began = time.monotonic()
        while (done := sum(one.kills.values())) < kills:
            click.echo(f"{target} seed {seed}: {done} kills, {time.monotonic() - began:.0f} s")
            one.kill_for(seconds=PROGRESS_EVERY_S, kills=kills)
        one.finish()
        click.echo(f"{target} seed {seed}: {sum(one.kills.values())} kills: {one.table()}")
        runs = one.ledger.recent(limit=10**6)
        wrong = broken(runs) + wrong_marts(warehouse, agency) + doubled(agency)
        wrong += [f"no kill at stage {stage}" for stage in AIM_S if not one.kills[stage]]
        sent, found = len(agency.messages), "as the truth has it" if not wrong else "WRONG"
        click.echo(f"{target}: {len(runs)} runs ended, {sent} messages, each once; {found}")
    return [f"{target}: {line}" for line in wrong]


if __name__ == "__main__":
    main()
