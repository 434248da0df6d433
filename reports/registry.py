"""The reports that exist. To add one: a SQL file, templates and a definition here."""

from __future__ import annotations

from reports import alerts, daily
from reports.report import Report
from signalroom.errors import ReportError


def _daily(brand: str) -> Report:
    return Report(
        name=f"daily_{brand.lower()}",
        title=f"{brand} daily",
        query="daily",
        templates="daily",
        brand=brand,
        build=daily.build,
        days=daily.TREND_DAYS,
        period="daily",
        schedule="daily 07:00",
    )


ALERT = Report(
    name="alert",
    title="Alert",
    read=alerts.read,
    templates="alert",
    build=alerts.build,
    period="event",
    schedule="when something fails, is late or looks wrong, and when it is over",
)

REPORTS: dict[str, Report] = {
    report.name: report for report in (_daily("CCW"), _daily("EXP"), ALERT)
}


def find(name: str) -> Report:
    """The report of that name; ReportError names those that exist."""
    if name not in REPORTS:
        raise ReportError(f"There is no report {name!r}; there are: {', '.join(REPORTS)}.")
    return REPORTS[name]
