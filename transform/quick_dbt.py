"""What dbt repeats for each node, done once per process: a third of the time of a small build.

Results, messages and failures are dbt's own; plain `dbt build` works without any of this.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from signalroom.connecting import is_lost

# More than all templates of the project have: those of earlier versions are then removed.
MOST_TEMPLATES = 5_000


def be_quick(templates: Path, adapter: str) -> None:
    """All of it, in a process that is about to run dbt; `templates` is a folder."""
    skip_unlogged_events()
    skip_diagnoses()
    keep_equal_files()
    remember_formats()
    keep_templates(templates)
    if adapter == "postgres":
        keep_connections()


def skip_unlogged_events() -> None:
    """Have dbt skip events that none of its loggers writes: a seventh of a small build.

    It would build, format and scrub each of them before a logger drops it for its level.
    """
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager

    fire = EventManager.fire_event
    low = {EventLevel.DEBUG, EventLevel.TEST}

    def fire_event(
        self: EventManager,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        is_low = (level or e.level_tag()) in low and not force_warn_or_error_handling
        if not is_low or any(logger.level in low for logger in self.loggers):
            fire(self, e, level, node, force_warn_or_error_handling)

    EventManager.fire_event = fire_event  # type: ignore[method-assign]


def skip_diagnoses() -> None:
    """Have dbt leave out graph_summary.json, for which it makes a dict of every node, twice.

    It does so before the first node, for people who tune dbt itself.
    """
    from dbt.compilation import Linker

    linker: Any = Linker
    linker.get_graph_summary = lambda *_: {}


def keep_equal_files() -> None:
    """Have dbt write the SQL of a node only where its file has other text: a tenth of a node.

    Replacing a file takes twenty times as long as reading it.
    """
    from dbt.contracts.graph import nodes

    module: Any = nodes
    write = module.write_file

    def write_if_new(path: str, contents: str = "") -> bool:
        with suppress(OSError):
            if Path(path).read_bytes() == str(contents).encode():
                return True
        return bool(write(path, contents))

    module.write_file = write_if_new


def remember_formats() -> None:
    """Have agate make its tables of the words and patterns of dates once.

    dbt parses the result of each of its own questions with them, a few for each node.
    """
    import parsedatetime  # type: ignore[import-untyped]

    parsedatetime.Constants = cache(parsedatetime.Constants)


def keep_connections() -> None:
    """Have each of dbt's threads keep its connection to PostgreSQL from one node to the next.

    It would connect again for each node, which is a process of the server each time, and four round
    trips to one that is far away. Nothing is left open but the connection: a transaction is rolled
    back as before. A connection that the server has closed is replaced.
    """
    from dbt.adapters.contracts.connection import Connection, ConnectionState
    from dbt.adapters.postgres.connections import PostgresConnectionManager

    release = PostgresConnectionManager.release
    name_it = PostgresConnectionManager.set_connection_name

    def keep(self: PostgresConnectionManager) -> None:
        connection = self.get_if_exists()
        if connection is None or connection.state != ConnectionState.OPEN:
            return release(self)
        try:
            self.rollback_if_open()  # type: ignore[no-untyped-call]
            # psycopg2 does not know of dbt's own COMMIT: it would begin no other transaction
            connection.handle.rollback()
        except Exception:  # the server has gone away
            return release(self)
        return None

    def reuse(self: PostgresConnectionManager, name: str | None = None) -> Connection:
        connection = self.get_if_exists()
        if connection and connection.state == ConnectionState.OPEN and is_lost(connection.handle):
            self.close(connection)
        return name_it(self, name)

    manager: Any = PostgresConnectionManager
    manager.release, manager.set_connection_name = keep, reuse


def keep_templates(folder: Path) -> None:
    """Have Jinja keep the compiled templates of models, tests and macros in a folder.

    Their names are digests of what they were compiled from.
    """
    from dbt_common.clients.jinja import MacroFuzzEnvironment
    from jinja2.bccache import FileSystemBytecodeCache

    folder.mkdir(parents=True, exist_ok=True)
    kept = FileSystemBytecodeCache(str(folder))
    if sum(1 for _ in folder.iterdir()) > MOST_TEMPLATES:
        kept.clear()
    compile_it = MacroFuzzEnvironment.compile
    versions = " ".join(f"{name} {version(name)}" for name in ("dbt-core", "dbt-common", "jinja2"))

    def compile_once(
        self: MacroFuzzEnvironment, source: Any, name: Any = None, filename: Any = None, **more: Any
    ) -> Any:
        if not isinstance(source, str) or name or filename or any(more.values()):
            return compile_it(self, source, name, filename, **more)
        key = hashlib.sha256(f"{versions} {type(self).__qualname__} {source}".encode()).hexdigest()
        try:
            bucket = kept.get_bucket(self, key, None, source)
        except Exception:  # the machine went down while it was written
            kept.clear()
            bucket = kept.get_bucket(self, key, None, source)
        if bucket.code is None:
            bucket.code = compile_it(self, source)
            with suppress(OSError):  # the disk is full
                kept.set_bucket(bucket)
        return bucket.code

    environment: Any = MacroFuzzEnvironment
    environment.compile = compile_once
