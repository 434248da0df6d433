"""The reports that exist. A report is a query, templates and one definition here.

`query` names queries/<query>.sql, `templates` the stem of templates/<stem>.*.j2. `daily_exp` is
`daily_ccw` with another brand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from reports import daily
from reports.subject import Row, Subject, Told
from signalroom.clients import Client, active_clients
from signalroom.errors import ReportError

CHANNELS = ("slack", "email", "sms")
Build = Callable[[Subject, Sequence[Row], Mapping[date, Told]], Any]


@dataclass(frozen=True)
class Report:
    """One report: what it asks the marts, how it words the answer, for whom and where to."""

    name: str
    title: str
    query: str
    templates: str
    brand: str
    build: Build
    days: int  # that the query looks back over, the day itself included
    channels: tuple[str, ...] = CHANNELS

    def clients(self) -> list[Client]:
        """The active clients who have the report's brand."""
        return [client for client in active_clients() if self.advertiser_id(client) is not None]

    def advertiser_id(self, client: Client) -> int | None:
        """Everflow's advertiser of the report's brand at a client; None: it has no such brand."""
        return next((one.advertiser_id for one in client.brands if one.name == self.brand), None)

    def parameters(self, client: Client, day: date) -> dict[str, object]:
        """Values of the query's parameters. Raises ReportError for a client without the brand."""
        advertiser_id = self.advertiser_id(client)
        if advertiser_id is None:
            raise ReportError(
                f"{self.name} is not made for client {client.id}: its registry entry has no brand "
                f"{self.brand}."
            )
        return {
            "client_id": client.id,
            "advertiser_id": advertiser_id,
            "report_date": day,
            "first_date": day - timedelta(days=self.days - 1),
            "next_date": day + timedelta(days=1),
        }


def _daily(brand: str) -> Report:
    return Report(
        name=f"daily_{brand.lower()}",
        title=f"{brand} daily",
        query="daily",
        templates="daily",
        brand=brand,
        build=daily.build,
        days=daily.TREND_DAYS,
    )


REPORTS: dict[str, Report] = {report.name: report for report in (_daily("CCW"), _daily("EXP"))}


def find(name: str) -> Report:
    """The report of that name; ReportError names those that exist."""
    if name not in REPORTS:
        raise ReportError(f"There is no report {name!r}; there are: {', '.join(REPORTS)}.")
    return REPORTS[name]
