"""The dead man's switch: an external address notices silence and failure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from scheduler.process import Resident
from scheduler.status import heartbeat
from tests.scheduler.bench import Bench

CHECK = "/ping/0a1b2c"


class Receiver(BaseHTTPRequestHandler):
    """The pings that healthchecks.io would receive."""

    heard: ClassVar[list[str]]
    status = 200

    def do_GET(self) -> None:
        self.heard.append(self.path)
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    class Own(Receiver):
        heard: ClassVar[list[str]] = []

    with HTTPServer(("127.0.0.1", 0), Own) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HEARTBEAT_URL", f"http://127.0.0.1:{server.server_port}{CHECK}")
        yield Own.heard
        server.shutdown()


def join() -> None:
    """Wait for pings that are in progress."""
    for thread in threading.enumerate():
        if getattr(thread, "_target", None) is heartbeat._send:
            thread.join(5)


@pytest.mark.parametrize(("exit_code", "last"), [(0, CHECK), (1, f"{CHECK}/1")])
def test_run_with_reports_is_not_heard_to_begin_or_how_it_ends(
    heard: list[str], exit_code: int, last: str
) -> None:
    bench = Bench()
    bench.body("report", f"exit {exit_code}")
    bench.finish(bench.ask())
    bench.ledger.close()
    join()
    begun, ended = [urlsplit(one) for one in heard]
    assert (begun.path, ended.path) == (f"{CHECK}/start", last)
    assert parse_qs(begun.query)["rid"] == parse_qs(ended.query)["rid"]


def test_a_ping_waits_for_the_one_before(heard: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that is heard after its end would look like work that never ends."""
    slow = threading.Event()
    first = threading.Thread(target=slow.wait, args=(5,))
    first.start()
    monkeypatch.setattr(heartbeat, "_last", [first])
    sent = heartbeat.ping("0", "run")
    assert sent is not None
    sent.join(0.2)
    assert heard == []
    slow.set()
    sent.join(5)
    assert len(heard) == 1


def test_good_tick_is_not_heard(heard: list[str]) -> None:
    resident = Resident()
    resident.tick()
    resident._ledger.close()
    join()
    assert heard == [CHECK]


def test_bad_tick_is_heard(heard: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    resident = Resident()
    resident._ledger.close()
    monkeypatch.setenv("SIGNALROOM_NOW", "never")
    resident.tick()
    join()
    assert heard == []


def test_address_is_logged_or_its_absence_stops_the_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HEARTBEAT_URL", "http://127.0.0.1:9/ping/secret-check")
    with caplog.at_level(logging.WARNING):
        heartbeat.ping("start", "a-run")
        join()
    assert "cannot be reached" in caplog.text
    assert "secret-check" not in caplog.text
    monkeypatch.delenv("HEARTBEAT_URL")
    assert heartbeat.ping() is None
