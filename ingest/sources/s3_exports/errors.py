"""Why a file is not loaded; each carries one line that names no cell's content."""

from __future__ import annotations


class NotLoadedError(Exception):
    """A file that is left out of this load."""


class WaitingError(NotLoadedError):
    """The file is empty or cut off: what is missing may still come."""


class RefusedError(NotLoadedError):
    """The file is complete, but not fit to be loaded."""


class ChangedError(NotLoadedError):
    """The file was replaced between the listing and the reading."""


class AbnormalError(Exception):
    """The fast reader met something that only the tolerant one can tell apart."""
