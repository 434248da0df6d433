"""Outcomes: how an attempt to send ends, as far as anybody can know.

An attempt that is not answered by a receipt raises one of these. Only `Ambiguous` leaves open
whether the message arrived.
"""

from __future__ import annotations


class Outcome(Exception):  # noqa: N818 - an ending, not always an error
    """An attempt without a receipt; `str` is the reason in one line."""


class Refused(Outcome):
    """The provider said no, and will say so again: certainly not delivered."""


class Later(Outcome):
    """The provider is busy or away: certainly not delivered; ask again after `wait_s`."""

    def __init__(self, reason: str, wait_s: float) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Ambiguous(Outcome):
    """No answer, or none that says: it may have been delivered."""
