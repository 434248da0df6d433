"""One report for one client as one step: rendered into files, and delivered on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from reports import Rendered, registry, render_report
from scheduler.schedule import report_deadline
from signalroom import clock, logs
from signalroom.clients import active_clients
from signalroom.errors import ReportError, SignalRoomError
from signalroom.plural import counted
from signalroom.progress import Progress

# "when_complete": an incomplete day is only sent after the deadline, marked as such
Sending = Literal["not", "when_complete", "now", "again"]
# the kinds of failure, those most worth a retry first
DELIVERY_FAILURES = {"pending": "Undelivered", "unknown": "Unconfirmed", "dead": "DeliveryError"}


@dataclass
class ReportResult:
    """The outcome of a report: its files, its deliveries, and failures, one line each.

    `waits` means for its day's data. `error_class` is the kind of failure: `Undelivered` and
    `Unconfirmed` are worth a retry, from the instant `retry_at`.
    """

    report: str
    client: str
    day: date
    paths: tuple[Path, ...] = ()
    deliveries: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    waits: bool = False
    error_class: str = ""
    retry_at: datetime | None = None

    def answer(self) -> dict[str, Any]:
        """As one JSON object of `signalroom report --json`."""
        found = dict(vars(self))
        return {**found, "retry_at": self.retry_at.isoformat() if self.retry_at else None}


def make_reports(
    name: str,
    clients: tuple[str, ...],
    day: date,
    progress: Progress,
    *,
    sending: Sending = "not",
    channels: Sequence[str] = (),
    out: Path | None = None,
    heard: Callable[[ReportResult], None] = lambda _: None,
) -> list[ReportResult]:
    """Make a report for each client that has it; failures are in the results, not raised.

    Raises ReportError for an unknown report, or one that none of the clients has.
    """
    report = registry.find(name)
    wanted = {client.id for client in active_clients(clients)}
    those = [client.id for client in report.clients() if client.id in wanted]
    if not those:
        raise ReportError(f"{name} is made for none of the clients {', '.join(sorted(wanted))}.")
    results = []
    for client in those:
        with logs.about(client=client):
            result = make_report(name, client, day, progress, sending, channels, out)
        heard(result)
        results.append(result)
    return results


def make_report(
    name: str,
    client_id: str,
    day: date,
    progress: Progress,
    sending: Sending = "not",
    channels: Sequence[str] = (),
    out: Path | None = None,
) -> ReportResult:
    """Render a report into its files, then deliver it; failures are collected, not raised."""
    made = ReportResult(name, client_id, day)
    step = progress.step(f"{name} {client_id}")
    said = ""
    try:
        rendered = render_report(name, client_id, day, channels, out)
        made.paths = rendered.paths
        said = f"{counted(len(made.paths), 'file')}"
        if rendered.report == "alert":
            said = f"{rendered.context.headline} {said}"
        if sending == "when_complete" and _may_wait(rendered):
            made.waits = True
            made.deliveries.append(
                f"waits for the day's data, until {report_deadline():%-I:%M %p} at the latest"
            )
        elif sending != "not":
            _deliver(rendered, sending == "again", made)
    except SignalRoomError as error:
        made.error_class = type(error).__name__
        made.failures.append(str(error))
    if made.failures:
        step.fail("; ".join(made.failures))
    else:
        step.finish("; ".join(made.deliveries) or said)
    return made


def _deliver(rendered: Rendered, again: bool, made: ReportResult) -> None:
    from reports import deliver  # the vendors' libraries, only when sending

    for delivery in deliver(rendered, again=again):
        line = delivery.summary()
        (made.failures if delivery.is_failure else made.deliveries).append(line)
        if not delivery.is_failure:
            continue
        kinds = list(DELIVERY_FAILURES.values())
        found = DELIVERY_FAILURES[delivery.status]
        if not made.error_class or kinds.index(found) < kinds.index(made.error_class):
            made.error_class = found
        if delivery.next_at:
            made.retry_at = min(delivery.next_at, made.retry_at or delivery.next_at)


def _may_wait(rendered: Rendered) -> bool:
    """Whether the day is incomplete and its deadline, on the morning after, has not passed."""
    morning = datetime.combine(
        rendered.day + timedelta(days=1), report_deadline(), tzinfo=clock.zone()
    )
    return rendered.edition != "complete" and clock.now() < morning
