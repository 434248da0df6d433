"""Slow, broken and greedy clients must not lock everyone else out."""

from __future__ import annotations

import socket
import struct
import time

import httpx
import pytest

from scheduler.web import connections
from scheduler.web.connections import CONNECTIONS
from scheduler.web.server import BODY_LIMIT
from tests.scheduler.conftest import Serve


def test_bodies_are_bounded(serve: Serve) -> None:
    client = serve()
    assert client.post("/trigger/hourly", content=b"x" * (BODY_LIMIT + 1)).status_code == 413
    assert client.post("/trigger/hourly", content=b"x" * BODY_LIMIT).status_code == 401
    chunked = client.post("/trigger/hourly", content=iter([b"x"]))
    assert chunked.status_code == 411
    assert exchange(client, b"POST /trigger/hourly HTTP/1.1\r\nContent-Length: -1\r\n\r\n") == 400
    huge = b"GET /ready HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000
    assert exchange(client, huge) in (400, 431)


def exchange(client: httpx.Client, sent: bytes) -> int:
    """The HTTP status of the answer to these bytes."""
    with connection(client) as one:
        one.sendall(sent)
        return int(one.recv(100).split()[1])


def connection(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=30)


def test_the_token_is_asked_for_before_the_body(serve: Serve) -> None:
    """The server does not wait for a body that never comes."""
    sent = b"POST /trigger/hourly HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nx"
    client = serve()
    began = time.monotonic()
    assert exchange(client, sent) == 401
    assert time.monotonic() - began < connections.HEADERS_S


def test_one_who_is_refused_is_told_even_when_the_body_comes_late(serve: Serve) -> None:
    """The body arrives with the answer already sent: closing then would reset the connection."""
    with connection(serve()) as one:
        one.sendall(b"POST /act HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n\r\n")
        time.sleep(0.1)
        one.sendall(bytes(900_000))
        time.sleep(0.1)
        assert one.recv(100).startswith(b"HTTP/1.1 401")


def test_silent_and_dripping_visitors_shut_no_one_out(serve: Serve) -> None:
    """More connections than the server's limit, some silent, some sending a byte at a time."""
    client = serve()
    slow = [connection(client) for _ in range(CONNECTIONS + 10)]
    try:
        for number, one in enumerate(slow[CONNECTIONS // 2 :]):
            one.sendall(b"GET /ready HTTP/1.1\r\nX-Slow: "[: number % 30])
        for _ in range(3):
            with httpx.Client(base_url=client.base_url, timeout=5) as another:
                assert another.get("/ready").status_code == 200
    finally:
        for one in slow:
            one.close()


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("HEADERS_S", b""),
        ("HEADERS_S", b"GET /ready HTTP/1.1\r\nX-Slow: x"),
        ("HEADERS_S", b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("EXCHANGE_S", b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nx"),
    ],
    ids=["silent", "headers that drip", "a connection kept open", "a body that does not come"],
)
def test_a_connection_ends_at_its_deadline(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str, sent: bytes
) -> None:
    monkeypatch.setattr(connections, name, 0.3)
    with connection(serve()) as one:
        one.sendall(sent)
        give_up_at = time.monotonic() + 10
        while True:
            assert time.monotonic() < give_up_at
            try:
                if not one.recv(1000):
                    break
                one.sendall(b"x" if sent.endswith(b"x") else b"")
            except ConnectionError:
                break


def test_broken_connections_leave_no_traceback(
    serve: Serve, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    client = serve()
    for sent in (b"", b"GET", b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):
        with connection(client) as one:
            one.sendall(sent)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert client.get("/ready").status_code == 200
    assert "Traceback" not in caplog.text + capfd.readouterr().err
