"""Persistent counters: sums in the run database, for `/metrics`."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from signalroom.errors import SignalRoomError
from signalroom.run_database import prepared_engine
from signalroom.warehouse import first_line
from signalroom.watch_tables import COUNTERS as TABLE

log = logging.getLogger(__name__)
Labels = tuple[str, str, str]  # source, client, and the counter's other label, or ""


def add(name: str, amounts: Mapping[Labels, int]) -> None:
    """Add to counters; a failure is logged and does not stop the work."""
    amounts = {labels: amount for labels, amount in amounts.items() if amount}
    if not amounts:
        return
    try:
        engine = prepared_engine()
        try:
            for labels, amount in amounts.items():
                _add(engine, name, labels, amount)
        finally:
            engine.dispose()
    except (SignalRoomError, SQLAlchemyError) as error:
        log.info("%s is not counted: %s", name, first_line(error))


def read(connection: sa.Connection, name: str) -> list[tuple[Labels, int]]:
    """A counter's sums by its labels."""
    query = (
        sa.select(TABLE)
        .where(TABLE.c.name == name)
        .order_by(TABLE.c.source, TABLE.c["_client_id"], TABLE.c.label)
    )
    return [
        ((row["source"], row["_client_id"], row["label"]), row["amount"])
        for row in connection.execute(query).mappings()
    ]


def _add(engine: sa.Engine, name: str, labels: Labels, amount: int) -> None:
    source, client_id, label = labels
    mine = sa.and_(
        TABLE.c.name == name,
        TABLE.c.source == source,
        TABLE.c["_client_id"] == client_id,
        TABLE.c.label == label,
    )
    more = TABLE.update().where(mine).values(amount=TABLE.c.amount + amount)
    row = {"name": name, "source": source, "_client_id": client_id, "label": label}
    for _ in range(2):  # another process may insert it in between
        with engine.begin() as connection:
            if connection.execute(more).rowcount:
                return
        try:
            with engine.begin() as connection:
                connection.execute(TABLE.insert().values(amount=amount, **row))
                return
        except IntegrityError:
            continue
