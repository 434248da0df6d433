"""PostHog's side of the agency: visitors' events, flags and experiments.

Instants of events are microseconds since 1970. A day's events depend only on (seed, client, day);
the lists only on the simulated now.
"""

import random
import threading
from datetime import date, timedelta
from typing import Any, NamedTuple

from sandbox.clock import day_bounds, local_day
from sandbox.quirks import Quirks
from sandbox.traffic import DAY, HOUR, Dice

MICRO = 1_000_000
EVENTS_A_DAY = {"713": 200, "cti": 40}
FLAGS = {"713": 7, "cti": 2}
HISTORY_DAYS = 100
TIED = {"713": 12, "cti": 5}  # events of the same instant, as when a phone sends its queue
QA = "qa@agency.example"

_STEPS = ("$pageview", "$pageview", "$pageview", "$autocapture", "quiz_answered", "purchase")
_PAGES = ("/", "/ccw/step-1", "/ccw/step-2", "/exp/start", "/thank-you")
_NAMES = ("Ana", "Ben", "Chloé", "Dmitri", "Eve", "Farid")


class Event(NamedTuple):
    uuid: str
    name: str
    at: int  # the visitor's clock
    known_at: int  # when PostHog receives it
    distinct_id: str
    properties: dict[str, Any]  # without personal data
    email: str | None  # the person's, in `$set`
    is_doubled: bool  # sent twice, and stored twice


class Visits:
    def __init__(self, dice: Dice, quirks: Quirks, is_empty: bool) -> None:
        self._dice = dice
        self._quirks = quirks
        self._is_empty = is_empty
        self._lock = threading.Lock()
        self._days: dict[tuple[str, date], tuple[Event, ...]] = {}

    def day(self, client: str, day: date) -> tuple[Event, ...]:
        """Every event that happens on a business day, whenever it arrives."""
        with self._lock:
            if (client, day) not in self._days:
                self._days[client, day] = () if self._is_empty else self._make(client, day)
            return self._days[client, day]

    def known(self, client: str, now: int) -> list[Event]:
        """Every event of the last hundred days that PostHog has at `now`, duplicates twice."""
        today = local_day(now)
        days = (today - timedelta(days=number) for number in range(HISTORY_DAYS + 1))
        events = [event for day in days for event in self.day(client, day)]
        arrived = [event for event in events if event.known_at <= now * MICRO]
        return arrived + [event for event in arrived if event.is_doubled]

    def _make(self, client: str, day: date) -> tuple[Event, ...]:
        rng = self._dice.random("visits", client, day)
        start, end = (moment * MICRO for moment in day_bounds(day))
        total = int(EVENTS_A_DAY[client] * (0.85 + 0.3 * rng.random()))
        moments = [rng.randrange(start, end) for _ in range(total)]
        # milliseconds, as in browsers, and occasionally all six digits
        moments = [moment if rng.random() < 0.1 else moment - moment % 1000 for moment in moments]
        tied = rng.randrange(start + 8 * HOUR * MICRO, start + 9 * HOUR * MICRO)
        moments[: TIED[client]] = [tied] * TIED[client]
        return tuple(_event(rng, moment, place) for place, moment in enumerate(moments))

    def flags(self, client: str, now: int) -> list[dict[str, Any]]:
        """`feature_flags` as in the API; every ten days another one is missing."""
        if self._is_empty:
            return []
        turn = now // (10 * DAY)
        return [
            _flag(number, now)
            for number in range(FLAGS[client])
            if (turn + number) % (FLAGS[client] + 1)
        ]

    def experiments(self, client: str, now: int) -> list[dict[str, Any]]:
        """`experiments` as in the API; each ends at its time."""
        archived = self._quirks.posthog_archived
        found = [_experiment(flag, now) for flag in self.flags(client, now)[:3]]
        return [row | {"archived": row["id"] in archived} for row in found]


def _event(rng: random.Random, at: int, place: int) -> Event:
    visitor = rng.randrange(400)
    email = f"visitor{visitor}@mail.example" if visitor % 3 == 0 else None
    distinct_id = f"user-{visitor}" if email else f"0190{rng.getrandbits(48):012x}"
    if email and visitor % 9 == 0:
        distinct_id = email  # some sites identify people by email address
    name = rng.choice(_STEPS)
    properties: dict[str, Any] = {
        "$lib": "web",
        "$browser": rng.choice(("Chrome", "Safari")),
        "$device_type": rng.choice(("Mobile", "Desktop")),
        "$current_url": f"https://course.example{rng.choice(_PAGES)}",
        "utm_source": rng.choice(("facebook", "google", None)),
        "step": {"number": rng.randrange(1, 6), "tags": ["a", 1, None, True]},
    }
    if visitor % 10:  # the rest comes from a server, without sessions
        properties["$session_id"] = f"session-{visitor}-{at // (6 * HOUR * MICRO)}"
    if name == "purchase":
        properties |= {"value": rng.choice((25.5, 99, 412.37000000000006)), "currency": "USD"}
        properties["billing"] = {"postcode": f"{rng.randrange(1000, 9999):05d}"}
    return Event(
        # version 7: sorted by when it was made, which is not when it happened
        uuid=_uuid(rng, at // 1000 + place),
        name=name,
        at=at,
        known_at=at + _delay(rng) * MICRO,
        distinct_id=distinct_id,
        properties=properties,
        email=email,
        is_doubled=rng.random() < 0.02,
    )


def _uuid(rng: random.Random, milliseconds: int) -> str:
    digits = f"{milliseconds & (2**48 - 1):012x}7{rng.getrandbits(12):03x}"
    digits += f"{0x8000 | rng.getrandbits(14):04x}{rng.getrandbits(48):012x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _delay(rng: random.Random) -> int:
    """Seconds until PostHog receives an event: usually a few, days from an offline phone."""
    luck = rng.random()
    if luck < 0.004:
        return rng.randrange(4 * DAY, 20 * DAY)
    if luck < 0.05:
        return rng.randrange(HOUR, 60 * HOUR)
    return rng.randrange(1, 30)


def personal(event: Event) -> dict[str, Any]:
    """The event's properties in PostHog, including personal data."""
    found = {
        **event.properties,
        "$ip": "203.0.113.9",
        "$raw_user_agent": "Mozilla/5.0 (Linux)",
        "$geoip_latitude": 40.7128,
    }
    if "billing" in found:
        found["billing"] = {**found["billing"], "firstName": "Ana", "Street Address": "1 Elm St"}
    if event.email:
        number = int(event.email.removeprefix("visitor").split("@")[0])
        found["$set"] = {
            "plan": "basic",
            "email": event.email,
            "name": f"{_NAMES[number % len(_NAMES)]} O'Neil",
            "phone_number": "+15550100",
        }
    return found


def _flag(number: int, now: int) -> dict[str, Any]:
    made = 1_767_225_600 + number * 9 * DAY  # 2026-01-01
    people = {"key": "email", "type": "person", "value": [QA], "operator": "exact"}
    groups = [{"properties": [people] if number % 2 else [],
               "rollout_percentage": 10 + (now // DAY + number) % 90}]  # fmt: skip
    return {
        "id": 501 + number, "key": f"checkout-{number}", "name": f"Checkout <{number}> & more",
        "active": number % 3 != 0, "deleted": False, "version": 1 + (now - made) // (7 * DAY),
        "filters": {"groups": groups, "multivariate": None, "payloads": {}},
        "created_at": made, "rollout_percentage": None, "ensure_experience_continuity": False,
        "tags": ["checkout"] if number % 2 else [], "experiment_set": [77 + number],
    }  # fmt: skip


def _experiment(flag: dict[str, Any], now: int) -> dict[str, Any]:
    number = flag["id"] - 501
    start, end = flag["created_at"] + DAY, flag["created_at"] + (200 + 50 * number) * DAY
    is_over = end <= now
    return {
        "id": 77 + number, "name": f"Test {number}", "description": "", "type": "product",
        "feature_flag_key": flag["key"], "feature_flag_id": flag["id"], "start_date": start,
        "end_date": end if is_over else None, "created_at": flag["created_at"],
        "updated_at": end if is_over else start, "archived": False, "deleted": False,
        "parameters": {"minimum_detectable_effect": 30}, "filters": {}, "metrics": [],
        "metrics_secondary": [], "saved_metrics": [], "holdout": None, "exposure_criteria": None,
        "stats_config": {"method": "bayesian"}, "conclusion": "won" if is_over else None,
        "conclusion_comment": None,
    }  # fmt: skip
