"""Someone who reads tables without end while others write them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# What a table is, in one value: a half-filled one, or one mixed of two states, has a third.
STATE = "select count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {} as t"  # noqa: E501


@dataclass
class Seen:
    """The states of each table that a reader saw, and its errors."""

    states: dict[str, set[str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    rounds: int = 0


@contextmanager
def endless_reader(ask: Callable[[str], str], tables: Iterable[str]) -> Iterator[Seen]:
    """Reads the state of every table, again and again, until the block ends.

    `ask` runs a query that has one value.
    """
    seen = Seen({table: set() for table in tables})
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            for table, states in seen.states.items():
                try:
                    states.add(ask(STATE.format(table)))
                except Exception as error:  # whatever a reader would see
                    seen.errors.append(f"{table}: {error}")
            seen.rounds += 1

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(timeout=60)
