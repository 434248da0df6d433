"""Fixtures of the scheduler's tests: a prepared morning, and the server that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from scheduler.schedule import read_schedule
from scheduler.web.server import WebServer
from tests.scheduler import story
from tests.scheduler.bench import Bench
from tests.support.warehouse import empty_warehouse

Serve = Callable[..., httpx.Client]


@pytest.fixture(scope="session")
def told_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SIGNALROOM_HOME with the prepared morning in it, on DuckDB; tests only read it."""
    home = tmp_path_factory.mktemp("story")
    with empty_warehouse("duckdb", home, None) as warehouse, pytest.MonkeyPatch.context() as patch:
        warehouse.activate(patch)
        patch.setenv("SIGNALROOM_NOW", story.NOW)
        story.tell(warehouse)
    return home


@pytest.fixture
def serve(told_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start the scheduler's server on that morning; returns a client that keeps redirects."""
    monkeypatch.setenv("SIGNALROOM_HOME", str(told_home))
    monkeypatch.setenv("SIGNALROOM_NOW", story.NOW)
    monkeypatch.setenv("EVERFLOW_API_KEY", story.SECRET)
    with ExitStack() as stack:
        story.beat()

        def start(
            host: str = "127.0.0.1",
            trigger: Callable[[str], str] = str,
            errand: Callable[[tuple[str, ...]], None] = lambda _: None,
        ) -> httpx.Client:
            pulse = story.living_pulse()
            server = WebServer((host, 0), pulse, read_schedule(), trigger, errand)
            server.start()
            stack.callback(server.close)
            address = f"http://127.0.0.1:{server.server_port}"
            return stack.enter_context(httpx.Client(base_url=address, timeout=30))

        yield start


@pytest.fixture
def bench() -> Iterator[Bench]:
    one = Bench()
    yield one
    one.executor.stop(1.0)
    one.ledger.close()
