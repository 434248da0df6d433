"""The end of a step's log."""

from __future__ import annotations

from scheduler.runs.model import Step
from signalroom import paths
from signalroom.logs import mask

LOG_LINES = 60
LOG_BYTES = 64 * 1024


def log_tail(step: Step) -> str:
    """The last lines of a step's log, masked; empty if this machine does not have it."""
    if not step.log:
        return ""
    folder = paths.home() / "logs"
    path = (paths.home() / step.log).resolve()
    if not path.is_relative_to(folder.resolve()):
        return ""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return mask("\n".join(lines[-LOG_LINES:]))
