"""The data for rules: days of a line (an affiliate at a brand) and comparable days.

A day is compared with the same weekday of the weeks before, as known at the same age if the version
ledger has it. An agency's counts vary more than by pure chance, so probabilities are those of a
negative binomial whose variance is `SPREAD` times its mean.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

WEEKS = 8  # how far back a baseline reaches
LEAST = 4  # same weekdays needed, otherwise a rule is silent
LATELY = range(2, 9)  # days back used for the current size of a line; rules do not check them
SPREAD = 3.6
CLICK_SPREAD = 2.0  # for conversions given their clicks, when the traffic is known
BELIEF = 0.75


@dataclass(frozen=True)
class Line:
    """An affiliate at a brand; the brand is None for spend of no known brand."""

    client_id: str
    advertiser_id: int | None
    label: str
    is_internal: bool = False
    is_unmapped: bool = False


@dataclass(frozen=True)
class LineDay:
    """A line's exact figures of a day; `tracked` are RedTrack's own conversions, if known.

    `clicks` are Everflow's, `paid_clicks` RedTrack's.
    """

    line: Line
    day: date
    conversions: int
    cost: Decimal
    tracked: int | None = None
    clicks: int = 0
    paid_clicks: int = 0


@dataclass(frozen=True)
class TableDay:
    """A raw table's data of a day: rows, how many fill each column, and the columns' types."""

    rows: int
    filled: Mapping[str, int]
    types: Mapping[str, str]


Tables = Mapping[str, Mapping[date, TableDay]]  # by name, as `everflow.conversions`
NO_TABLES: Tables = {}


def days_like(day: date) -> list[date]:
    """The same weekdays before, newest first."""
    return [day - timedelta(weeks=back) for back in range(1, WEEKS + 1)]


@dataclass
class History:
    """The days of one client's lines and raw tables; baselines exclude days in `left_out`."""

    client_id: str
    tables: Tables = field(default_factory=lambda: NO_TABLES)
    days: dict[Line, dict[date, LineDay]] = field(default_factory=dict)
    left_out: set[tuple[Line | None, date]] = field(default_factory=set)
    _counts: dict[date, dict[Line, tuple[float, float]]] = field(default_factory=dict)
    _usual: dict[tuple[Line, date], Usual | None] = field(default_factory=dict)

    def add(self, rows: Iterable[LineDay]) -> History:
        """Add days; for a day that already exists the newer row counts."""
        for row in rows:
            self.days.setdefault(row.line, {})[row.day] = row
        self._forget()
        return self

    def _forget(self) -> None:
        self._counts.clear()
        self._usual.clear()

    def lines(self) -> Iterator[Line]:
        """Mapped lines, in a fixed order."""
        yield from sorted(
            (line for line in self.days if not line.is_unmapped),
            key=lambda line: (line.advertiser_id or 0, line.label),
        )

    def of(self, line: Line, day: date) -> LineDay:
        """A line's day; zeros if it has no rows."""
        return self.days[line].get(day) or LineDay(line, day, 0, Decimal(0))

    def like(self, line: Line, day: date) -> list[LineDay]:
        """The same weekdays before, newest first; without those before the line began."""
        begun = min(self.days[line], default=day)
        return [
            self.of(line, one)
            for one in days_like(day)
            if one >= begun and self.is_sound(line, one)
        ]

    def is_sound(self, line: Line, day: date) -> bool:
        """Whether a line's day counts: it is complete, and not part of a known anomaly or stop."""
        is_left_out = (line, day) in self.left_out or (None, day) in self.left_out
        return not is_left_out and not self.is_known_stop(line, day)

    def is_known_stop(self, line: Line, day: date) -> bool:
        """Whether a line has no cost, and this was reported since it last had one.

        An incomplete day is neither.
        """
        begun = min(self.days[line], default=day)
        while day >= begun:
            if (None, day) not in self.left_out:
                if self.of(line, day).cost:
                    return False
                if (line, day) in self.left_out:
                    return True
            day -= timedelta(days=1)
        return False

    def usual(self, line: Line, day: date) -> Usual | None:
        """The line's usual figures for such a day; None if there are too few of them."""
        key = line, day
        if key not in self._usual:
            self._usual[key] = Usual.of(self.like(line, day))
        return self._usual[key]

    def level(self, line: Line, day: date) -> float:
        """The line's recent cost relative to the usual: a new campaign lasts for weeks."""
        parts = []
        for one in (day - timedelta(days=back) for back in LATELY):
            if not self.is_sound(line, one):
                continue
            if (usual := self.usual(line, one)) and usual.cost:
                parts.append(float(self.of(line, one).cost) / usual.cost)
        middle = statistics.median(parts) if parts else 1.0
        return float(min(4.0, max(0.25, middle)) ** BELIEF)

    def leave_out(self, line: Line | None, days: Collection[date]) -> None:
        """Exclude days of known incidents from baselines (None: for every line)."""
        self.left_out |= {(line, day) for day in days}
        self._forget()

    def leave_out_only(self, days: Collection[tuple[Line | None, date]]) -> None:
        """Clear the other exclusions."""
        self.left_out = set(days)
        self._forget()

    def mood(self, line: Line, days: Collection[date]) -> float:
        """How the client's other lines did on these days, relative to their usual figures.

        A payday or a holiday moves all of them, and is not an anomaly.
        """
        came = usual = 0.0
        for day in days:
            counts = self._counts_of(day)
            own = counts.get(line, (0.0, 0.0))
            came += sum(one for one, _ in counts.values()) - own[0]
            usual += sum(one for _, one in counts.values()) - own[1]
        if usual < 10:
            return 1.0
        # with few lines this is partly noise
        return float(min(1.5, max(0.5, came / usual)) ** BELIEF)

    def _counts_of(self, day: date) -> dict[Line, tuple[float, float]]:
        """Conversions of each line on a day, and its usual number."""
        if day not in self._counts:
            found = {}
            for line in self.lines():
                if past := [one.conversions for one in self.like(line, day)]:
                    found[line] = (float(self.of(line, day).conversions), statistics.median(past))
            self._counts[day] = found
        return self._counts[day]


@dataclass(frozen=True)
class Usual:
    """A line's usual figures for such a day: medians, and the deviation of costs."""

    conversions: float
    cost: float
    cpa: float | None
    cost_spread: float  # standard deviation of log(cost), robust
    always_costs: bool
    click_rate: float  # conversions per Everflow click
    click_cost: float  # per RedTrack click; 0: there are none

    @classmethod
    def of(cls, days: Collection[LineDay]) -> Usual | None:
        """None if there are too few such days."""
        if len(days) < LEAST:
            return None
        costs = [float(one.cost) for one in days]
        cpas = [float(one.cost) / one.conversions for one in days if one.conversions]
        logs = [math.log(cost) for cost in costs if cost > 0]
        return cls(
            conversions=statistics.median(one.conversions for one in days),
            cost=statistics.median(costs),
            cpa=statistics.median(cpas) if cpas else None,
            cost_spread=deviation(logs),
            always_costs=all(cost > 0 for cost in costs),
            click_rate=sum(one.conversions for one in days)
            / max(1, sum(one.clicks for one in days)),
            click_cost=statistics.median(
                float(one.cost) / one.paid_clicks if one.paid_clicks else 0.0 for one in days
            ),
        )


def deviation(values: Collection[float]) -> float:
    """A robust standard deviation: 1.4826 times the median distance from the median."""
    if not values:
        return 0.0
    middle = statistics.median(values)
    return 1.4826 * statistics.median(abs(value - middle) for value in values)


def chance_of_so_few(count: int, expected: float, spread: float = SPREAD) -> float:
    """The probability of a count no larger than that, given the `expected` one."""
    if expected <= 0:
        return 1.0
    size = expected / (spread - 1)
    stays, falls = math.log(1 / spread), math.log(1 - 1 / spread)
    return min(
        1.0,
        sum(
            math.exp(
                math.lgamma(one + size)
                - math.lgamma(size)
                - math.lgamma(one + 1)
                + size * stays
                + one * falls
            )
            for one in range(count + 1)
        ),
    )
