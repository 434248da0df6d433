"""Reports: query, context, render, send, in that order; only sending has side effects.

    from reports import render_report, deliver
    rendered = render_report("daily_ccw", "713", day)   # files in the outbox folder
    deliver(rendered)                                   # to Slack, email and SMS

Modules, in the order in which they work: registry (which reports exist), query (rows of the
marts), daily (the context), render (text for each channel), compose (all three and the files),
outbox and delivery (sending, exactly once). Alerts work the same way, but start from incidents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from reports.compose import compose, write
from reports.model import Rendered

if TYPE_CHECKING:
    from reports.delivery.deliver import Delivery

__all__ = [
    "Rendered",
    "compose",
    "deliver",
    "get_ready",
    "render_report",
    "write",
]


def get_ready() -> None:
    """Import and compile what takes half of the first daily report's time."""
    from reports import registry
    from reports.messages import render

    import_module("reports.charts.drawing")
    registry.definitions()
    render.compile_templates("daily")


def render_report(
    name: str,
    client_id: str,
    day: date,
    channels: Sequence[str] = (),
    out: Path | None = None,
) -> Rendered:
    """Compose a report and write its files; `paths` of the result are their paths."""
    rendered = compose(name, client_id, day, channels)
    return replace(rendered, paths=write(rendered, out))


def deliver(rendered: Rendered, again: bool = False) -> list[Delivery]:
    """Send a composed report (see reports.delivery.deliver), or the alerts that are due."""
    from reports.alerts import deliver as alerting
    from reports.delivery import deliver as delivery

    if rendered.report == "alert":
        return alerting.deliver_due(rendered.client_id, at_once=True).deliveries
    return delivery.deliver(rendered, again)
