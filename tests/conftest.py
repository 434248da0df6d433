"""Fixtures for all tests: a clean environment, empty warehouses, the simulated agency."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import parsed
from tests.support.browser import FLAGS, find_chromium
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.processes import is_ours, own_environment
from tests.support.warehouse import Target, Warehouse, empty_warehouse

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from sandbox import Agency

BOTH: tuple[Target, ...] = ("duckdb", "postgres")


def pytest_configure() -> None:
    """Ignore the user's settings, and stay on loopback."""
    for name in [name for name in os.environ if is_ours(name)]:
        del os.environ[name]
    os.environ.update(own_environment())
    del os.environ["PYTHONPATH"]
    sys.dont_write_bytecode = False
    importlib.import_module("tests.support.offline.sitecustomize")
    gc.disable()  # what is collected stays: searching it takes a fifth of the collection
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's background job ignores Ctrl-C, and so would every command that a test starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)  # after the plugin that shuffles
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run long files first, so that no process is left with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    tests = Counter(item.path for item in items)
    items.sort(
        key=lambda item: (
            item.path.parent.name != "main_job",  # the longest
            item.path not in slow,
            -tests[item.path],
        )
    )


def pytest_collection_finish() -> None:
    """Keep what was collected out of every later search for garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def parsed_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Share the parse results of the dbt project between the processes of the test run."""
    folder = tmp_path_factory.getbasetemp()
    parsed.share((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "parsed")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Remove variables of other tests and of the user; keep local state in the test's folder."""
    before = dict(os.environ)
    for name in [name for name in os.environ if is_ours(name)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "home"))
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)
    if database := sys.modules.get(
        "psycopg2.extensions"
    ):  # a command that a test called limits waits
        database.set_wait_callback(None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server, one per process of the test run."""
    with postgres_server() as server:
        yield server


def _warehouse(request: pytest.FixtureRequest, home: Path) -> Iterator[Warehouse]:
    target: Target = request.param
    # The server starts only when a test of this process needs it.
    server = request.getfixturevalue("postgres") if target == "postgres" else None
    with empty_warehouse(target, home, server) as warehouse:
        yield warehouse


@pytest.fixture(params=BOTH)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """An empty warehouse for one test, on each engine."""
    yield from _warehouse(request, tmp_path / "home")


@pytest.fixture
def postgres_warehouse(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """An empty PostgreSQL database, which this process uses."""
    with empty_warehouse("postgres", tmp_path / "home", postgres) as warehouse:
        warehouse.activate(monkeypatch)
        yield warehouse


@pytest.fixture(params=BOTH, scope="module")
def module_warehouse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A warehouse that the tests of one module share, on each engine."""
    yield from _warehouse(request, tmp_path_factory.mktemp("warehouse"))


@pytest.fixture(scope="session")
def agency() -> Iterator[Agency]:
    """The simulated agency with its defaults, for tests that only read from it."""
    from sandbox import Agency

    with Agency() as simulated:
        yield simulated


@pytest.fixture
def start_agency() -> Iterator[Callable[..., Agency]]:
    """Start separate agencies, whose time and answers the test may change."""
    from sandbox import Agency

    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Agency(**options))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's path."""
    return find_chromium()


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """A running browser, not for a whole session: its event loop would affect other tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield running
        running.close()
