"""The simulated agency's history, one business day at a time.

A day's events depend only on (seed, client, day): requested in any order, from any now, they are
the same. Days are created on first use and cached.
"""

import random
import threading
from collections.abc import Callable
from datetime import date

from sandbox.cast import Profile, client_ids, profile_of
from sandbox.events import DayLog
from sandbox.mailing import Mailing
from sandbox.plans import Plan, applied
from sandbox.quirks import Quirks
from sandbox.spend import spend_of
from sandbox.traffic import traffic_of
from sandbox.visits import Visits

Alteration = Callable[[DayLog], DayLog]
DayMaker = Callable[["World", Profile, date], DayLog]


class World:
    def __init__(self, seed: int, make_day: "DayMaker | None" = None, orders: bool = True) -> None:
        self.seed = seed
        self.has_orders = orders
        self.quirks = Quirks()
        self.visits = Visits(self, self.quirks, is_empty=not orders)
        self.mailing = Mailing(self, is_empty=not orders)
        self.profiles = {client: profile_of(client) for client in client_ids()}
        self._make_day = make_day or busy_day
        self._plans: list[Plan] = []
        self._alterations: list[tuple[str, date, Alteration]] = []
        self._days: dict[tuple[str, date], DayLog] = {}
        self._lock = threading.Lock()

    def day(self, client: str, day: date) -> DayLog:
        """Events of one business day. Raises KeyError for an unknown client."""
        key = (client, day)
        log = self._days.get(key)
        if log is None:
            made = self._make_day(self, self.profiles[client], day)
            plans = [plan for plan in self.plans if (plan.client, plan.day) == key]
            made = applied(made, self.profiles[client], plans)
            for one, altered, alteration in self._alterations:
                made = alteration(made) if (one, altered) == key else made
            with self._lock:
                log = self._days.setdefault(key, made)
        return log

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Planned changes of the past."""
        return tuple(self._plans)

    def plan(self, *plans: Plan) -> None:
        """Change past days; SandboxError for a change that its day has no row for."""
        for plan in plans:
            day = self._make_day(self, self.profiles[plan.client], plan.day)
            earlier = [
                one for one in self._plans if (one.client, one.day) == (plan.client, plan.day)
            ]
            applied(day, self.profiles[plan.client], [*earlier, plan])
            self._plans.append(plan)
            self._days.pop((plan.client, plan.day), None)

    def alter(self, client: str, day: date, alteration: Alteration) -> None:
        """Apply `alteration` to a day, after everything else; see `sandbox.anomalies`."""
        with self._lock:
            self._alterations.append((client, day, alteration))
            self._days.pop((client, day), None)

    def random(self, *scope: object) -> random.Random:
        """A separate random generator for that scope: `random("orders", "713", day)`."""
        return random.Random(f"{self.seed}|" + "|".join(str(part) for part in scope))

    def turn(self, client: str, day: date, name: str, every: int) -> bool:
        """True on one day out of `every`, so that a trap is certain to occur in that many days."""
        offset = random.Random(f"{self.seed}|{client}|{name}").randrange(every)
        return (day.toordinal() + offset) % every == 0


def busy_day(world: World, profile: Profile, day: date) -> DayLog:
    """A normal day with every trap, and spend on seven unmapped sources."""
    cells, conversions, emptied = traffic_of(world, profile, day)
    return DayLog(profile.client, day, cells, conversions, spend_of(world, profile, day), emptied)


def calm_day(world: World, profile: Profile, day: date) -> DayLog:
    """The same day with one mapping gap: of the unmapped sources only the first one spends."""
    log = busy_day(world, profile, day)
    kept = tuple(row for row in log.spend if row.source_id not in profile.gaps[1:])
    return log._replace(spend=kept)


def quiet_day(world: World, profile: Profile, day: date) -> DayLog:
    """A day that never changes once it has ended: prompt, approved, shown, with a single cost."""
    log = calm_day(world, profile, day)
    return log._replace(
        cells=tuple(cell._replace(hidden=None) for cell in log.cells),
        conversions=tuple(
            row._replace(status="approved", changes=(), booked_at=min(row.booked_at, row.at + 60))
            for row in log.conversions
        ),
        spend=tuple(row._replace(costs=row.costs[:1], hidden=None) for row in log.spend),
        emptied=None,
    )


def empty_day(world: World, profile: Profile, day: date) -> DayLog:
    """A day on which nothing happened."""
    return DayLog(profile.client, day, (), (), (), None)
