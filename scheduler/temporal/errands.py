"""Commands requested on the page, run as children, one at a time."""

from __future__ import annotations

import queue
from contextlib import suppress

from scheduler.execution.child import Child, Order
from scheduler.process import ERRAND_S, steps_of


class Errands:
    """The queue and the running command; call `turn` every second."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[str, ...]] = queue.SimpleQueue()
        self._child: Child | None = None

    def add(self, arguments: tuple[str, ...]) -> None:
        """Queue a command."""
        self._waiting.put(arguments)

    def turn(self) -> None:
        """Clean up a child that has ended, start the next."""
        if self._child and self._child.poll() is not None:
            self._child.close()
            self._child = None
        if self._child is None:
            with suppress(queue.Empty):
                arguments = self._waiting.get_nowait()
                self._child = Child(Order("errands", steps_of(arguments), arguments, ERRAND_S))

    def close(self) -> None:
        """End the running command."""
        if self._child:
            self._child.kill()
            self._child.close()
