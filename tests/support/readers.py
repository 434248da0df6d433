"""A reader that queries tables in an endless loop while they are written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# One value for the table's state: a half-filled table, or a mix of two states, has another one.
STATE = "select count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {} as t"  # noqa: E501


@dataclass
class Seen:
    """The states of each table that a reader saw, and its errors."""

    states: dict[str, set[str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    rounds: int = 0


@contextmanager
def endless_reader(ask: Callable[[str], str], tables: Iterable[str]) -> Iterator[Seen]:
    """Read the state of every table repeatedly until the block ends.

    `ask` runs a query that returns one value.
    """
    seen = Seen({table: set() for table in tables})
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            for table, states in seen.states.items():
                try:
                    states.add(ask(STATE.format(table)))
                except Exception as error:  # any error that a reader would see
                    seen.errors.append(f"{table}: {error}")
            seen.rounds += 1

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(timeout=60)
