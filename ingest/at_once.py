"""Concurrent requests of one pull, as many as its vendor allows; results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
Row = TypeVar("Row")


def in_order(
    ask: Callable[[Item], list[Row]], items: Iterable[Item], at_once: int, held: int
) -> Iterator[list[Row]]:
    """Call `ask` for each item, with a limit on how many run at the same time.

    About `held` rows are in memory, of the results that wait and of the one that the caller has:
    the first result comes alone, and the largest so far says how many fit.
    Raises the first error in order; calls that have started are waited for, and no further one
    starts.
    """
    waiting: deque[Future[list[Row]]] = deque()
    fitting = 1
    with ThreadPoolExecutor(at_once) as pool:
        try:
            largest = 1
            for item in items:
                while len(waiting) >= fitting:
                    found = waiting.popleft().result()
                    largest = max(largest, len(found))
                    fitting = max(1, min(at_once, held // largest - 1))
                    yield found
                    del found  # the caller may be done with it
                waiting.append(pool.submit(copy_context().run, ask, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
