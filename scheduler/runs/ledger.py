"""The ledger: every run that was ever due, its steps, and its owner.

In the run database, next to the outbox. Each change is one conditional statement, so that two
schedulers on one ledger do nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Self

import sqlalchemy as sa

from scheduler.runs.model import OPEN_RUNS, Beat, Pause, Run, Step
from signalroom.run_database import prepared_engine
from signalroom.tables import BEATS, PAUSED_JOBS, RUNS, STEPS

BEAT = "scheduler"


class Ledger:
    """The ledger for reading; a context manager. Raises WarehouseError if it is unavailable.

    Queries on a ledger that becomes unavailable later raise SQLAlchemyError.
    """

    def __init__(self) -> None:
        self._engine = prepared_engine()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def recent(self, job: str | None = None, limit: int = 20) -> list[Run]:
        """The newest runs, newest first, of one job or of all."""
        query = sa.select(RUNS).order_by(RUNS.c.scheduled_for.desc(), RUNS.c.created_at.desc())
        if job is not None:
            query = query.where(RUNS.c.job == job)
        return self._runs(query.limit(limit))

    def run(self, run_id: str) -> Run | None:
        """One run with its steps."""
        found = self._runs(sa.select(RUNS).where(RUNS.c.run_id == run_id))
        return found[0] if found else None

    def since(self, moment: datetime) -> list[Run]:
        """The runs that were due since an instant of business time, oldest first."""
        query = sa.select(RUNS).where(RUNS.c.scheduled_for >= moment)
        return self._runs(query.order_by(RUNS.c.scheduled_for, RUNS.c.created_at))

    def numbers(self) -> dict[str, int]:
        """A short number for each run, for people (#128), in order of creation."""
        place = sa.func.row_number().over(order_by=(RUNS.c.created_at, RUNS.c.run_id))
        with self._engine.begin() as connection:
            return {row[0]: row[1] for row in connection.execute(sa.select(RUNS.c.run_id, place))}

    def pulls_since(self, moment: datetime) -> list[Any]:
        """The ingest steps of runs since an instant of business time: day, step and its result."""
        query = (
            sa.select(RUNS.c.day, *STEPS.c)
            .join(STEPS, STEPS.c.run_id == RUNS.c.run_id)
            .where(RUNS.c.scheduled_for >= moment, STEPS.c.step.like("ingest:%"))
        )
        with self._engine.begin() as connection:
            return list(connection.execute(query).mappings())

    def failed_steps(self, moment: datetime) -> list[Step]:
        """Steps that failed permanently since a real instant, newest first."""
        query = sa.select(STEPS).where(STEPS.c.status == "failed", STEPS.c.finished_at >= moment)
        with self._engine.begin() as connection:
            rows = connection.execute(query.order_by(STEPS.c.finished_at.desc())).mappings()
            return [Step(**row) for row in rows]

    def failed_runs(self, moment: datetime) -> list[Run]:
        """Runs that ended with an error since a real instant, newest first."""
        ended = sa.and_(
            RUNS.c.status.in_(("failed", "done_with_errors")), RUNS.c.finished_at >= moment
        )
        return self._runs(sa.select(RUNS).where(ended).order_by(RUNS.c.finished_at.desc()))

    def known_since(self) -> dict[str, datetime]:
        """Since when (business time) each job's schedule is recorded."""
        query = sa.select(BEATS.c.name, BEATS.c.started_at).where(BEATS.c.name.like("job:%"))
        with self._engine.begin() as connection:
            return {
                row.name.removeprefix("job:"): row.started_at for row in connection.execute(query)
            }

    def running(self) -> list[Run]:
        """Running runs, oldest first."""
        return [run for run in self.open_runs() if run.status == "running"]

    def open_runs(self) -> list[Run]:
        """Runs that are due, running or waiting, oldest first."""
        query = sa.select(RUNS).where(RUNS.c.status.in_(OPEN_RUNS))
        return self._runs(query.order_by(RUNS.c.scheduled_for, RUNS.c.created_at))

    def paused_jobs(self, now: datetime) -> dict[str, Pause]:
        """Paused jobs, by name; without expired pauses."""
        lasts = sa.or_(PAUSED_JOBS.c.until.is_(None), PAUSED_JOBS.c.until > now)
        columns = (PAUSED_JOBS.c[name] for name in ("job", "since", "until", "reason"))
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(*columns).where(lasts)).mappings()
            return {row["job"]: Pause(**row) for row in rows}

    def beat(self) -> Beat | None:
        """The scheduler's last heartbeat."""
        with self._engine.begin() as connection:
            row = (
                connection.execute(sa.select(BEATS).where(BEATS.c.name == BEAT)).mappings().first()
            )
        return Beat(**row) if row else None

    def _runs(self, query: sa.Select[Any]) -> list[Run]:
        with self._engine.begin() as connection:
            rows: Sequence[Any] = connection.execute(query).mappings().all()
            steps = self._steps(connection, [row["run_id"] for row in rows])
        return [Run(**row, steps=tuple(steps.get(row["run_id"], ()))) for row in rows]

    @staticmethod
    def _steps(connection: sa.Connection, run_ids: Iterable[str]) -> dict[str, list[Step]]:
        query = sa.select(STEPS).where(STEPS.c.run_id.in_(list(run_ids))).order_by(STEPS.c.position)
        found: dict[str, list[Step]] = {}
        for row in connection.execute(query).mappings():
            found.setdefault(row["run_id"], []).append(Step(**row))
        return found
