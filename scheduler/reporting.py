"""One report for one client: rendered, and delivered when asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from reports import render_report
from signalroom.errors import SignalRoomError
from signalroom.progress import Progress


@dataclass
class Made:
    """What became of a report: its files, its deliveries and failures in one line each."""

    paths: tuple[Path, ...] = ()
    deliveries: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def make(
    name: str,
    client_id: str,
    day: date,
    channels: Sequence[str],
    send: bool,
    again: bool,
    out: Path | None,
    progress: Progress,
) -> Made:
    """Render a report into its files, then deliver it; failures are collected, not raised."""
    made = Made()
    step = progress.step(f"{name} {client_id}")
    try:
        rendered = render_report(name, client_id, day, channels, out)
        made.paths = rendered.paths
        if send:
            from reports import deliver  # the vendors' libraries, only when something is sent

            for delivery in deliver(rendered, again=again):
                line = delivery.summary()
                (made.failures if delivery.is_failure else made.deliveries).append(line)
    except SignalRoomError as error:
        made.failures.append(str(error))
    if made.failures:
        step.fail("; ".join(made.failures))
    else:
        step.finish("; ".join(made.deliveries) or f"{len(made.paths)} files")
    return made
