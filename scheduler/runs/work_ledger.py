"""The ledger for workers: record, claim, renew, complete.

The process that holds a run is its `owner`, for as long as the lease lasts; every change names the
owner, so that a process that was assumed dead changes nothing when it wakes up.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any

import sqlalchemy as sa

from scheduler.runs.ledger import BEAT, Ledger, Pause, Run, connection_name
from signalroom.tables import BEATS, PAUSED_JOBS, RUNS, STEPS

LEASE = timedelta(seconds=60)
RENEW_EVERY = timedelta(seconds=20)


class WorkLedger(Ledger):
    """The ledger with all of its changes; instants come from the caller."""

    def record(self, run: Run) -> bool:
        """Add a run with its steps; False if its dedupe key already exists."""
        values = {name: value for name, value in asdict(run).items() if name != "steps"}
        with self._engine.begin() as connection:
            insert = self._insert(RUNS).values(values).on_conflict_do_nothing()
            if not connection.execute(insert).rowcount:
                return False
            if run.steps:
                connection.execute(STEPS.insert(), [asdict(step) for step in run.steps])
        return True

    def pause_job(self, pause: Pause) -> None:
        """Pause a job, or change its pause: what comes due from now on is skipped."""
        with self._engine.begin() as connection:
            connection.execute(PAUSED_JOBS.delete().where(PAUSED_JOBS.c.job == pause.job))
            connection.execute(PAUSED_JOBS.insert().values(asdict(pause)))

    def resume_job(self, job: str) -> bool:
        """End a job's pause; returns whether it had one."""
        with self._engine.begin() as connection:
            ended = PAUSED_JOBS.delete().where(PAUSED_JOBS.c.job == job)
            return bool(connection.execute(ended).rowcount)

    def recorded_until(self, jobs: Iterable[str], now: datetime, owner: str) -> dict[str, datetime]:
        """Until when each job's schedule is recorded; a new job starts now."""
        names = {f"job:{job}": job for job in jobs}
        query = sa.select(BEATS.c.name, BEATS.c.at).where(BEATS.c.name.in_(list(names)))
        with self._engine.begin() as connection:
            found = {names[row.name]: row.at for row in connection.execute(query)}
            for job in set(names.values()) - found.keys():
                values = {"at": now, "started_at": now, "owner": owner, "pid": 0}
                insert = self._insert(BEATS).values(name=f"job:{job}", **values)
                connection.execute(insert.on_conflict_do_nothing())
                found[job] = now
        return found

    def step_back(self, job: str, now: datetime, since: datetime) -> tuple[datetime, list[str]]:
        """Undo what was recorded for a job while the clock was ahead.

        Returns until when the schedule is recorded now, and the ids of the affected runs. Runs
        after `now`, and those since `since` that were skipped, are deleted, or get another id and
        key if they had begun: their instants can be recorded again, from `since`, or from when the
        job became known.
        """
        mark_of = BEATS.c.name == f"job:{job}"
        with self._engine.begin() as connection:
            known = connection.execute(sa.select(BEATS.c.started_at).where(mark_of)).scalar()
        since = max(since, known) if known and known <= now else since
        ahead = sa.and_(
            RUNS.c.job == job,
            RUNS.c.trigger == "schedule",
            RUNS.c.status.not_in(("running", "waiting")),
            sa.or_(
                RUNS.c.scheduled_for > now,
                sa.and_(
                    RUNS.c.scheduled_for > since,
                    RUNS.c.status == "skipped",
                    RUNS.c.started_at.is_(None),
                ),
            ),
        )
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(RUNS).where(ahead)).mappings().all()
            for row in rows:
                mine = STEPS.c.run_id == row["run_id"]
                if row["started_at"] is None:
                    connection.execute(STEPS.delete().where(mine))
                else:
                    mark = f"~{uuid.uuid4().hex[:6]}"
                    renamed = {name: row[name] + mark for name in ("run_id", "dedupe_key")}
                    connection.execute(RUNS.insert().values({**row, **renamed}))
                    connection.execute(STEPS.update().where(mine).values(run_id=renamed["run_id"]))
                connection.execute(RUNS.delete().where(RUNS.c.run_id == row["run_id"]))
            connection.execute(BEATS.update().where(mark_of).values(at=since))
        return since, [row["run_id"] for row in rows]

    def end_connections(self, run_id: str, step: str = "") -> int:
        """End the database connections of processes that lost their run or step.

        Returns how many.

        On PostgreSQL a frozen process keeps its locks and its open transaction until then.
        """
        if self._engine.dialect.name != "postgresql":
            return 0
        query = sa.text(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
            " and datname = current_database() and application_name like :name"
        )
        with self._engine.begin() as connection:
            found = connection.execute(query, {"name": f"{connection_name(run_id, step)}%"})
            return len(found.all())

    def advance(self, job: str, at: datetime) -> None:
        """Advance the instant until which the job's schedule is recorded; never back."""
        change = BEATS.update().where(BEATS.c.name == f"job:{job}", BEATS.c.at < at)
        with self._engine.begin() as connection:
            connection.execute(change.values(at=at))

    def claim(self, run: Run, owner: str, instant: datetime, lease: timedelta = LEASE) -> bool:
        """Claim a run that is due, whose wait is over, or whose owner's lease has expired."""
        ready = sa.or_(
            RUNS.c.status == "due",
            sa.and_(RUNS.c.status == "waiting", RUNS.c.resume_at <= instant),
            sa.and_(RUNS.c.status == "running", RUNS.c.leased_until < instant),
        )
        began = sa.bindparam("began", instant, RUNS.c.started_at.type)
        values = {
            "status": "running",
            "owner": owner,
            "leased_until": instant + lease,
            "attempt": RUNS.c.attempt + 1,
            "started_at": sa.func.coalesce(RUNS.c.started_at, began),
            "resume_at": None,
            "error": None,
        }
        with self._engine.begin() as connection:
            if not connection.execute(
                RUNS.update().where(RUNS.c.run_id == run.run_id, ready).values(values)
            ).rowcount:
                return False
            connection.execute(_cut(run.run_id))
        return True

    def renew(self, owner: str, instant: datetime, lease: timedelta = LEASE) -> frozenset[str]:
        """Extend the lease of all runs of an owner; returns the ids of those it still owns."""
        mine = sa.and_(RUNS.c.owner == owner, RUNS.c.status == "running")
        with self._engine.begin() as connection:
            connection.execute(RUNS.update().where(mine).values(leased_until=instant + lease))
            return frozenset(connection.execute(sa.select(RUNS.c.run_id).where(mine)).scalars())

    def change_step(
        self, run_id: str, owner: str, step: str, *, of_try: int | None = None, **values: object
    ) -> bool:
        """Record the state of a step; False if the run is no longer the owner's.

        With `of_try` also if another try of the step has begun meanwhile.
        """
        change = _step_change(tuple(values), of_try is not None)
        keys: dict[str, object] = {"_run_id": run_id, "_owner": owner, "_step": step}
        if of_try is not None:
            keys["_of_try"] = of_try
        with self._engine.begin() as connection:
            return bool(connection.execute(change, {**keys, **values}).rowcount)

    def settle(
        self,
        run_id: str,
        owner: str,
        status: str,
        *,
        error: str | None = None,
        finished_at: datetime | None = None,
        resume_at: datetime | None = None,
    ) -> bool:
        """Release a run: it has ended, or waits until `resume_at`."""
        return self._change_run(
            run_id,
            RUNS.c.owner == owner,
            status=status,
            error=error,
            finished_at=finished_at,
            resume_at=resume_at,
            owner=None,
            leased_until=None,
        )

    def release(self, run_id: str, owner: str, instant: datetime) -> bool:
        """Release an unfinished run, to be resumed at the interrupted step."""
        with self._engine.begin() as connection:
            change = RUNS.update().where(
                RUNS.c.run_id == run_id, RUNS.c.owner == owner, RUNS.c.status == "running"
            )
            values = {"status": "waiting", "resume_at": instant, "owner": None}
            if not connection.execute(change.values(**values, leased_until=None)).rowcount:
                return False
            connection.execute(_cut(run_id))
        return True

    def skip(self, run_id: str, reason: str, instant: datetime) -> bool:
        """Skip a run that has not begun; `reason` says why."""
        return self._change_run(
            run_id, RUNS.c.status == "due", status="skipped", error=reason, finished_at=instant
        )

    def hand_over(self, run: Run, steps: list[str], new_owner: str, instant: datetime) -> bool:
        """End a waiting run whose open pulls a newer run has taken over."""
        over = self._change_run(
            run.run_id,
            RUNS.c.status == "waiting",
            status="done_with_errors",
            error=f"{', '.join(steps)} rate-limited; {new_owner} will retry",
            finished_at=instant,
            resume_at=None,
        )
        if over:
            with self._engine.begin() as connection:
                connection.execute(
                    STEPS.update()
                    .where(STEPS.c.run_id == run.run_id, STEPS.c.step.in_(steps))
                    .values(status="skipped", next_at=None)
                )
        return over

    def beat_now(self, owner: str, pid: int, started_at: datetime, instant: datetime) -> None:
        """Record the scheduler's heartbeat."""
        values = {"at": instant, "owner": owner, "pid": pid, "started_at": started_at}
        insert = self._insert(BEATS).values(name=BEAT, **values)
        with self._engine.begin() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_=values))

    def _change_run(self, run_id: str, *conditions: sa.ColumnElement[bool], **values: Any) -> bool:
        change = RUNS.update().where(RUNS.c.run_id == run_id, *conditions).values(**values)
        with self._engine.begin() as connection:
            return bool(connection.execute(change).rowcount)

    def _insert(self, table: sa.Table) -> Any:
        """PostgreSQL's insert or SQLite's; importing the unused one would take time."""
        dialect = import_module(f"sqlalchemy.dialects.{self._engine.dialect.name}")
        return dialect.insert(table)


def _cut(run_id: str) -> sa.Update:
    """Interrupted steps are to be done again."""
    running = sa.and_(STEPS.c.run_id == run_id, STEPS.c.status == "running")
    return STEPS.update().where(running).values(status="pending")


@cache
def _step_change(names: tuple[str, ...], is_fenced: bool) -> sa.Update:
    """Updates these columns of a step, while its run is the owner's; the busiest statement."""
    mine = sa.exists().where(
        RUNS.c.run_id == sa.bindparam("_run_id"),
        RUNS.c.owner == sa.bindparam("_owner"),
        RUNS.c.status == "running",
    )
    this = sa.and_(STEPS.c.run_id == sa.bindparam("_run_id"), STEPS.c.step == sa.bindparam("_step"))
    if is_fenced:
        this = sa.and_(this, STEPS.c.attempt == sa.bindparam("_of_try"))
    values = {name: sa.bindparam(name, type_=STEPS.c[name].type) for name in names}
    return STEPS.update().where(this, mine).values(values)
