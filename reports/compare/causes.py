"""Why an old figure differs from ours: rounding, later changes, days of another time zone.

A day's earlier figures and why they changed are recorded (`performance_changes`,
`daily_performance_versions`); only values after the end of the day count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from reports.compare.old import Figure, Key
from signalroom import clock, warehouse
from signalroom.clients import Client
from signalroom.errors import WarehouseError

CENT = Decimal("0.01")
UNEXPLAINED = "unexplained"
ZONES = ("UTC", "America/Los_Angeles", "America/Chicago", "Europe/Berlin")
OURS = """
select advertiser_id, affiliate_label, is_internal, conversions, cost
from daily_performance
where _client_id = :client_id and date = :day and not is_unmapped
"""
VERSIONS = """
select advertiser_id, affiliate_label, conversions, cost, known_from, known_to
from daily_performance_versions
where
    _client_id = :client_id and date = :day and not is_unmapped
    and (known_to > :day_end or known_to is null)
"""
CHANGES = """
select advertiser_id, affiliate_label, measure, cause, amount
from performance_changes
where
    _client_id = :client_id and date = :day and measure in ('conversions', 'cost')
    and lower(affiliate_label) not like 'unmapped: %'
"""
CONVERSIONS = """
select advertiser_id, affiliate_label, conversion_at, payout from conversions
where _client_id = :client_id and status = 'approved' and date between :first and :last
"""


@dataclass
class Day:
    """Our data for a client's day."""

    client: Client
    day: date
    _brands: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self._brands = {one.advertiser_id: one.name.casefold() for one in self.client.brands}

    @cached_property
    def ours(self) -> dict[Key, Figure]:
        """Our figures of each affiliate and brand; without unmapped spend, which is in no CPA."""
        sums: dict[Key, tuple[int, Decimal]] = {}
        for row in self._rows:
            brand = self._brands.get(row["advertiser_id"])
            if brand is None:
                continue
            for affiliate in ("", row["affiliate_label"].casefold()):
                key = (self.day, brand, affiliate)
                count, cost = sums.get(key, (0, Decimal(0)))
                sums[key] = (count + int(row["conversions"]), cost + row["cost"])
        return {key: figure(*both) for key, both in sums.items()}

    def cause(self, key: Key, old: Figure, now: Figure | None, column: str) -> str:
        """Why a figure differs; `unexplained` if nothing accounts for it."""
        said, value = getattr(old, column), getattr(now, column) if now else None
        if value is not None and column != "conversions" and abs(said - value) < CENT:
            return "rounding"
        if column == "cpa" and now and not now.conversions and not old.conversions and not said:
            return "no conversions"
        reported, causes = self._before_changes(key, now)
        if _agree(getattr(reported, column), said, column):
            return causes
        for known, known_from in self._history(key):
            if _agree(getattr(known, column), said, column):
                return f"restated since {known_from.isoformat(timespec='minutes')}"
        for name, there in self._other_zones(key, now).items():
            if _agree(getattr(there, column), said, column):
                return f"time_zone {name}"
        return UNEXPLAINED

    @cached_property
    def _scope(self) -> dict[str, object]:
        return {"client_id": self.client.id, "day": self.day}

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        return warehouse.read(OURS, self._scope, client_id=self.client.id)

    @cached_property
    def _versions(self) -> list[dict[str, Any]]:
        end = clock.midnight(self.day + timedelta(days=1))
        scope = {**self._scope, "day_end": end}
        return warehouse.read(VERSIONS, scope, client_id=self.client.id)

    @cached_property
    def _changes(self) -> list[dict[str, Any]]:
        try:
            return warehouse.read(CHANGES, self._scope, client_id=self.client.id)
        except WarehouseError:
            return []

    @cached_property
    def _conversions(self) -> list[dict[str, Any]]:
        one = timedelta(days=1)
        scope = {"client_id": self.client.id, "first": self.day - one, "last": self.day + one}
        try:
            return warehouse.read(CONVERSIONS, scope, within="everflow")
        except WarehouseError:
            return []

    def _before_changes(self, key: Key, now: Figure | None) -> tuple[Figure, str]:
        """The figure as in our message, and what changed it since, cause by cause."""
        amounts: dict[str, Decimal] = {}
        causes: dict[str, Decimal] = {}
        for row in self._changes:
            if self._matches(key, row):
                measure, cause = row["measure"], row["cause"]
                amounts[measure] = amounts.get(measure, Decimal(0)) + row["amount"]
                causes[cause] = causes.get(cause, Decimal(0)) + abs(row["amount"])
        if not amounts:
            return Figure(None, None, None), ""
        count, cost = (now.conversions or 0, now.cost or Decimal(0)) if now else (0, Decimal(0))
        before = figure(
            count - int(amounts.get("conversions", 0)), cost - amounts.get("cost", Decimal(0))
        )
        if causes.get(UNEXPLAINED):
            return before, UNEXPLAINED
        return before, ", ".join(sorted(name for name, amount in causes.items() if amount))

    def _history(self, key: Key) -> Iterator[tuple[Figure, datetime]]:
        """Each value that the whole day's figure had here, with the instant since when."""
        rows = [row for row in self._versions if self._matches(key, row)]
        start = clock.midnight(self.day + timedelta(days=1))
        instants = {max(start, row["known_from"]) for row in rows}
        instants |= {row["known_to"] for row in rows if row["known_to"] is not None}
        for instant in sorted(instants):
            known = [
                row
                for row in rows
                if row["known_from"] <= instant
                and (row["known_to"] is None or row["known_to"] > instant)
            ]
            count = sum(int(row["conversions"]) for row in known)
            yield figure(count, sum((row["cost"] for row in known), Decimal(0))), instant

    def _other_zones(self, key: Key, now: Figure | None) -> dict[str, Figure]:
        """The figure with approved conversions, and external payout, by days of other time zones.

        Spend is only known by business day: that of paid media is the same in each zone.
        """
        ours = [row for row in self._rows if self._matches(key, row)]
        internal = {row["affiliate_label"].casefold() for row in ours if row["is_internal"]}
        spend = sum((row["cost"] for row in ours if row["is_internal"]), Decimal(0))
        rows = [row for row in self._conversions if self._matches(key, row)]
        found = {}
        for name in ZONES if now and rows else ():
            zone = ZoneInfo(name)
            there = [
                row
                for row in rows
                if row["conversion_at"] and row["conversion_at"].astimezone(zone).date() == self.day
            ]
            payout = sum(
                (
                    row["payout"] or Decimal(0)
                    for row in there
                    if str(row["affiliate_label"]).strip().casefold() not in internal
                ),
                Decimal(0),
            )
            found[name] = figure(len(there), spend + payout)
        return found

    def _matches(self, key: Key, row: Mapping[str, Any]) -> bool:
        if self._brands.get(row["advertiser_id"]) != key[1]:
            return False
        return not key[2] or str(row["affiliate_label"]).strip().casefold() == key[2]


def figure(conversions: int, cost: Decimal) -> Figure:
    """The figure with its CPA in cents."""
    cpa = (cost / conversions).quantize(CENT, ROUND_HALF_UP) if conversions else None
    return Figure(conversions, cost, cpa)


def _agree(value: Decimal | int | None, said: Decimal | int, column: str) -> bool:
    if value is None or column == "conversions":
        return value == said
    return abs(Decimal(value) - said) < CENT
