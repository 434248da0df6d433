"""The outbox's table, the same on PostgreSQL (schema ops) and SQLite."""

from __future__ import annotations

import sqlalchemy as sa

from signalroom.instant import Instant

METADATA = sa.MetaData()
TABLE = sa.Table(
    "outbox",
    METADATA,
    sa.Column("dedupe_key", sa.Text, primary_key=True),
    sa.Column("report", sa.Text, nullable=False),
    sa.Column("_client_id", sa.Text, nullable=False),
    sa.Column("period", sa.Date, nullable=False),
    sa.Column("edition", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("payload_hash", sa.Text, nullable=False),
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("provider_id", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("next_at", Instant),
    sa.Column("sent_at", Instant),
    sa.Index("outbox_by_period", "report", "_client_id", "period"),
)
