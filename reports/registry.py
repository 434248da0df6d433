"""The reports that exist. To add one: a SQL file, templates and a definition here."""

from __future__ import annotations

from reports.affiliate_leaderboard import build as leaderboard
from reports.alerts import message as alerts
from reports.daily import build as daily
from reports.model import Build, Report
from reports.state_performance import build as states
from reports.weekly_rollup import build as rollup
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


def _weekly(name: str, title: str, build: Build, days: int) -> Report:
    return Report(
        name=name,
        title=title,
        query=name,
        templates=name,
        build=build,
        days=days,
        period="weekly",
        schedule="Monday 07:30",
        channels=("slack", "email"),
    )


REPORTS: dict[str, Report] = {
    report.name: report
    for report in (
        _daily("CCW"),
        _daily("EXP"),
        _weekly("affiliate_leaderboard", "Leaderboard", leaderboard.build, leaderboard.DAYS_BACK),
        _weekly("weekly_rollup", "Weekly rollup", rollup.build, rollup.DAYS_BACK),
        _weekly("state_performance", "States", states.build, states.DAYS_BACK),
        ALERT,
    )
}


def find(name: str) -> Report:
    """The report of that name; ReportError names those that exist."""
    if name not in REPORTS:
        raise ReportError(f"There is no report {name!r}; there are: {', '.join(REPORTS)}.")
    return REPORTS[name]
