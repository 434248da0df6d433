"""Mautic's rows as in its API, and with the column names for searches."""

from datetime import UTC, datetime
from typing import Any

from sandbox.mailing import Contact, Mailing, Sent

Row = dict[str, Any]
EDITOR = {"createdByUser": "Augusta King", "modifiedByUser": None, "checkedOutByUser": None}


def contact_rows(mailing: Mailing, now: int) -> list[Row]:
    """Columns of the database (orderBy, where), and what is shown under `_shown`."""
    return [_contact(contact, now) for contact in mailing.contacts(now)]


def points(contact: Contact, now: int) -> int:
    return 5 * sum(at <= now for at in contact.points_at)


def changed_at(contact: Contact, now: int) -> int | None:
    """When the contact changed last."""
    changes = [at for at in (*contact.points_at, contact.left_at) if at is not None and at <= now]
    return max(changes, default=None)


def custom_fields(contact: Contact) -> Row:
    """Fields that the agency added."""
    return {"course_interest": "ccw" if contact.contact_id % 2 else "exp", "b_score": contact.score}


def _contact(contact: Contact, now: int) -> Row:
    has_left = contact.left_at is not None and contact.left_at <= now
    shown: Row = {
        "id": contact.contact_id, "isPublished": True, "dateAdded": iso(contact.joined_at),
        "dateModified": iso(changed_at(contact, now)), **EDITOR,
        "points": points(contact, now), "color": None,
        "lastActive": iso(changed_at(contact, now) or contact.joined_at),
        "dateIdentified": iso(contact.joined_at),
        "owner": {"id": 1, "firstName": "Augusta", "lastName": "King"}, "stage": None,
        "ipAddresses": ["203.0.113.9"], "tags": [{"tag": "lead"}] if contact.score else [],
        "utmtags": None, "frequencyRules": [],
        "doNotContact": [{"id": 1, "reason": 1, "comments": f"{contact.email} asked to stop",
                          "channel": "email", "channelId": None}] if has_left else [],
        "fields": {
            "core": {"email": {"id": "6", "label": "Email", "alias": "email", "type": "email",
                               "group": "core", "object": "lead", "value": contact.email,
                               "normalizedValue": contact.email}},
            "social": [], "personal": [], "professional": [],
            "all": {
                "id": contact.contact_id, "firstname": contact.first_name,
                "lastname": contact.last_name, "email": contact.email, "phone": "+15550100",
                "mobile": None, "address1": "1 Elm Street", "city": contact.city,
                "state": contact.state, "zipcode": contact.zipcode, "country": "United States",
                "company": None, "points": points(contact, now), **custom_fields(contact),
            },
        },
    }  # fmt: skip
    return {
        "id": contact.contact_id, "email": contact.email, "points": shown["points"],
        "date_added": sql(contact.joined_at), "date_modified": sql(changed_at(contact, now)),
        "last_active": sql(changed_at(contact, now) or contact.joined_at), "_shown": shown,
    }  # fmt: skip


def is_own(contact_id: int) -> bool:
    """Whether the contact belongs to the user behind the key."""
    return contact_id % 10 == 0


def has_zero_date(contact_id: int) -> bool:
    """Whether the contact has MySQL's zero date as last change and activity."""
    return contact_id % 20 == 1


def without_date(row: Row) -> Row:
    """A contact whose dates are zero in the database, in the two forms that Mautic gives them."""
    if not has_zero_date(row["id"]):
        return row
    shown = {
        **row["_shown"],
        "dateModified": "-0001-11-30T00:00:00+00:00",
        "lastActive": "0000-00-00 00:00:00",
    }
    return {**row, "_shown": shown}


def email_rows(mailing: Mailing, now: int) -> list[Row]:
    return [
        {
            "id": row["id"], "name": row["name"], "subject": row["subject"],
            "language": row["language"], "category": None, "fromAddress": "news@agency.example",
            "fromName": None, "emailType": row["email_type"], "publishUp": None,
            "publishDown": None, "readCount": row["read_count"], "sentCount": row["sent_count"],
            "revision": row["revision"], "isPublished": row["is_published"], **EDITOR,
            "dateAdded": iso(row["date_added"]), "dateModified": iso(row["date_modified"]),
            "lists": [{"id": 5, "name": "All", "createdByUser": "Augusta King"}],
            "customHtml": "<p>Dear {contactfield=firstname}</p>", "plainText": "Dear reader",
        }
        for row in mailing.emails(now)
    ]  # fmt: skip


def campaign_rows(mailing: Mailing, now: int) -> list[Row]:
    return [
        {
            "id": row["id"], "name": row["name"], "description": row["description"],
            "category": None, "isPublished": row["is_published"], **EDITOR,
            "allowRestart": row["allow_restart"], "publishUp": None, "publishDown": None,
            "dateAdded": iso(row["date_added"]), "dateModified": iso(row["date_modified"]),
            "events": {"7": {"id": 7, "name": "Send", "type": "email.send"}}, "forms": [],
            "lists": {}, "canvasSettings": {"nodes": []},
        }
        for row in mailing.campaigns(now)
    ]  # fmt: skip


def stat_rows(mailing: Mailing, now: int) -> list[Row]:
    """The eighteen columns that the API has of `email_stats`."""
    return [_stat(mailing, sent, now) for sent in mailing.sent_until(now)]


def _stat(mailing: Mailing, sent: Sent, now: int) -> Row:
    opened = [at for at in sent.opened_at if at <= now]
    has_failed = sent.failed_at is not None and sent.failed_at <= now
    return {
        "id": sent.sent_id, "email_id": sent.email_id,
        "lead_id": None if mailing.is_gone(sent, now) else sent.contact_id, "list_id": None,
        "ip_id": 3 if opened else None,
        "email_address": mailing.contact(sent.contact_id - 41).email, "date_sent": sql(sent.at),
        "is_read": int(bool(opened)), "is_failed": int(has_failed), "viewed_in_browser": 0,
        "date_read": sql(opened[0]) if opened else None,
        "tracking_hash": f"{sent.sent_id:022x}", "retry_count": 0, "source": "campaign.event",
        "source_id": 7, "open_count": len(opened),
        "last_opened": sql(opened[-1]) if opened else None,
        "open_details": 'a:1:{i:0;a:1:{s:9:"ipAddress";s:11:"203.0.113.9";}}',
    }  # fmt: skip


def iso(moment: int | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()


def sql(moment: int | None) -> str | None:
    """As in the database: UTC without an offset."""
    return None if moment is None else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}"
