"""Progress of long work, reported by the layers and shown by the command line."""

from __future__ import annotations

from typing import Protocol


class Step(Protocol):
    """One piece of work in progress."""

    def say(self, text: str) -> None:
        """What is happening now, in a few words."""

    def advance(self, done: int, total: int) -> None:
        """How far the work is."""

    def finish(self, text: str) -> None:
        """The step's outcome, in a few words."""

    def fail(self, text: str) -> None:
        """The step's failure, in one line."""


class Progress(Protocol):
    """Shows steps one after another."""

    def step(self, title: str) -> Step:
        """Begin a step; it ends with `finish` or `fail`."""

    def note(self, text: str) -> None:
        """A separate line: a source that is off, a warning."""


class Silent:
    """Progress that is not shown."""

    def step(self, title: str) -> Step:
        return self

    def say(self, text: str) -> None: ...

    def advance(self, done: int, total: int) -> None: ...

    def finish(self, text: str) -> None: ...

    def fail(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...
