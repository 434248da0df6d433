"""Errors of the simulated agency."""


class SandboxError(Exception):
    """Something a person can fix; `str(error)` is one readable line."""
