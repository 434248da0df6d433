"""The ledger's tables, the same on PostgreSQL (schema ops) and SQLite."""

from __future__ import annotations

import sqlalchemy as sa

from signalroom.instant import Instant

METADATA = sa.MetaData()

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("dedupe_key", sa.Text, nullable=False, unique=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("scheduled_for", Instant, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column("leased_until", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("resume_at", Instant),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Index("runs_by_job", "job", "scheduled_for"),
    sa.Index("runs_by_status", "status"),
)

STEPS = sa.Table(
    "steps",
    METADATA,
    sa.Column("run_id", sa.Text, sa.ForeignKey(RUNS.c.run_id), primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("since", sa.Date),  # the first day that the pull covers, also when it is resumed
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("next_at", Instant),
    sa.Column("rows", sa.BigInteger),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("log", sa.Text),
)

BEATS = sa.Table(
    "beats",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
)
