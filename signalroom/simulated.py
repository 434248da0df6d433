"""Whether this installation has data of the simulated agency, which messages then say."""

from __future__ import annotations

import os

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from signalroom import run_database
from signalroom.errors import SignalRoomError
from signalroom.paths import home
from signalroom.settings import target
from signalroom.tables import SOURCE_FRESHNESS


def is_simulated() -> bool:
    """Whether loads are, or were, from the simulated agency; false without the database."""
    if os.environ.get("SIGNALROOM_SANDBOX"):
        return True
    if target() == "duckdb" and not (home() / "state.sqlite").exists():
        return False
    there = sa.select(SOURCE_FRESHNESS.c.is_simulated).where(SOURCE_FRESHNESS.c.is_simulated)
    try:
        with run_database.reading_engine().connect() as connection:
            return connection.execute(there.limit(1)).first() is not None
    except (SignalRoomError, SQLAlchemyError):
        return False
