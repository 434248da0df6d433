"""Tables of loads that are not complete yet; `signalroom.tables` has the others."""

from __future__ import annotations

import sqlalchemy as sa

from signalroom.instant import Instant
from signalroom.tables import METADATA, WAREHOUSE


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


BACKFILL_SLICES = sa.Table(
    "backfill_slices",
    METADATA,
    _text("_client_id"),
    _text("source"),
    sa.Column("window_start", sa.Date, nullable=False),
    sa.Column("window_end", sa.Date, nullable=False),
    sa.Column("slice_start", sa.Date, nullable=False),
    sa.Column("slice_end", sa.Date, nullable=False),
    sa.Column("done_at", Instant, nullable=False),
    **WAREHOUSE,
)

UNFINISHED_DAYS = sa.Table(  # pages of days that a vendor's limit cut off, until they are whole
    "unfinished_days",
    METADATA,
    _text("_client_id"),
    _text("source"),
    _text("table_name"),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("first_day", sa.Date, nullable=False),
    _text("reached"),
    _text("rules"),
    _text("letters"),
    _text("content"),
    sa.Column("read_at", Instant, nullable=False),
    **WAREHOUSE,
)
