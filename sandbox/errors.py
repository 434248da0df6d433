"""Errors of the simulated agency."""


class SandboxError(Exception):
    """Something a person can mend; `str(error)` is one readable line."""
