"""Connections of the web server: limited in number and time, so clients do not block each other.

uvicorn has no deadline for a request's headers or body, nor for a client that reads slowly.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 64
HEADERS_S = 10.0  # to send a request's headers, also between two requests of one connection
EXCHANGE_S = 30.0  # to send its body and read the response
HEADERS_LIMIT = 16 * 1024


class BoundedProtocol(H11Protocol):
    """One connection, closed at its deadline; the slowest is dropped when all slots are taken."""

    _timer: asyncio.TimerHandle | None = None
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._allow(HEADERS_S)
        others = [one for one in self.connections if one is not self]
        if len(others) >= CONNECTIONS:
            min((one for one in others if isinstance(one, BoundedProtocol)), key=_age).abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before and not self.cycle.response_complete:
            self._allow(EXCHANGE_S)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._allow(HEADERS_S)

    def abort(self) -> None:
        """Close it at once, even with unsent data."""
        self._forget()
        self.transport.abort()

    def _allow(self, seconds: float) -> None:
        self._forget()
        self._since = time.monotonic()
        self._timer = self.loop.call_later(seconds, self.abort)

    def _forget(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _age(one: BoundedProtocol) -> tuple[bool, float]:
    """Connections without a complete request are dropped first, the oldest of them first."""
    is_served = one.cycle is not None and not one.cycle.response_complete
    return (is_served, one._since)


class Listener:
    """An ASGI application served in a separate thread, until `close`."""

    def __init__(self, address: tuple[str, int], app: ASGIApp) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.create_server(address, family=family, backlog=CONNECTIONS)
        self.server_port: int = self._socket.getsockname()[1]
        # not worth logging: an invalid request, a broken connection
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            headers=[("Server", "SignalRoom")],
            h11_max_incomplete_event_size=HEADERS_LIMIT,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)

    def start(self) -> None:
        """Serve; returns once requests are answered."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.should_exit = True
        self._thread.join(5.0)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def peer(scope: Any) -> str:
    """The address that a request came from; never from a header."""
    client = scope.get("client")
    return str(client[0]) if client else ""
