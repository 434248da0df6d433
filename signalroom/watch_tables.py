"""Monitoring tables in the run database; `signalroom.tables` has all others."""

from __future__ import annotations

import sqlalchemy as sa

from signalroom.instant import Instant
from signalroom.tables import METADATA, for_all_clients

COUNTERS = sa.Table(  # sums for /metrics that are in no other table
    "counters",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("_client_id", sa.Text, primary_key=True),
    sa.Column("label", sa.Text, primary_key=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
)

SOURCE_SPEND = sa.Table(  # RedTrack's data of a source's day so far, at each check
    "source_spend",
    METADATA,
    sa.Column("_client_id", sa.Text, primary_key=True),
    sa.Column("source_id", sa.Text, primary_key=True),
    sa.Column("at", Instant, primary_key=True),  # business time
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("cost", sa.Text, nullable=False),  # exact
    sa.Column("conversions", sa.Integer, nullable=False),
)

SNOOZES = sa.Table(  # alerts that are silenced for a while
    "snoozes",
    METADATA,
    sa.Column("cause", sa.Text, primary_key=True),
    sa.Column("_client_id", sa.Text, primary_key=True),
    sa.Column("until", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

BRAND_DAYS = sa.Table(  # the last days of each brand, from the marts after the last build
    "brand_days",
    METADATA,
    sa.Column("_client_id", sa.Text, primary_key=True),
    sa.Column("brand", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("conversions", sa.Integer, nullable=False),
    sa.Column("cost", sa.Text, nullable=False),  # exact, in dollars
    sa.Column("state", sa.Text),  # why the CPA cannot be trusted; empty if it can
    sa.Column("cpa_goal", sa.Text),  # for the day's month, in dollars
)

RULE_RATES = sa.Table(  # how often each anomaly rule would have fired, computed once a day
    "rule_rates",
    METADATA,
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, nullable=False),  # business day on which it was computed
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("judged", sa.Integer, nullable=False),  # complete days of clients
    sa.Column("fired", sa.Integer, nullable=False),
    for_all_clients(),
)

DEAD_LETTER_CAUSES = sa.Table(  # dead letters by reason and day, as last read from the warehouse
    "dead_letter_causes",
    METADATA,
    sa.Column("_client_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("cause", sa.Text, primary_key=True),  # the reason without the varying parts
    sa.Column("day", sa.Date, primary_key=True),  # business day on which they were created
    sa.Column("letters", sa.Integer, nullable=False),
    sa.Column("open_letters", sa.Integer, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
)
