"""Mautic: its tables' columns, with the vendor's field and the type of each."""

from ingest.columns import COUNT_TYPE, DATE_TYPE, FLAG_TYPE, INSTANT_TYPE, TEXT_TYPE, Field, Shape

_EDITED = {
    "is_published": Field("isPublished", FLAG_TYPE),
    "date_added": Field("dateAdded", INSTANT_TYPE),
    "date_modified": Field("dateModified", INSTANT_TYPE),
}
_PUBLISHED = {
    "publish_up": Field("publishUp", INSTANT_TYPE),
    "publish_down": Field("publishDown", INSTANT_TYPE),
}
# Mautic's standard contact fields; the agency's are kept together in `custom_fields`.
CONTACT_TEXTS = (
    "email", "title", "firstname", "lastname", "company", "position", "phone", "mobile", "fax",
    "address1", "address2", "city", "state", "zipcode", "country", "timezone", "preferred_locale",
)  # fmt: skip
CONTACTS = Shape(
    fields={
        "id": Field("id", COUNT_TYPE),
        **_EDITED,
        "date_identified": Field("dateIdentified", INSTANT_TYPE),
        "last_active": Field("lastActive", INSTANT_TYPE),
        "points": Field("points", COUNT_TYPE),
        **{name: Field(f"fields.all.{name}", TEXT_TYPE) for name in CONTACT_TEXTS},
    },
    documents={
        "custom_fields": "customFields",
        "tags": "tags",
        "do_not_contact": "doNotContact",
        "stage": "stage",
    },
    skipped=("color", "frequencyRules", "utmtags"),
)
EMAILS = Shape(
    fields={
        "id": Field("id", COUNT_TYPE),
        "name": Field("name", TEXT_TYPE),
        "subject": Field("subject", TEXT_TYPE),
        "language": Field("language", TEXT_TYPE),
        "email_type": Field("emailType", TEXT_TYPE),
        "from_name": Field("fromName", TEXT_TYPE),
        "from_address": Field("fromAddress", TEXT_TYPE),
        **_EDITED,
        **_PUBLISHED,
        "read_count": Field("readCount", COUNT_TYPE),
        "sent_count": Field("sentCount", COUNT_TYPE),
        "revision": Field("revision", COUNT_TYPE),
    },
    documents={"category": "category", "lists": "lists"},
    skipped=("customHtml", "plainText"),
)
CAMPAIGNS = Shape(
    fields={
        "id": Field("id", COUNT_TYPE),
        "name": Field("name", TEXT_TYPE),
        "description": Field("description", TEXT_TYPE),
        "allow_restart": Field("allowRestart", FLAG_TYPE),
        **_EDITED,
        **_PUBLISHED,
    },
    documents={"category": "category", "events": "events", "forms": "forms", "lists": "lists"},
    skipped=("canvasSettings",),
)
LISTS = {"contacts": CONTACTS, "emails": EMAILS, "campaigns": CAMPAIGNS}
LIST_CONTROLLED = {"emails": ("sent_count", "read_count")}

EMAIL_STATS = Shape(
    fields={
        **{name: Field(name, COUNT_TYPE) for name in ("id", "email_id", "lead_id", "list_id")},
        "ip_id": Field("ip_id", COUNT_TYPE),
        "email_address": Field("email_address", TEXT_TYPE),
        "date_sent": Field("date_sent", INSTANT_TYPE),
        **{name: Field(name, FLAG_TYPE) for name in ("is_read", "is_failed", "viewed_in_browser")},
        "date_read": Field("date_read", INSTANT_TYPE),
        "tracking_hash": Field("tracking_hash", TEXT_TYPE),
        "retry_count": Field("retry_count", COUNT_TYPE),
        "source": Field("source", TEXT_TYPE),
        "source_id": Field("source_id", COUNT_TYPE),
        "open_count": Field("open_count", COUNT_TYPE),
        "last_opened": Field("last_opened", INSTANT_TYPE),
    },
)
DAY_COLUMN = {"date": DATE_TYPE}
STATS_CONTROLLED = ("open_count",)
STATS_REQUIRED = ("is_read", "is_failed", *STATS_CONTROLLED)
