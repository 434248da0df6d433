"""One report for one client: rendered, and delivered when asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from reports import Rendered, render_report
from scheduler.schedule import report_deadline
from signalroom import clock
from signalroom.errors import SignalRoomError
from signalroom.progress import Progress

# "when_complete": an incomplete day is sent, marked as such, only past the deadline
Sending = Literal["not", "when_complete", "now", "again"]


DELIVERY_FAILURES = {"pending": "Undelivered", "unknown": "DeliveryError", "dead": "DeliveryError"}


@dataclass
class Made:
    """What became of a report: its files, its deliveries and failures in one line each.

    `waits` is for its day's data. `error_class` names the kind of failure, of which `Undelivered`
    is worth another try.
    """

    paths: tuple[Path, ...] = ()
    deliveries: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    waits: bool = False
    error_class: str = ""


def make(
    name: str,
    client_id: str,
    day: date,
    channels: Sequence[str],
    sending: Sending,
    out: Path | None,
    progress: Progress,
) -> Made:
    """Render a report into its files, then deliver it; failures are collected, not raised."""
    made = Made()
    step = progress.step(f"{name} {client_id}")
    said = ""
    try:
        rendered = render_report(name, client_id, day, channels, out)
        made.paths = rendered.paths
        said = f"{len(made.paths)} files"
        if rendered.report == "alert":
            said = f"{rendered.context.headline} {said}"
        if sending == "when_complete" and _may_wait(rendered):
            made.waits = True
            made.deliveries.append(
                f"waits for the day's data, until {report_deadline():%H:%M} at the latest"
            )
        elif sending != "not":
            from reports import deliver  # the vendors' libraries, only when something is sent

            for delivery in deliver(rendered, again=sending == "again"):
                line = delivery.summary()
                (made.failures if delivery.is_failure else made.deliveries).append(line)
                if delivery.is_failure and made.error_class != "Undelivered":
                    made.error_class = DELIVERY_FAILURES[delivery.status]
    except SignalRoomError as error:
        made.error_class = type(error).__name__
        made.failures.append(str(error))
    if made.failures:
        step.fail("; ".join(made.failures))
    else:
        step.finish("; ".join(made.deliveries) or said)
    return made


def _may_wait(rendered: Rendered) -> bool:
    """Whether the day is not complete and its deadline, on the morning after, not yet past."""
    morning = datetime.combine(
        rendered.day + timedelta(days=1), report_deadline(), tzinfo=clock.zone()
    )
    return rendered.edition != "complete" and clock.now() < morning
