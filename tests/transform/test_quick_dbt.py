"""What dbt does once instead of for each node: counts, which change with dbt itself."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import parsedatetime
import pytest
from agate.data_types import DateTime
from dbt.adapters.contracts.connection import ConnectionState
from dbt.adapters.postgres.connections import PostgresConnectionManager, PostgresCredentials
from dbt.clients.jinja import get_rendered
from dbt.compilation import Linker
from dbt.contracts.graph import nodes
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import ParsedNode
from dbt_common.clients import jinja
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.logger import LoggerConfig, _TextLogger
from dbt_common.events.types import Note
from jinja2.bccache import FileSystemBytecodeCache

from signalroom.connecting import is_lost
from tests.support.warehouse import Warehouse
from transform import quick_dbt

PROJECT = "{% for name in ('you', 'all') %}Hello {{ name }} {% endfor %}{{ 1 + 1 }}"


def lines_of(level: EventLevel, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a logger of a level formats of a debug, an info and a warning event."""
    formatted: list[str] = []

    def create_line(self: _TextLogger, msg: object) -> str:
        formatted.append(msg.info.level)  # type: ignore[attr-defined]
        return ""

    monkeypatch.setattr(_TextLogger, "create_line", create_line)
    manager = EventManager()
    manager.add_logger(LoggerConfig(name="test", level=level))
    for one in (EventLevel.DEBUG, EventLevel.INFO, EventLevel.WARN):
        manager.fire_event(Note(msg="words"), level=one)
    return formatted


def test_dbt_formats_no_event_that_no_logger_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EventManager, "fire_event", EventManager.fire_event)  # restored at the end
    quick_dbt.skip_unlogged_events()
    assert lines_of(EventLevel.INFO, monkeypatch) == ["info", "warn"]
    assert lines_of(EventLevel.DEBUG, monkeypatch) == ["debug", "info", "warn"]


@pytest.fixture
def connections(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresConnectionManager]:
    """What dbt's threads have their connections from, on a real server."""
    for name in ("release", "set_connection_name"):  # restored at the end
        original = getattr(PostgresConnectionManager, name)
        monkeypatch.setattr(PostgresConnectionManager, name, original)
    quick_dbt.keep_connections()
    where = postgres_warehouse.environment
    credentials = PostgresCredentials(
        host=where["SUPABASE_DB_HOST"],
        port=int(where["SUPABASE_DB_PORT"]),
        user=where["SUPABASE_DB_USER"],
        password=where["SUPABASE_DB_PASSWORD"],
        database=where["SUPABASE_DB_NAME"],
        schema="public",
    )
    profile: Any = SimpleNamespace(credentials=credentials)
    made = PostgresConnectionManager(profile, multiprocessing.get_context("spawn"))
    yield made
    made.cleanup_all()


def ask(connections: PostgresConnectionManager, node: str, sql: str, *, commits: bool) -> str:
    """Execute a statement as a node does; returns the first value."""
    connections.set_connection_name(node)
    connections.begin()
    _, cursor = connections.add_query(sql, auto_begin=False)
    [value] = cursor.fetchone()
    if commits:
        connections.commit()
    connections.release()
    return str(value)


PROCESS = "select pg_backend_pid()"


def test_a_thread_keeps_its_connection_and_nothing_else(
    connections: PostgresConnectionManager, postgres_warehouse: Warehouse
) -> None:
    first = ask(connections, "one", PROCESS, commits=True)
    made = "create table {}; set local lock_timeout = '60s'; " + PROCESS
    known = "select count(*) from pg_tables where tablename in ('ended', 'left_open')"
    assert ask(connections, "two", made.format("ended (id int)"), commits=True) == first
    ask(connections, "three", made.format("left_open (id int)"), commits=False)
    assert postgres_warehouse.rows(known) == [(1,)]
    idle = f"select state from pg_stat_activity where pid = {first}"
    assert postgres_warehouse.rows(idle) == [("idle",)]
    limit = "select current_setting('lock_timeout') || pg_backend_pid()"
    assert ask(connections, "four", limit, commits=True) == f"0{first}"


def test_a_connection_that_the_server_has_closed_is_replaced(
    connections: PostgresConnectionManager, postgres_warehouse: Warehouse
) -> None:
    first = ask(connections, "one", PROCESS, commits=True)
    postgres_warehouse.rows("select pg_terminate_backend(%s)", int(first))
    handle = connections.get_thread_connection().handle
    for _ in range(100):
        if is_lost(handle):
            break
        time.sleep(0.05)
    second = ask(connections, "two", PROCESS, commits=True)
    assert second != first
    connection = connections.get_thread_connection()
    connections.cleanup_all()
    assert connection.state == ConnectionState.CLOSED


def rendered(source: str, *, native: bool = False) -> object:
    return get_rendered(source, {}, native=native)


def test_a_template_is_compiled_once_for_all_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    original = jinja.MacroFuzzEnvironment.compile

    def noted(self: Any, source: str, *arguments: Any, **more: Any) -> Any:
        compiled.append(source)
        return original(self, source, *arguments, **more)

    expected = rendered(PROJECT)
    for _ in range(2):  # the second stands for another process
        monkeypatch.setattr(jinja.MacroFuzzEnvironment, "compile", noted)
        quick_dbt.keep_templates(tmp_path / "templates")
        assert rendered(PROJECT) == expected
    assert compiled == [PROJECT]
    assert rendered("{{ (1 + 1) | as_number }}", native=True) == 2, "another kind of template"
    assert rendered("{{ (1 + 1) | as_number }}") == "2"
    assert rendered(PROJECT.replace("Hello", "Good day")) != expected
    kept = list((tmp_path / "templates").iterdir())
    assert len(kept) == 4
    for path in kept:  # a machine went down while they were written
        path.write_bytes(path.read_bytes()[:40])
    assert rendered(PROJECT) == expected

    def is_full(self: Any, bucket: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(FileSystemBytecodeCache, "set_bucket", is_full)
    assert rendered("{{ 'full' }}") == "full"


def test_templates_of_earlier_versions_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jinja.MacroFuzzEnvironment, "compile", jinja.MacroFuzzEnvironment.compile)
    monkeypatch.setattr(quick_dbt, "MOST_TEMPLATES", 2)
    for number in range(3):
        quick_dbt.keep_templates(tmp_path)
        rendered(f"{{{{ {number} }}}}")
    assert len(list(tmp_path.iterdir())) == 3
    quick_dbt.keep_templates(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_sql_of_a_node_is_written_only_where_it_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = nodes.write_file, []

    def noted(path: str, contents: str = "") -> bool:
        written.append(contents)
        return write(path, contents)

    monkeypatch.setattr(nodes, "write_file", noted)
    quick_dbt.keep_equal_files()
    file = tmp_path / "run" / "model.sql"
    for sql in ("select 'ü'\r\n", "select 'ü'\r\n", "select 'ü'\n", "select 2"):
        ParsedNode.write_node(SimpleNamespace(), str(tmp_path), str(file), sql)  # type: ignore[arg-type]
        assert file.read_bytes().decode() == sql
    file.write_bytes(b"\xff")  # cut in the middle of a character when the machine went down
    ParsedNode.write_node(SimpleNamespace(), str(tmp_path), str(file), "select 2")  # type: ignore[arg-type]
    assert file.read_bytes().decode() == "select 2"
    assert written == ["select 'ü'\r\n", "select 'ü'\n", "select 2", "select 2"]


def test_no_node_becomes_a_dict_for_a_summary_of_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Linker, "get_graph_summary", Linker.get_graph_summary)
    quick_dbt.skip_diagnoses()
    linker = Linker()
    linker.add_node("model.project.one")
    assert linker.get_graph_summary(Manifest()) == {}


def test_the_words_of_dates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsedatetime, "Constants", parsedatetime.Constants)
    quick_dbt.remember_formats()
    one, other = DateTime(), DateTime()
    assert one._constants is other._constants
    assert one.cast("2026-11-19 08:30:00") == other.cast("2026-11-19 08:30:00")
