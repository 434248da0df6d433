"""What a report is: a small definition that the registry lists."""

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
Content = dict[str, Any]  # of one channel; see reports.messages.render


@dataclass(frozen=True)
class Subject:
    """One report of one client for one day, or for the period that ends on it.

    `brand` is empty where the report is about all `brands` (name by Everflow's advertiser id);
    `asked` is the day that someone asked for.
    """

    report: str
    title: str
    client_id: str
    brand: str
    day: date
    client_name: str = ""
    brands: Mapping[int, str] = field(default_factory=dict)
    asked: date | None = None


@dataclass(frozen=True)
class LastReport:
    """What was last reported of a day; `at` is an instant in UTC."""

    at: datetime
    edition: str
    figures: Mapping[str, str]


@dataclass(frozen=True)
class Figure:
    """One number that a message shows: what it measures, of what, and its exact value.

    `keys` say of what: `date` (ISO, or `week` by its Monday), `advertiser_id` and `brand`, `group`
    (internal, external, unmapped), `affiliate` (Everflow's label), `source`, `state`.
    """

    metric: str
    keys: Mapping[str, str]
    value: Decimal | int

    @property
    def text(self) -> str:
        """The value with all its digits."""
        return str(self.value) if isinstance(self.value, int) else format(self.value, "f")


def figure(metric: str, value: Decimal | int | None, **keys: object) -> list[Figure]:
    """A figure with the keys that are known; none where its value is unknown."""
    if value is None:
        return []
    known = {name: str(key) for name, key in keys.items() if key not in (None, "")}
    return [Figure(metric, known, value)]


@dataclass(frozen=True)
class Rendered:
    """A report rendered for its channels.

    `day` is the last day of its period, by which a message is known; `asked` the day
    that was requested, by which the files are named. `messages` has the content per channel
    (see reports.messages.render), `edition` is `complete` or `incomplete`, `told` what the next
    report compares with, `figures` the numbers shown and `as_of` the business instant (UTC) of
    the rows they are made of; `context` is what the templates were given.
    """

    report: str
    client_id: str
    day: date
    asked: date
    edition: str
    messages: Mapping[str, Content]
    told: Mapping[str, Mapping[str, str]]
    figures: tuple[Figure, ...]
    as_of: datetime
    context: Any
    paths: tuple[Path, ...] = field(default=())


def own_rows(rows: Iterable[Row], client_id: str) -> list[Row]:
    """The rows, all of them; ReportError when one is another client's or no one's."""
    checked = list(rows)
    for row in checked:
        refuse_foreign(row.get("_client_id"), client_id)
    return checked


def refuse_foreign_parts(context: object, client_id: str) -> None:
    """Walk a context of dataclasses and refuse any part that carries another client's id."""
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
    """ReportError when a row or part is not the client's own."""
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
# daily: about one day. weekly: about the last ISO week that ends on or before the day asked for.
# event: about what is open now; nothing sends it by the calendar.
Period = Literal["daily", "weekly", "event"]


@dataclass(frozen=True)
class Report:
    """One report, as its folder defines it: what it reads, what that means, where it is sent.

    `folder` of reports/ has its templates and `queries`: each is `<name>.sql` there or in shared/,
    and one grain; `read` takes their place where the rows are in no mart; `build` makes the
    context that the templates word. A report that is `per_brand` exists once for each `brand`
    (its title has `{brand}`), for the clients who have it; any other covers all brands of a
    client. `clients_only` names the clients it is for; empty: all. When it is sent is in
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
    days: int = 1  # that the queries look back over, the last day of the period included
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
        """The report's brand as a client's registry entry has it; None: it has no such brand."""
        if self.brand is None:
            return None
        return next((one for one in client.brands if slug(one.name) == slug(self.brand)), None)

    def last_day(self, day: date) -> date:
        """The last day of the period that a report asked for that day is about."""
        if self.period == "weekly":
            return day - timedelta(days=day.isoweekday() % 7)  # the Sunday on or before
        return day

    def parameters(self, client: Client, day: date) -> dict[str, object]:
        """Values for the query; it uses those it needs. ReportError for a client not its own.

        `report_date` is the last day of the period, `first_date` the first that is looked at,
        `next_date` the day after, `asked_date` the day that was asked for; `month` (2026-11) is
        the last day's, `month_start` its first day.
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
