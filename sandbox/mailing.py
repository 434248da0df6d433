"""Mautic's side of the agency: contacts, emails, campaigns, and who opened what.

Contacts join two a day from `FIRST_DAY` on, and 36 emails are sent on each day. Everything
depends only on the seed and the day; instants are epoch seconds.
"""

import random
import threading
from datetime import date, timedelta
from typing import Any, NamedTuple

from sandbox.clock import day_bounds, local_day
from sandbox.traffic import DAY, HOUR, Dice

FIRST_DAY = date(2026, 6, 22)
CONTACTS_A_DAY = 2
SENDINGS, RECIPIENTS = 3, 12  # per day; of each
EMAILS = 12
CAMPAIGNS = 4
_FIRST, _LAST = ("Ana", "Ben", "Chloé", "Dmitri", "Eve", "Farid"), ("O'Neil", "Ng", "Smith")
_CITIES = (("Boston", "MA", "02108"), ("Austin", "TX", "73301"), ("Newark", "NJ", "07102"))


class Contact(NamedTuple):
    contact_id: int
    email: str
    first_name: str
    last_name: str
    city: str
    state: str
    zipcode: str
    score: int | None  # a field that the agency added
    joined_at: int
    points_at: tuple[int, ...]  # five points each time
    left_at: int | None  # when the contact unsubscribed
    removed_at: int | None  # when it was deleted


class Sent(NamedTuple):
    sent_id: int
    email_id: int
    contact_id: int
    at: int
    opened_at: tuple[int, ...]
    failed_at: int | None


class Mailing:
    def __init__(self, dice: Dice, is_empty: bool) -> None:
        self._dice = dice
        self._is_empty = is_empty
        self._lock = threading.Lock()
        self._contacts: dict[int, Contact] = {}
        self._days: dict[date, tuple[Sent, ...]] = {}

    def contacts(self, now: int) -> list[Contact]:
        """The contacts that exist at `now`, by id."""
        every = (self.contact(number) for number in range(self._joined(local_day(now))))
        return [
            row
            for row in every
            if row.joined_at <= now and (row.removed_at is None or now < row.removed_at)
        ]

    def contact(self, number: int) -> Contact:
        with self._lock:
            if number not in self._contacts:
                self._contacts[number] = self._join(number)
            return self._contacts[number]

    def sent(self, day: date) -> tuple[Sent, ...]:
        """The emails of a business day, with all of their present and future opens."""
        with self._lock:
            known = self._days.get(day)
        if known is None:
            known = self._days[day] = self._send(day)
        return known

    def sent_until(self, now: int) -> list[Sent]:
        """Every email since the first day."""
        days = (local_day(now) - FIRST_DAY).days
        every = (self.sent(FIRST_DAY + timedelta(days=number)) for number in range(days + 1))
        return [row for rows in every for row in rows if row.at <= now]

    def is_gone(self, sent: Sent, now: int) -> bool:
        """Whether the contact was deleted since."""
        removed_at = self.contact(sent.contact_id - 41).removed_at
        return removed_at is not None and removed_at <= now

    def emails(self, now: int) -> list[dict[str, Any]]:
        """The emails that can be sent, with their counts as of `now`."""
        if self._is_empty or now < day_bounds(FIRST_DAY)[0]:
            return []
        sent = self.sent_until(now)
        return [_email(number, sent, now) for number in range(EMAILS)]

    def campaigns(self, now: int) -> list[dict[str, Any]]:
        if self._is_empty or now < day_bounds(FIRST_DAY)[0]:
            return []
        start = day_bounds(FIRST_DAY)[0]
        return [
            {"id": 3 + number, "name": f"Welcome {number}", "description": None,
             "is_published": number != 2, "allow_restart": number == 1, "date_added": start,
             "date_modified": start + number * DAY if number else None, "publish_up": None,
             "publish_down": None}
            for number in range(CAMPAIGNS)
        ]  # fmt: skip

    def _joined(self, day: date) -> int:
        days = (day - FIRST_DAY).days + 1
        return 0 if self._is_empty else max(0, days) * CONTACTS_A_DAY

    def _join(self, number: int) -> Contact:
        rng = self._dice.random("contact", number)
        day = FIRST_DAY + timedelta(days=number // CONTACTS_A_DAY)
        at = day_bounds(day)[0] + rng.randrange(7 * HOUR, 22 * HOUR)
        first, last = rng.choice(_FIRST), rng.choice(_LAST)
        city, state, zipcode = rng.choice(_CITIES)
        return Contact(
            contact_id=41 + number,
            email=f"{first}.{last}{number}@mail.example".replace("'", "").replace("é", "e"),
            first_name=first, last_name=last, city=city, state=state, zipcode=zipcode,
            score=rng.choice((None, 0, 40, 85)),
            joined_at=at,
            points_at=tuple(sorted(at + rng.randrange(60 * DAY) for _ in range(rng.randrange(5)))),
            left_at=at + rng.randrange(90 * DAY) if rng.random() < 0.08 else None,
            removed_at=at + rng.randrange(2 * DAY, 120 * DAY) if rng.random() < 0.15 else None,
        )  # fmt: skip

    def _send(self, day: date) -> tuple[Sent, ...]:
        rng = self._dice.random("mailing", day)
        there = self._joined(day)
        start = day_bounds(day)[0]
        first_id = 901 + (day - FIRST_DAY).days * 100
        found: list[Sent] = []
        for sending in range(SENDINGS):
            email = 11 + (day.toordinal() * SENDINGS + sending) % EMAILS
            # the last one is sent late: another day in UTC
            at = start + (8, 13, 22)[sending] * HOUR
            for number in sorted(rng.sample(range(there), min(RECIPIENTS, there))):
                contact = self.contact(number)
                is_there = contact.removed_at is None or contact.removed_at > at
                if contact.joined_at < at and is_there:
                    found.append(_sent(rng, first_id + len(found), email, contact, at))
        return tuple(found)


def _sent(rng: random.Random, sent_id: int, email: int, contact: Contact, at: int) -> Sent:
    at += rng.randrange(600)
    failed = rng.random() < 0.03
    opens = 0 if failed else rng.choice((0, 0, 0, 1, 1, 2, 4))
    waits = [rng.randrange(60, 6 * HOUR) if rng.random() < 0.6 else rng.randrange(HOUR, 28 * DAY)
             for _ in range(opens)]  # fmt: skip
    opened = tuple(sorted(at + wait for wait in waits))
    failed_at = at + rng.randrange(60, 2 * DAY) if failed else None
    return Sent(sent_id, email, contact.contact_id, at, opened, failed_at)


def _email(number: int, sent: list[Sent], now: int) -> dict[str, Any]:
    email_id, start = 11 + number, day_bounds(FIRST_DAY)[0]
    mine = [row for row in sent if row.email_id == email_id]
    return {
        "id": email_id, "name": f"Newsletter {number}", "subject": f"Course news № {number}",
        "language": "en", "email_type": "template" if number % 4 else "list",
        "is_published": True, "date_added": start + number * HOUR,
        "date_modified": start + DAY if number % 2 else None, "publish_up": None,
        "publish_down": None, "sent_count": len(mine), "revision": 1 + number % 3,
        "read_count": sum(any(at <= now for at in row.opened_at) for row in mine),
    }  # fmt: skip
