"""The content of a client's page: the marts' rows, summed by period, brand and affiliate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from reports.model import Row, Rows, own_rows
from reports.shared.brands import NO_BRAND
from reports.shared.change import Movement
from reports.shared.figures import EXACT, NO_COST, add, known_cost, ratio
from reports.shared.text import clean
from signalroom import warehouse
from signalroom.clients import Client

PERIODS = (7, 30, 90)
DAYS = max(PERIODS)
NAME_LIMIT = 60
PATIENCE_S = 120.0  # to wait for a build that holds the warehouse
FOLDER = Path(__file__).parent
QUERIES = ("days", "performance", "orders", "changes", "goals", "parts")


@dataclass(frozen=True)
class Sum:
    """Sums of rows; costs in US dollars. `missing` counts rows whose spend is unknown."""

    conversions: int = 0
    spent: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)
    missing: int = 0

    @property
    def cost(self) -> Decimal | None:
        """The cost; None if all of it is missing spend, which is not zero."""
        return known_cost(self.spent, self.missing > 0)

    @property
    def cpa(self) -> Decimal | None:
        """Cost per conversion; None without conversions, too low if some spend is missing."""
        return ratio(self.cost, self.conversions)

    @property
    def profit(self) -> Decimal:
        """Revenue less cost; too high if some spend is missing."""
        return EXACT.subtract(self.revenue, self.spent)


@dataclass(frozen=True)
class Day:
    """A day of a brand: paid media, affiliates, and unmapped spend."""

    day: date
    is_complete: bool
    is_loaded: bool
    paid: Sum
    affiliates: Sum
    unmapped: Decimal

    @property
    def total(self) -> Sum:
        """Both together; unmapped spend is in no CPA."""
        return Sum(
            self.paid.conversions + self.affiliates.conversions,
            EXACT.add(self.paid.spent, self.affiliates.spent),
            EXACT.add(self.paid.revenue, self.affiliates.revenue),
            self.paid.missing + self.affiliates.missing,
        )


@dataclass(frozen=True)
class Place:
    """An affiliate of a brand in a period, next to the period before."""

    rank: int
    climbed: int | None
    is_new: bool
    name: str
    is_internal: bool
    now: Sum
    before: Sum
    line: tuple[Decimal | None, ...]

    @property
    def moved(self) -> str:
        """How its rank by profit changed."""
        if self.is_new:
            return "new"
        return "" if not self.climbed else f"{'▲' if self.climbed > 0 else '▼'}{abs(self.climbed)}"


@dataclass(frozen=True)
class Part:
    """A brand in a period."""

    days: tuple[Day, ...]
    total: Sum
    paid: Sum
    affiliates: Sum
    before: Sum | None  # None: the period before was not completely loaded
    places: tuple[Place, ...]
    since: date | None = None  # the first loaded day, if the period began before it

    @property
    def cpa(self) -> Movement:
        """The CPA compared with the period before."""
        before = self._priced
        return Movement(self.total.cpa, before.cpa if before else None, True, nothing=NO_COST)

    @property
    def conversions(self) -> Movement:
        """Conversions compared with the period before."""
        return Movement(self.total.conversions, self.before.conversions if self.before else None)

    @property
    def cost(self) -> Movement:
        """Cost compared with the period before."""
        before = self._priced
        return Movement(self.total.cost, before.cost if before else None, less_is_good=None)

    @property
    def profit(self) -> Movement:
        """Profit compared with the period before."""
        before = self._priced
        return Movement(self.total.profit, before.profit if before else None)

    @property
    def _priced(self) -> Sum | None:
        """The period before, if the spend of both is known."""
        is_missing = self.total.missing or (self.before and self.before.missing)
        return None if is_missing else self.before


@dataclass(frozen=True)
class Brand:
    """A brand of the client: its periods by their days, and the goals of the month."""

    name: str
    slug: str
    periods: Mapping[int, Part]
    goals: tuple[Row, ...]

    @property
    def cpa_goal(self) -> Decimal | None:
        """The CPA goal of this month."""
        return next((one["goal"] for one in self.goals if one["measure"] == "cpa"), None)


@dataclass(frozen=True)
class Content:
    """The full content of a client's page."""

    client: Client
    last_day: date
    made_at: datetime
    loaded_at: Mapping[str, datetime | None]
    incomplete: tuple[date, ...]
    brands: tuple[Brand, ...]
    unmapped: Mapping[int, tuple[tuple[str, str, Decimal], ...]]
    orders: Mapping[int, tuple[Row, ...]]  # by state
    order_days: Mapping[int, tuple[Row, ...]]
    changes: tuple[Row, ...]
    parts: Mapping[date, tuple[Row, ...]]


def read(client: Client, last_day: date) -> Rows:
    """The rows of a client's last 90 days and of the 90 before, as one snapshot.

    Raises ReportError if a row is not the client's own, WarehouseError in one line.
    """
    first = last_day - timedelta(days=DAYS - 1)
    found = warehouse.read_together(
        {name: (FOLDER / f"{name}.sql").read_text(encoding="utf-8") for name in QUERIES},
        {
            "client_id": client.id,
            "first_date": first,
            "earliest_date": first - timedelta(days=DAYS),
            "last_date": last_day,
            "month": f"{last_day:%Y-%m}",
        },
        client_id=client.id,
        wait_s=PATIENCE_S,
    )
    return {name: own_rows(rows, client.id) for name, rows in found.items()}


def content(client: Client, last_day: date, made_at: datetime, rows: Rows) -> Content:
    """The page's content; `made_at` is an instant in UTC."""
    days = {row["date"]: row for row in rows["days"]}
    window = [last_day - timedelta(days=back) for back in reversed(range(DAYS))]
    states = {
        period: _orders(rows["orders"], last_day, period, "state") for period in PERIODS
    }  # fmt: skip
    return Content(
        client=client,
        last_day=last_day,
        made_at=made_at,
        loaded_at={
            "Everflow": _newest(row["everflow_loaded_at"] for row in rows["days"]),
            "RedTrack": _newest(row["redtrack_loaded_at"] for row in rows["days"]),
        },
        incomplete=tuple(
            day for day in window[-PERIODS[1] :] if day in days and not days[day]["is_complete"]
        ),
        brands=tuple(_brand(client, name, rows, days, last_day) for name in _brands(client)),
        unmapped={period: _unmapped(client, rows, last_day, period) for period in PERIODS},
        orders=states,
        order_days={
            period: _orders(rows["orders"], last_day, period, "order_date") for period in PERIODS
        },
        changes=tuple(rows["changes"]),
        parts={
            day: tuple(row for row in rows["parts"] if row["date"] == day)
            for day in sorted({row["date"] for row in rows["parts"]}, reverse=True)
        },
    )


def _brands(client: Client) -> list[tuple[str, int]]:
    return [(brand.name, brand.advertiser_id) for brand in client.brands]


def _newest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((one for one in moments if one is not None), default=None)


def _brand(
    client: Client,
    brand: tuple[str, int],
    rows: Rows,
    days: Mapping[date, Row],
    last_day: date,
) -> Brand:
    name, number = brand
    own = [row for row in rows["performance"] if row["advertiser_id"] == number]
    return Brand(
        name=name,
        slug="".join(letter if letter.isalnum() else "-" for letter in name.casefold()),
        periods={period: _part(own, days, last_day, period) for period in PERIODS},
        goals=tuple(row for row in rows["goals"] if row["brand"] == name),
    )


def _part(rows: Sequence[Row], days: Mapping[date, Row], last_day: date, period: int) -> Part:
    window = [last_day - timedelta(days=back) for back in reversed(range(period))]
    by_day: dict[date, list[Row]] = {}
    for row in rows:
        by_day.setdefault(row["date"], []).append(row)
    shown = tuple(_day(day, by_day.get(day, []), days.get(day)) for day in window)
    now = [row for row in rows if row["date"] >= window[0] and not row["is_unmapped"]]
    start, first = window[0] - timedelta(days=period), min(days, default=None)
    # a partial period is not compared
    before = [
        row
        for row in rows
        if first is not None
        and first <= start <= row["date"] < window[0]
        and not row["is_unmapped"]
    ]
    return Part(
        days=shown,
        total=_sum(now),
        paid=_sum(row for row in now if row["is_internal"]),
        affiliates=_sum(row for row in now if not row["is_internal"]),
        before=_sum(before) if before else None,
        places=_places(now, before, window),
        since=first if first is not None and first > window[0] else None,
    )


def _day(day: date, rows: Sequence[Row], known: Row | None) -> Day:
    mapped = [row for row in rows if not row["is_unmapped"]]
    return Day(
        day=day,
        is_complete=bool(known and known["is_complete"]),
        is_loaded=known is not None,
        paid=_sum(row for row in mapped if row["is_internal"]),
        affiliates=_sum(row for row in mapped if not row["is_internal"]),
        unmapped=add(Decimal(row["cost"] or 0) for row in rows if row["is_unmapped"]),
    )


def _sum(rows: Iterable[Row]) -> Sum:
    given = list(rows)
    return Sum(
        sum(int(row["conversions"] or 0) for row in given),
        add(Decimal(row["cost"] or 0) for row in given),
        add(Decimal(row["revenue"] or 0) for row in given),
        sum(bool(row["is_spend_missing"]) for row in given),
    )


def _places(now: Sequence[Row], before: Sequence[Row], window: Sequence[date]) -> tuple[Place, ...]:
    """Affiliates by profit, most first."""
    current, earlier = _by_label(now), _by_label(before)
    was = {label: at for at, label in enumerate(_ranked(earlier), start=1)}
    places = []
    for rank, label in enumerate(_ranked(current), start=1):
        days: dict[date, list[Row]] = {}
        for row in current[label]:
            days.setdefault(row["date"], []).append(row)
        places.append(
            Place(
                rank=rank,
                climbed=was[label] - rank if label in was else None,
                is_new=bool(was) and label not in was,
                name=clean(label, NAME_LIMIT) or "(no name)",
                is_internal=any(row["is_internal"] for row in current[label]),
                now=_sum(current[label]),
                before=_sum(earlier.get(label, [])),
                line=tuple(_sum(days.get(day, [])).cpa for day in window),
            )
        )
    return tuple(places)


def _by_label(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row["affiliate_label"]), []).append(row)
    return found


def _ranked(labels: Mapping[str, Sequence[Row]]) -> list[str]:
    profits = {label: _sum(rows).profit for label, rows in labels.items()}
    return sorted(labels, key=lambda label: (-profits[label], label))


def _unmapped(
    client: Client, rows: Rows, last_day: date, period: int
) -> tuple[tuple[str, str, Decimal], ...]:
    """Brand, source and its spend, most first."""
    names = {number: name for name, number in _brands(client)}
    costs: dict[tuple[str, str], list[Decimal]] = {}
    for row in rows["performance"]:
        if row["is_unmapped"] and row["date"] > last_day - timedelta(days=period):
            source = clean(str(row["affiliate_label"]).removeprefix("Unmapped: "), NAME_LIMIT)
            brand = names.get(row["advertiser_id"], NO_BRAND)
            costs.setdefault((brand, source), []).append(Decimal(row["cost"] or 0))
    found = [(brand, source, add(cost)) for (brand, source), cost in costs.items()]
    return tuple(sorted(found, key=lambda one: (-one[2], one[1])))


COUNTS = ("attempts", "approved", "declined", "refunds", "chargebacks")


def _orders(rows: Sequence[Row], last_day: date, period: int, by: str) -> tuple[Row, ...]:
    """Orders summed by state (most attempts first) or by day."""
    parts: dict[object, list[Row]] = {}
    for row in rows:
        if row["order_date"] > last_day - timedelta(days=period):
            parts.setdefault(row[by], []).append(row)
    found: list[Row] = [
        {
            by: key,
            **{name: sum(int(row[name] or 0) for row in part) for name in COUNTS},
            "revenue": add(Decimal(row["revenue"] or 0) for row in part),
        }
        for key, part in parts.items()
    ]
    order: Callable[[Row], object] = lambda row: (  # noqa: E731
        row[by] if by == "order_date" else (-row["attempts"], str(row[by]))
    )
    return tuple(sorted(found, key=order))  # type: ignore[arg-type]
