"""Concurrent requests of one pull, as many as its vendor allows; results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    ask: Callable[[Item], Result], items: Iterable[Item], at_once: int
) -> Iterator[Result]:
    """Call `ask` for each item, with a limit on how many run at the same time.

    Raises the first error in order; calls that have started are waited for, and no further one
    starts.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for item in items:
                if len(waiting) == at_once:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(copy_context().run, ask, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
