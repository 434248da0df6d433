"""The rules on simulated agencies: false alarms on days that are only noise, and planted faults.

`python -m tests.reports.backtests` (`make backtest`) judges 20 agencies that were not used for
tuning and prints the figures in docs/alerts.md. An agency is both of its clients; a sync is one
check in the morning.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from reports.alerts import policy
from reports.alerts.rules.history import LATELY, WEEKS, History, Line, LineDay, TableDay, Usual
from reports.alerts.rules.rules import RULES, judge
from sandbox import anomalies
from sandbox.cast import Profile
from sandbox.events import DayLog
from sandbox.mapping import fold
from sandbox.scenarios import world_of
from sandbox.world import World

TUNED, REPORTED = range(1, 21), range(121, 141)
LAST = date(2026, 11, 18)
DAYS = 90
SYNCS = 2
LEAST_LOSS = 100
LEAST_SEEN = 2
GAP = "64f1a20b9c3d5e0001a4c0ff"


Worth = Callable[[LineDay, Usual], float]


def _spend(day: LineDay, usual: Usual) -> float:
    return float(day.cost)


@dataclass(frozen=True)
class Fault:
    """A fault of a line; `worth` is its cost per day, in dollars."""

    alter: Callable[[Profile, str, int], anomalies.Alteration]
    worth: Worth = _spend


FAULTS = {
    "no rows": Fault(lambda *_: anomalies.no_rows),
    "volume down to a fifth": Fault(
        lambda who, label, brand: anomalies.volume(who, label, brand, 0.2),
        lambda day, usual: 0.8 * float(day.cost),
    ),
    "spend without conversions": Fault(anomalies.spend_without_conversions),
    "conversions without spend": Fault(anomalies.conversions_without_spend),
    "three times as dear": Fault(
        lambda who, label, brand: anomalies.dearer(who, label, brand, 3),
        lambda day, usual: 2 * float(day.cost),
    ),
    "trackers drift apart": Fault(
        lambda who, label, brand: anomalies.drifting(who, label, brand, 0.3),
        lambda day, usual: 0.7 * day.conversions * (usual.cpa or 0),
    ),
    "column left out": Fault(lambda *_: anomalies.column_left_out),
    "costly gap": Fault(lambda *_: anomalies.costly_gap(GAP, "Surprise", Decimal("180.50"))),
}


@dataclass
class Result:
    """False alarms by rule, over how many agency-weeks, and planted faults: found and total."""

    weeks: float = 0.0
    alarms: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    planted: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    @property
    def per_week(self) -> float:
        return sum(self.alarms.values()) / self.weeks


def line_days(profile: Profile, log: DayLog) -> list[LineDay]:
    """A day of the agency as the marts have it once it is over."""
    labels = {(row.affiliate_id, row.advertiser_id): row.label for row in profile.affiliates}
    owners = {
        row.source_id: (fold(row.label), row.advertiser_id)
        for row in profile.mapping
        if row.label is not None and row.advertiser_id is not None
    }
    internal = set(owners.values())
    sums: dict[Line, list[Decimal]] = {}

    def of(label: str, advertiser_id: int | None, is_unmapped: bool = False) -> list[Decimal]:
        is_internal = (label, advertiser_id) in internal
        line = Line(log.client, advertiser_id, label, is_internal, is_unmapped)
        return sums.setdefault(line, [Decimal(0)] * 5)

    for cell in log.cells:
        name = labels.get((cell.affiliate_id, cell.advertiser_id))
        if name is not None:
            of(fold(name), cell.advertiser_id)[3] += cell.unique_clicks + cell.duplicate_clicks
    for sale in log.conversions:
        key = (fold(labels[sale.affiliate_id, sale.advertiser_id]), sale.advertiser_id)
        sum_of = of(*key)
        sum_of[0] += 1
        sum_of[1] += Decimal(0) if key in internal else sale.payout
    for row in log.spend:
        owner = owners.get(row.source_id)
        sum_of = of(*owner) if owner else of(f"Unmapped: {row.source_name}", None, True)
        sum_of[1] += row.costs[0].total
        sum_of[2] += row.conversions
        sum_of[4] += row.clicks
    return [
        LineDay(
            line, log.day, int(count), cost, int(tracked) if line.is_internal else None,
            int(clicks), int(paid_clicks),
        )
        for line, (count, cost, tracked, clicks, paid_clicks) in sums.items()
    ]  # fmt: skip


def tables_of(log: DayLog) -> dict[str, TableDay]:
    """The raw rows of the day by table, with the columns that they fill."""
    found = {}
    for name, rows in (("everflow.conversions", log.conversions), ("redtrack.spend", log.spend)):
        columns = [column for row in rows[:1] for column in row._fields]
        filled = {
            column: sum(getattr(row, column) is not None for row in rows) for column in columns
        }
        found[name] = TableDay(len(rows), filled, dict.fromkeys(columns, "text"))
    return found


def agency(seed: int, days: int, scenario: str = "noisy") -> tuple[World, dict[str, History]]:
    """An agency, and the histories of its clients."""
    world = world_of(scenario, seed)
    histories = {client: History(client, {}) for client in world.profiles}
    for client, profile in world.profiles.items():
        for back in range(days + 7 * WEEKS + LATELY.stop):
            day = LAST - timedelta(days=back)
            _take_in(histories[client], profile, world.day(client, day), day)
    return world, histories


def _take_in(history: History, profile: Profile, log: DayLog, day: date) -> None:
    history.add(line_days(profile, log))
    kept: dict[str, dict[date, TableDay]] = {
        name: dict(days) for name, days in history.tables.items()
    }
    for name, one in tables_of(log).items():
        kept.setdefault(name, {})[day] = one
    history.tables = kept


def run(seeds: Iterable[int], days: int = DAYS, each: int = 5) -> Result:
    """Judge every day of these agencies, then `each` planted faults per kind and client."""
    result = Result()
    thresholds = {rule: policy.thresholds(rule) for rule in RULES}
    for seed in seeds:
        world, histories = agency(seed, days)
        result.weeks += days / 7
        for history in histories.values():
            for back in range(days):
                day = LAST - timedelta(days=back)
                for rule in RULES:
                    result.alarms[rule] += len(judge(rule, history, day, thresholds[rule]))
        rng = random.Random(seed)
        for client, history in histories.items():
            for name in FAULTS:
                for _ in range(each):
                    _plant(result, world, client, history, name, rng, days)
    return result


def _plant(
    result: Result, world: World, client: str, history: History, name: str,
    rng: random.Random, days: int,
) -> None:  # fmt: skip
    """Plant a fault that begins on some day, on some line of paid media, and lasts."""
    day = LAST - timedelta(days=rng.randrange(SYNCS, max(SYNCS + 1, days - 1)))
    span = [day + timedelta(days=ahead) for ahead in range(SYNCS)]
    fault = FAULTS[name]
    lines = [
        line
        for line in history.lines()
        if line.is_internal and _is_worth_it(history, line, span, fault)
    ]
    if not lines:
        return
    line = rng.choice(lines)
    profile = world.profiles[client]
    alteration = fault.alter(profile, line.label, line.advertiser_id or 0)
    before = {one: dict(rows) for one, rows in history.days.items()}, history.tables
    for one in span:
        for rows in history.days.values():
            rows.pop(one, None)
        _take_in(history, profile, alteration(world.day(client, one)), one)
    is_found = any(
        found.line in (None, line)
        for one in span
        for rule in RULES
        for found in judge(rule, history, one, policy.thresholds(rule))
    )
    history.days, history.tables = before
    history.add([])
    result.planted[name] += 1
    result.found[name] += is_found
    if not is_found:
        result.missed.append(f"{name}: {client} {line.label}, {day}")


def _is_worth_it(history: History, line: Line, span: list[date], fault: Fault) -> bool:
    """Whether the line has a usual day, and the fault costs more than the minimum every day."""
    usual = history.usual(line, span[0])
    return bool(
        usual
        and usual.conversions >= LEAST_SEEN
        and all(fault.worth(history.of(line, one), usual) > LEAST_LOSS for one in span)
    )


def poisson_interval(count: int) -> tuple[float, float]:
    """95 % confidence interval of a Poisson mean (Byar's approximation)."""

    def bound(number: float, side: int) -> float:
        return number * (1 - 1 / (9 * number) + side * 1.96 / (3 * math.sqrt(number))) ** 3

    return (bound(count, -1) if count else 0.0), bound(count + 1, 1)


def wilson_interval(found: int, planted: int) -> tuple[float, float]:
    """95 % confidence interval of a proportion."""
    share, z = found / planted, 1.96
    middle = share + z * z / (2 * planted)
    width = z * math.sqrt(share * (1 - share) / planted + z * z / (4 * planted * planted))
    scale = 1 + z * z / planted
    return (middle - width) / scale, min(1.0, (middle + width) / scale)


def table(result: Result) -> str:
    """The figures of docs/alerts.md."""
    low, high = (bound / result.weeks for bound in poisson_interval(sum(result.alarms.values())))
    lines = [
        f"False alarms a week and agency: {result.per_week:.2f} (95 % {low:.2f} to {high:.2f}),",
        f"{sum(result.alarms.values())} in {result.weeks:.0f} weeks.",
        "",
        "| rule | false alarms a week | 95 % |",
        "|---|---|---|",
    ]
    for rule in RULES:
        count = result.alarms[rule]
        low, high = (bound / result.weeks for bound in poisson_interval(count))
        lines.append(f"| `{rule}` | {count / result.weeks:.3f} | {low:.3f} to {high:.3f} |")
    lines += ["", "| planted fault | found within two syncs | 95 % |", "|---|---|---|"]
    for name in FAULTS:
        found, planted = result.found[name], result.planted[name]
        low, high = wilson_interval(found, planted)
        lines.append(f"| {name} | {found} of {planted} | {low:.0%} to {high:.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    chosen = range(int(sys.argv[1]), int(sys.argv[2]) + 1) if len(sys.argv) > 2 else REPORTED
    outcome = run(chosen)
    sys.stdout.write("\n".join([table(outcome), *outcome.missed, ""]))
