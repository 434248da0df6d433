"""Errors of the simulated agency."""


class SandboxError(Exception):
    """An error that the user can fix; `str(error)` is one readable line."""
