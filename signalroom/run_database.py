"""The run database: run history, outbox and incidents.

On `postgres` it is the warehouse itself (schema `ops`); on `duckdb` an SQLite file next to it, as
DuckDB admits one writing process only.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from signalroom import migrations
from signalroom.access import create_closed
from signalroom.connecting import LIMITS, give_back, take, when_full
from signalroom.errors import WarehouseError
from signalroom.paths import home
from signalroom.settings import target
from signalroom.warehouse import first_line, postgres_settings, read

WAIT_S = 30.0
IN_OPS: dict[str | None, str | None] = {None: "ops"}


def engine(**options: Any) -> sa.Engine:
    """A new engine, with tables in schema `ops` if there are schemas; creates nothing."""
    found = sa.create_engine(_url(), **_options(), **options)
    if found.dialect.name == "sqlite":
        sa.event.listen(found, "connect", _write_ahead)
        return found
    dialect: Any = found.dialect
    dialect.do_close = give_back  # for the next transaction of `one_connection`
    return found.execution_options(schema_translate_map=IN_OPS)


def reading_engine() -> sa.Engine:
    """An engine for occasional queries: no migration check, no open connections."""
    return _reading_engine(_url())


@cache
def _reading_engine(url: sa.URL) -> sa.Engine:
    return engine(poolclass=sa.NullPool)


def prepared_engine() -> sa.Engine:
    """A new engine whose tables are up to date.

    Raises WarehouseError if the database is unavailable, ConfigurationError if newer code changed
    it in a way that this version cannot work with.
    """
    found = engine()
    try:
        with found.begin() as connection:
            execute, name = migrations.executing(connection), found.dialect.name
            is_current = migrations.is_current(execute, name, "runs")
            if is_current and name != "sqlite":
                create_closed(execute, "ops")  # another process may have opened it since
        if not is_current:
            with found.begin() as connection:
                if name == "sqlite":
                    connection.exec_driver_sql("begin immediate")
                migrations.migrate(migrations.executing(connection), name, "runs")
    except SQLAlchemyError as error:
        found.dispose()
        said = f"The run database cannot be opened: {first_line(error)}. {when_full(error)}"
        raise WarehouseError(said.strip()) from error
    except BaseException:
        found.dispose()
        raise
    return found


def refuse_newer() -> None:
    """Raise ConfigurationError if newer code changed a database that this version should use.

    Nothing is written. A missing or unavailable database, or one in use, is skipped.
    """
    with suppress(WarehouseError):
        migrations.refuse_breaking(read(f"{migrations.TAKEN} migrations", within="ops", wait_s=1.0))
    if target() == "duckdb" and (home() / "state.sqlite").exists():
        with suppress(SQLAlchemyError), reading_engine().connect() as connection:
            found = migrations.executing(connection)(f"{migrations.TAKEN} migrations")
            migrations.refuse_breaking(found)


def _url() -> sa.URL:
    if target() == "duckdb":
        return sa.URL.create("sqlite", database=str(home() / "state.sqlite"))
    found = postgres_settings()
    return sa.URL.create(
        "postgresql+psycopg2",
        username=found["user"],
        password=found["password"],
        host=found["host"],
        port=int(found["port"]),
        database=found["dbname"],
        query={"sslmode": found["sslmode"], **LIMITS},
    )


def _options() -> dict[str, Any]:
    if target() == "duckdb":
        return {"connect_args": {"timeout": WAIT_S}}
    found = postgres_settings()
    return {"pool_pre_ping": True, "creator": lambda: take(found)}


def _write_ahead(connection: Any, _: object) -> None:
    """Readers and a writer do not block each other; commits survive the end of the process."""
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
