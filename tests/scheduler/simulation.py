"""Simulates the scheduler over time: its ledger, SQL and tick, with a test clock and test steps."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.execution.child import Child, Order
from scheduler.execution.executor import Executor
from scheduler.planning import record_due
from scheduler.runs.ledger import this_machine
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job

ZONE = ZoneInfo("America/New_York")
BODIES = Path(__file__).with_name("bodies.sh")
NEEDED = ("everflow", "redtrack")
DEADLINE = time(7, 45)


@dataclass
class Agency:
    """The state of the simulated steps: when each source was loaded, what was sent to whom."""

    now: datetime
    random: random.Random
    loaded: dict[str, datetime] = field(default_factory=dict)
    sent: Counter[tuple[str, date, str]] = field(default_factory=Counter)
    asking: Counter[str] = field(default_factory=Counter)
    begun: Counter[str] = field(default_factory=Counter)

    def answer(self, order: Order) -> tuple[int, list[dict[str, Any]]]:
        """Exit code and answers of a step that ends now."""
        kind, *rest = order.arguments
        if kind == "ingest":
            return self._ingest([step.partition(":")[2] for step in order.steps])
        if kind == "build":
            return 0, [{"models": 46, "failures": []}]
        return self._report(rest[0], date.fromisoformat(rest[2]))

    def _ingest(self, sources: list[str]) -> tuple[int, list[dict[str, Any]]]:
        code, answers = 0, []
        for source in sources:
            answer: dict[str, Any] = {"source": source, "client": "713", "failures": []}
            luck = self.random.random()
            if luck < 0.03:
                answer |= {"error_class": "SourceError", "failures": ["it does not answer"]}
            elif luck < 0.035:
                until = self.now + timedelta(minutes=self.random.randint(5, 100))
                answer |= {"error_class": "DeferredError", "deferred_until": until.isoformat()}
                answer["failures"] = ["it asks to wait"]
            elif luck < 0.04:
                answer |= {"error_class": "CredentialsError", "failures": ["it refuses the key"]}
            else:
                self.loaded[source] = self.now
                answer["rows"] = {"daily": 100}
            code = code or int(bool(answer["failures"]))
            answers.append(answer)
        return code, answers

    def _report(self, name: str, day: date) -> tuple[int, list[dict[str, Any]]]:
        """Like `signalroom report --when-complete`: wait, or send each edition once."""
        over = datetime.combine(day + timedelta(days=1), time.min, tzinfo=ZONE)
        is_complete = all(self.loaded.get(source, over) > over for source in NEEDED)
        answer: dict[str, Any] = {"report": name, "client": "713", "failures": []}
        if not is_complete and self.now < datetime.combine(over.date(), DEADLINE, tzinfo=ZONE):
            return 0, [{**answer, "waits": True}]
        edition = "complete" if is_complete else "incomplete"
        told = {one for one in ("complete", "incomplete") if self.sent[name, day, one]}
        if edition not in told and "complete" not in told:
            self.sent[name, day, edition] += 1
        return 0, [answer]


class Body:
    """A step without a process: it ends at the second poll, unless it is dropped before."""

    over_limit = False

    def __init__(self, agency: Agency, order: Order) -> None:
        self._agency, self._order = agency, order
        self._looks = 0
        self._said: list[dict[str, Any]] = []
        self.sources = [one.partition(":")[2] for one in order.steps if one.startswith("ingest:")]
        for source in self.sources:
            agency.asking[source] += 1
            assert agency.asking[source] == 1, f"{source} is asked by two runs at once"
        agency.begun[f"{order.run_id} {order.steps[0]}"] += 1

    def poll(self) -> int | None:
        self._looks += 1
        if self._looks < 2:
            return None
        code, self._said = self._agency.answer(self._order)
        self.leave()
        return code

    def answers(self) -> list[dict[str, Any]]:
        said, self._said = self._said, []
        return said

    def leave(self) -> None:
        self._agency.asking.subtract(self.sources)
        self.sources = []

    def end(self, grace_s: float = 0.0) -> None:
        self.leave()

    kill = close = leave


class RealBody(Child):
    """The same as a real child process: `sh` prints the answers of the simulated agency."""

    def __init__(self, agency: Agency, order: Order) -> None:
        code, said = agency.answer(order)
        text = "\n".join(json.dumps(one) for one in said)
        super().__init__(order, ("sh", str(BODIES), str(code), text))
        agency.begun["real"] += 1

    def leave(self) -> None:
        self.kill()


class Life:
    """The scheduler over time: ticks and turns at the given times, crashes and restarts."""

    def __init__(self, jobs: list[Job], start: datetime, seed: int) -> None:
        self.jobs = jobs
        self.agency = Agency(start, random.Random(seed))
        self.is_real: Callable[[datetime], bool] = lambda _: False
        self._serial = itertools.count(10**7)  # higher than any process number
        self.ledger = WorkLedger()
        self.deaths = 0
        self.executor = self._born()

    def _born(self) -> Executor:
        return Executor(
            self.ledger,
            self.jobs,
            owner=f"{this_machine()}:{next(self._serial)}:1",
            instant=lambda: self.agency.now,
            start=self._start,
        )

    def _start(self, order: Order) -> Any:
        is_real = self.is_real(self.agency.now)
        return RealBody(self.agency, order) if is_real else Body(self.agency, order)

    def die(self) -> None:
        """Act like kill -9: nothing is recorded, children are gone, a new process starts."""
        for work in self.executor.works.values():
            if work.child:
                work.child.leave()  # type: ignore[attr-defined]
        self.deaths += 1
        self.executor = self._born()

    def tick(self, at: datetime) -> None:
        """Run the tick of this minute."""
        self.agency.now = at
        record_due(self.ledger, self.jobs, self.executor.owner, at, at)

    def work(self, mishap: float = 0.0) -> None:
        """Turn until nothing is left to do at this moment, with this chance of a crash per turn."""
        idle = 0
        while idle < 2:  # the turn that ends a run does not start the next one
            self.executor.turn()
            idle = 0 if self.executor.works else idle + 1
            if mishap and self.agency.random.random() < mishap:
                self.die()
                idle = 0
            waiting = [
                step.next_at
                for work in self.executor.works.values()
                for step in work.steps
                if step.status == "waiting" and step.next_at
            ]
            if waiting and not any(work.child for work in self.executor.works.values()):
                self.agency.now = max(self.agency.now, min(waiting))
            elif self.is_real(self.agency.now):
                os.sched_yield()


def expected(job_times: dict[str, list[tuple[set[int], int, int]]], first: date, days: int) -> Any:
    """Scheduled times by job, from wall-clock times only: (weekdays, hour, minute) on every day."""
    found: dict[str, set[datetime]] = {name: set() for name in job_times}
    for day in (first + timedelta(days=offset) for offset in range(days)):
        for name, times in job_times.items():
            for weekdays, hour, minute in times:
                if day.weekday() in weekdays:
                    moment = datetime.combine(day, time(hour, minute), tzinfo=ZONE)
                    found[name].add(moment.astimezone(UTC))
    return found
