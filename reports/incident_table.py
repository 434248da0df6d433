"""The incidents' table, beside the outbox: PostgreSQL's schema ops, or SQLite."""

from __future__ import annotations

import sqlalchemy as sa

from reports.outbox_table import METADATA
from signalroom.instant import Instant

TABLE = sa.Table(
    "incidents",
    METADATA,
    sa.Column("incident_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("_client_id", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("repair", sa.Text, nullable=False),
    sa.Column("channels", sa.Text),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("rounds", sa.Integer, nullable=False),
    sa.Column("settled_at", Instant),
    sa.Column("told_at", Instant),
    sa.Column("due_at", Instant),
    sa.Column("version", sa.Integer, nullable=False),
    # The fingerprint while it is open: two processes cannot open the same incident.
    sa.Column("open_key", sa.Text, unique=True),
    sa.Index("incidents_by_fingerprint", "kind", "_client_id", "subject"),
    sa.Index("incidents_by_due", "due_at"),
)
