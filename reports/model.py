"""The definition of a report, as listed in the registry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from signalroom import clients
from signalroom.clients import Brand, Client
from signalroom.errors import ReportError

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]  # of each query, by its name
Content = dict[str, Any]  # content for one channel; see reports.messages.render


@dataclass(frozen=True)
class Subject:
    """One report of one client for one day, or for the period that ends on it.

    `brand` is empty where the report is about all `brands` (name by Everflow's advertiser id);
    `requested_day` is the day that was asked for.
    """

    report: str
    title: str
    client_id: str
    brand: str
    day: date
    client_name: str = ""
    brands: Mapping[int, str] = field(default_factory=dict)
    requested_day: date | None = None


@dataclass(frozen=True)
class LastReport:
    """What was last reported for a day; `at` is an instant in UTC."""

    at: datetime
    edition: str
    figures: Mapping[str, str]


@dataclass(frozen=True)
class Figure:
    """One number in a message: what it measures, for what, and its exact value.

    `keys` say for what: `date` (ISO, or `week` by its Monday), `advertiser_id` and `brand`, `group`
    (internal, external, unmapped), `affiliate` (Everflow's label), `source`, `state`.
    """

    metric: str
    keys: Mapping[str, str]
    value: Decimal | int

    @property
    def text(self) -> str:
        """The value with all digits."""
        return str(self.value) if isinstance(self.value, int) else format(self.value, "f")


def figure(metric: str, value: Decimal | int | None, **keys: object) -> list[Figure]:
    """A figure with the known keys; none if its value is unknown."""
    if value is None:
        return []
    known = {name: str(key) for name, key in keys.items() if key not in (None, "")}
    return [Figure(metric, known, value)]


@dataclass(frozen=True)
class Rendered:
    """A report rendered for its channels.

    `day` is the last day of its period, which identifies a message; `requested_day` names the
    files. `messages` has the content per channel (see reports.messages.render), `edition` is
    `complete` or `incomplete`, `reported` what the next report compares with, `figures` the numbers
    shown and `as_of` the business instant (UTC) of their rows; `context` is the templates' input.
    """

    report: str
    client_id: str
    day: date
    requested_day: date
    edition: str
    messages: Mapping[str, Content]
    reported: Mapping[str, Mapping[str, str]]
    figures: tuple[Figure, ...]
    as_of: datetime
    context: Any
    paths: tuple[Path, ...] = field(default=())


def own_rows(rows: Iterable[Row], client_id: str) -> list[Row]:
    """All of the rows; ReportError if one is another client's or has no client."""
    checked = list(rows)
    for row in checked:
        refuse_foreign(row.get("_client_id"), client_id)
    return checked


def refuse_foreign_parts(context: object, client_id: str) -> None:
    """Walk a context of dataclasses and refuse any part with another client's id."""
    if is_dataclass(context) and not isinstance(context, type):
        for one in fields(context):
            value = getattr(context, one.name)
            if one.name == "client_id":
                refuse_foreign(value, client_id)
            else:
                refuse_foreign_parts(value, client_id)
    elif isinstance(context, Mapping):
        for part in context.values():
            refuse_foreign_parts(part, client_id)
    elif isinstance(context, (tuple, list, set, frozenset)):
        for part in context:
            refuse_foreign_parts(part, client_id)


def refuse_foreign(found: object, client_id: str) -> None:
    """ReportError if a row or part is not the client's own."""
    if found != client_id:
        raise ReportError(
            f"A row of client {found!r} came up in a report for client {client_id}: nothing was "
            "rendered. Check the report's query; it must filter by _client_id."
        )


def slug(name: str) -> str:
    """A brand's name as part of a report's name: `New Brand` is `new_brand`."""
    return re.sub(r"\W+", "_", name.casefold()).strip("_") or "brand"


CHANNELS = ("slack", "email", "sms")
FOLDER = Path(__file__).parent
Build = Callable[[Subject, Rows, Mapping[date, LastReport]], Any]
Read = Callable[[Client, date], Sequence[Row]]
# daily: about one day. weekly: about the last ISO week that ends on or before the requested day.
# event: about what is open now; not sent on a schedule.
Period = Literal["daily", "weekly", "event"]


@dataclass(frozen=True)
class Report:
    """One report, as its folder defines it: what it reads, its context, where it is sent.

    `folder` of reports/ has its templates and `queries`: each is `<name>.sql` there or in shared/,
    with one grain; `read` replaces them if the rows are in no mart; `build` makes the context for
    the templates. A report that is `per_brand` exists once for each `brand` (its title has
    `{brand}`), for the clients that have it; any other covers all brands of a client.
    `clients_only` names the clients it is for; empty: all. Its schedule is in
    scheduler/schedule.yml.
    """

    name: str
    title: str
    build: Build
    period: Period
    folder: str
    queries: tuple[str, ...] = ("query",)
    read: Read | None = None
    per_brand: bool = False
    brand: str | None = None
    days: int = 1  # days that the queries look back, including the last day of the period
    channels: tuple[str, ...] = CHANNELS
    clients_only: tuple[str, ...] = ()

    def sql(self) -> dict[str, str]:
        """The text of each query, by its name."""
        own, shared = FOLDER / self.folder, FOLDER / "shared"
        found = {}
        for name in self.queries:
            path = own / f"{name}.sql"
            path = path if path.exists() else shared / f"{name}.sql"
            found[name] = path.read_text(encoding="utf-8")
        return found

    def clients(self) -> list[Client]:
        """The active clients it is made for."""
        return [client for client in clients.active_clients() if self.is_for(client)]

    def is_for(self, client: Client) -> bool:
        """Whether the client is one of its clients and has its brand."""
        if self.clients_only and client.id not in self.clients_only:
            return False
        return self.brand is None or self.brand_of(client) is not None

    def brand_of(self, client: Client) -> Brand | None:
        """The report's brand in a client's registry entry; None: it has no such brand."""
        if self.brand is None:
            return None
        return next((one for one in client.brands if slug(one.name) == slug(self.brand)), None)

    def last_day(self, day: date) -> date:
        """The last day of the period of a report requested for that day."""
        if self.period == "weekly":
            return day - timedelta(days=day.isoweekday() % 7)  # the Sunday on or before
        return day

    def parameters(self, client: Client, day: date) -> dict[str, object]:
        """Parameters for the query, which may ignore some. ReportError for a client not its own.

        `report_date` is the last day of the period, `first_date` the first day that is read,
        `next_date` the day after, `asked_date` the requested day; `month` (2026-11) is the last
        day's, `month_start` its first day.
        """
        brand = self.brand_of(client)
        if self.brand is not None and brand is None:
            raise ReportError(
                f"{self.name} is not made for client {client.id}: its registry entry has no brand "
                f"{self.brand}."
            )
        if not self.is_for(client):
            raise ReportError(
                f"{self.name} is not made for client {client.id}, only for "
                f"{', '.join(self.clients_only)}."
            )
        last = self.last_day(day)
        return {
            "client_id": client.id,
            "advertiser_id": brand.advertiser_id if brand else None,
            "asked_date": day,
            "report_date": last,
            "first_date": last - timedelta(days=self.days - 1),
            "next_date": last + timedelta(days=1),
            "month": f"{last:%Y-%m}",
            "month_start": last.replace(day=1),
        }
