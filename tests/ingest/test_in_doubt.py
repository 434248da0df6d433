"""The answer to a COMMIT is lost: rows must not be doubled, and the load must become complete."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from signalroom.errors import SignalRoomError
from tests.ingest.test_killed import AFTER, BEFORE, expected, load, stored
from tests.support.warehouse import Warehouse


class Wire:
    """A proxy to PostgreSQL that drops the answer to one COMMIT, and the connection with it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._left = 0
        self.is_lost = False
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, number: int) -> None:
        """Drop the answer to the nth COMMIT from now on; PostgreSQL has executed it."""
        with self._lock:
            self._left, self.is_lost = number, False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                lost = threading.Event()
                for one, other in ((client, server), (server, client)):
                    threading.Thread(
                        target=self._pump, args=(one, other, lost, one is client), daemon=True
                    ).start()

    def _pump(
        self, one: socket.socket, other: socket.socket, lost: threading.Event, is_asking: bool
    ) -> None:
        with suppress(OSError), closing(one), closing(other):
            while data := one.recv(65536):
                if is_asking and b"COMMIT" in data and self._is_the_one():
                    lost.set()
                elif not is_asking and lost.is_set():
                    for end in (one, other):
                        end.shutdown(socket.SHUT_RDWR)
                    return
                other.sendall(data)

    def _is_the_one(self) -> bool:
        with self._lock:
            self._left -= 1
            self.is_lost = self.is_lost or self._left == 0
            return self._left == 0


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    found = Wire(port)
    with closing(found.socket):
        yield found


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.fault(13)
def test_each_commit_of_a_load_may_lose_its_answer(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load recovers by itself or ends with one line; the next one is complete either way."""
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T14:30:00+00:00")
    direct = postgres_warehouse.environment["SUPABASE_DB_PORT"]
    healed = number = 0
    said: list[str] = []
    with wire(int(direct)) as way:
        while True:
            number += 1
            load(BEFORE)
            way.lose(number)
            with monkeypatch.context() as patch:
                patch.setenv("SUPABASE_DB_PORT", str(way.socket.getsockname()[1]))
                try:
                    load(AFTER)
                except SignalRoomError as error:
                    said.append(str(error))
                else:
                    healed += 1
                    assert stored(postgres_warehouse) == expected(AFTER), number
            if not way.is_lost:
                break
            load(AFTER)
            assert stored(postgres_warehouse) == expected(AFTER), number
    assert number > 8, "there are more commits than that"
    assert healed > 1
    assert not [line for line in said if "\n" in line]
