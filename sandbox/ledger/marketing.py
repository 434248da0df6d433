"""Tables of PostHog and Mautic: each event, contact and email as known at an instant.

`distinct_id` and `email` are as at the vendor; other personal data, which must not be kept, is left
out. JSON columns are text with their keys in order.
"""

import json
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from sandbox.clock import day_bounds, local_day
from sandbox.ledger.rows import Row
from sandbox.mailing import Contact, Mailing, Sent
from sandbox.quirks import Quirks
from sandbox.vendors.mautic_rows import (
    changed_at,
    custom_fields,
    has_zero_date,
    is_own,
    points,
)
from sandbox.visits import MICRO, Event, Visits
from sandbox.world import World


class MarketingTruth:
    """The part of the truth about visitors, contacts and emails."""

    marketing_tables = (
        "posthog_events", "posthog_feature_flags", "posthog_experiments", "mautic_contacts",
        "mautic_emails", "mautic_campaigns", "mautic_email_stats",
    )  # fmt: skip

    def __init__(self, world: World, client: str, days: list[date], now: int) -> None:
        self.client = client
        self.days = days
        self._now = now
        self._quirks = world.quirks
        self._visits, self._mailing = world.visits, world.mailing

    @cached_property
    def posthog_events(self) -> list[Row]:
        """`posthog.events`"""
        return events(self._visits, self.client, self.days, self._now)

    @cached_property
    def posthog_feature_flags(self) -> list[Row]:
        """`posthog.feature_flags`"""
        return feature_flags(self._visits, self.client, self._now)

    @cached_property
    def posthog_experiments(self) -> list[Row]:
        """`posthog.experiments`"""
        return experiments(self._visits, self.client, self._now)

    @cached_property
    def mautic_contacts(self) -> list[Row]:
        """`mautic.contacts`"""
        return contacts(self._mailing, self.client, self._now, self._quirks)

    @cached_property
    def mautic_emails(self) -> list[Row]:
        """`mautic.emails`"""
        return emails(self._mailing, self.client, self._now)

    @cached_property
    def mautic_campaigns(self) -> list[Row]:
        """`mautic.campaigns`"""
        return campaigns(self._mailing, self.client, self._now)

    @cached_property
    def mautic_email_stats(self) -> list[Row]:
        """`mautic.email_stats`"""
        return email_stats(self._mailing, self.client, self.days, self._now)


def events(visits: Visits, client: str, days: list[date], now: int) -> list[Row]:
    """`posthog.events`; `email` is the person's, if PostHog has identified them."""
    return [
        _event(client, event, day)
        for day in days
        for event in visits.day(client, day)
        if event.known_at <= now * MICRO
    ]


def _event(client: str, event: Event, day: date) -> Row:
    properties: dict[str, Any] = {**event.properties}
    if event.email:
        properties["$set"] = {"plan": "basic"}
    return {
        "_client_id": client, "date": day, "uuid": event.uuid, "event": event.name,
        "timestamp": _micro(event.at), "created_at": _micro(event.known_at),
        "distinct_id": event.distinct_id, "properties": _json(properties), "email": event.email,
    }  # fmt: skip


def feature_flags(visits: Visits, client: str, now: int) -> list[Row]:
    return [
        {"_client_id": client} | _list_row(flag, ("created_at",), ())
        for flag in visits.flags(client, now)
    ]


def experiments(visits: Visits, client: str, now: int) -> list[Row]:
    dates = ("created_at", "updated_at", "start_date", "end_date")
    return [
        {"_client_id": client} | _list_row(row, dates, ("description",))
        for row in visits.experiments(client, now)
    ]


def _list_row(row: dict[str, Any], dates: tuple[str, ...], blank: tuple[str, ...]) -> Row:
    found: Row = {}
    for name, value in row.items():
        if name in dates:
            found[name] = _at(value)
        elif isinstance(value, (dict, list)):
            found[name] = _json(value)
        else:
            found[name] = None if name in blank and not value else value
    return found


def contacts(mailing: Mailing, client: str, now: int, quirks: Quirks) -> list[Row]:
    """`mautic.contacts`: those visible to the key; a zero date is not a date"""
    if client != "713":
        return []
    found = [
        _contact(client, row, now)
        for row in mailing.contacts(now)
        if is_own(row.contact_id) or not quirks.mautic_own_contacts_only
    ]
    if quirks.mautic_zero_dates:
        nothing = {"date_modified": None, "last_active": None}
        found = [row | nothing if has_zero_date(int(str(row["id"]))) else row for row in found]
    return found


def _contact(client: str, contact: Contact, now: int) -> Row:
    return {
        "_client_id": client, "id": contact.contact_id, "is_published": True,
        "date_added": _at(contact.joined_at), "date_modified": _at(changed_at(contact, now)),
        "date_identified": _at(contact.joined_at),
        "last_active": _at(changed_at(contact, now) or contact.joined_at),
        "points": points(contact, now), "email": contact.email, "company": None,
        "city": contact.city, "state": contact.state, "zipcode": contact.zipcode,
        "country": "United States", "custom_fields": _json(custom_fields(contact)),
        "tags": _json([{"tag": "lead"}] if contact.score else []),
        "is_unsubscribed": contact.left_at is not None and contact.left_at <= now,
    }  # fmt: skip


def emails(mailing: Mailing, client: str, now: int) -> list[Row]:
    """`mautic.emails`"""
    return _published(client, mailing.emails(now))


def campaigns(mailing: Mailing, client: str, now: int) -> list[Row]:
    """`mautic.campaigns`"""
    return _published(client, mailing.campaigns(now))


def _published(client: str, rows: list[dict[str, Any]]) -> list[Row]:
    if client != "713":
        return []
    dates = ("date_added", "date_modified")
    return [{"_client_id": client} | row | {name: _at(row[name]) for name in dates} for row in rows]


def email_stats(mailing: Mailing, client: str, days: list[date], now: int) -> list[Row]:
    """`mautic.email_stats`, by the business day of sending"""
    if client != "713":
        return []
    wanted = set(days)
    start = day_bounds(days[0])[0]
    return [
        _stat(mailing, client, sent, now)
        for sent in mailing.sent_until(now)
        if sent.at >= start and local_day(sent.at) in wanted
    ]


def _stat(mailing: Mailing, client: str, sent: Sent, now: int) -> Row:
    opened = [at for at in sent.opened_at if at <= now]
    return {
        "_client_id": client, "date": local_day(sent.at), "id": sent.sent_id,
        "email_id": sent.email_id,
        "lead_id": None if mailing.is_gone(sent, now) else sent.contact_id, "list_id": None,
        "email_address": mailing.contact(sent.contact_id - 41).email, "date_sent": _at(sent.at),
        "is_read": bool(opened),
        "is_failed": sent.failed_at is not None and sent.failed_at <= now,
        "viewed_in_browser": False, "date_read": _at(opened[0]) if opened else None,
        "retry_count": 0, "source": "campaign.event", "source_id": 7, "open_count": len(opened),
        "last_opened": _at(opened[-1]) if opened else None,
    }  # fmt: skip


def _at(moment: int | None) -> datetime | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC)


def _micro(moment: int) -> datetime:
    return datetime.fromtimestamp(moment // MICRO, UTC).replace(microsecond=moment % MICRO)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
