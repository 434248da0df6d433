"""The simulated agency's history, one business day at a time.

A day's events depend only on (seed, client, day): asked in any order, from any now, they are the
same. Days are made when first asked for and kept.
"""

import random
import threading
from collections.abc import Callable
from datetime import date

from sandbox.cast import Profile, client_ids, profile_of
from sandbox.events import DayLog
from sandbox.mailing import Mailing
from sandbox.quirks import Quirks
from sandbox.spend import spend_of
from sandbox.traffic import traffic_of
from sandbox.visits import Visits

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
        self._days: dict[tuple[str, date], DayLog] = {}
        self._lock = threading.Lock()

    def day(self, client: str, day: date) -> DayLog:
        """Events of one business day. Raises KeyError for an unknown client."""
        key = (client, day)
        log = self._days.get(key)
        if log is None:
            made = self._make_day(self, self.profiles[client], day)
            with self._lock:
                log = self._days.setdefault(key, made)
        return log

    def random(self, *scope: object) -> random.Random:
        """A generator of its own for that scope: `random("orders", "713", day)`."""
        return random.Random(f"{self.seed}|" + "|".join(str(part) for part in scope))

    def turn(self, client: str, day: date, name: str, every: int) -> bool:
        """True on one day out of `every`, so that a trap is sure to occur in that many days."""
        offset = random.Random(f"{self.seed}|{client}|{name}").randrange(every)
        return (day.toordinal() + offset) % every == 0


def busy_day(world: World, profile: Profile, day: date) -> DayLog:
    """A usual day, every trap switched on."""
    cells, conversions, emptied = traffic_of(world, profile, day)
    return DayLog(profile.client, day, cells, conversions, spend_of(world, profile, day), emptied)


def empty_day(world: World, profile: Profile, day: date) -> DayLog:
    """A day on which nothing happened."""
    return DayLog(profile.client, day, (), (), (), None)
