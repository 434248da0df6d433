"""Progress of long work, as the layers report it and the command line shows it."""

from __future__ import annotations

from typing import Protocol


class Step(Protocol):
    """One piece of work in progress."""

    def say(self, text: str) -> None:
        """What is going on right now, in a few words."""

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
        """A line of its own: a source that is off, a warning."""


class Silent:
    """Progress that no one watches."""

    def step(self, title: str) -> Step:
        return self

    def say(self, text: str) -> None: ...

    def advance(self, done: int, total: int) -> None: ...

    def finish(self, text: str) -> None: ...

    def fail(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...
