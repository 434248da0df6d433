"""The state database of the reports: outbox and incidents, on PostgreSQL (schema ops) or SQLite."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from signalroom.connections import first_line
from signalroom.errors import ReportError
from signalroom.schemas import create_ops
from signalroom.settings import target
from signalroom.warehouse import state_engine

METADATA = sa.MetaData()


def asking_engine() -> sa.Engine:
    """An engine to ask one thing now and then: known to its database already, nothing kept open."""
    return _asking_engine(state_engine().url)


@cache
def _asking_engine(url: sa.URL) -> sa.Engine:
    return _placed(sa.create_engine(url, poolclass=sa.NullPool))


def _placed(found: sa.Engine) -> sa.Engine:
    """The engine, its tables in schema ops where there are schemas."""
    if target() == "postgres":
        return found.execution_options(schema_translate_map={None: "ops"})
    return found


def prepared_engine() -> sa.Engine:
    """The engine with its tables made; ReportError when the database is away."""
    found = _placed(state_engine())
    try:
        _make_tables(found)
    except SQLAlchemyError:
        try:  # another process may have made them at the same moment
            _make_tables(found)
        except SQLAlchemyError as error:
            found.dispose()
            raise ReportError(f"The outbox cannot be opened: {first_line(error)}") from error
    return found


def _make_tables(found: sa.Engine) -> None:
    with found.begin() as connection:
        create_ops(connection)
        import_module("reports.delivery.outbox")  # each declares its tables in METADATA
        import_module("reports.alerts.incidents")
        METADATA.create_all(connection)
