"""Email by Resend: exactly once, by an idempotency key that Resend remembers for 24 hours."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import resend
from resend.exceptions import ResendError

from reports.delivery.channels.http import (
    NOT_REACHED,
    Ambiguous,
    Confirm,
    Later,
    Outcome,
    Refused,
    ResendHttp,
    WasThere,
    parse,
    wait_from,
)
from reports.delivery.outbox import Entry
from signalroom import clock
from signalroom.settings import require

NAME = "Email"
REQUIRED = ("RESEND_API_KEY", "RESEND_FROM_EMAIL", "RESEND_TO_EMAILS")
RECIPIENTS = "RESEND_TO_EMAILS"
RESENDS_UNKNOWN = True
KEY_LIFETIME = timedelta(hours=20)  # Resend keeps keys for 24 hours
USED = "invalid_idempotent_request"  # a key that was used with other content
QUOTAS = frozenset({"daily_quota_exceeded", "monthly_quota_exceeded"})


def payload(client_id: str, recipient: str, key: str, content: dict[str, Any]) -> dict[str, Any]:
    """Body of POST /emails, for one recipient; files as reports.messages.attachments has them."""
    files = {"attachments": content["attachments"]} if content.get("attachments") else {}
    return {
        **files,
        "from": require("RESEND_FROM_EMAIL", client_id),
        "to": [recipient],
        "subject": content["subject"],
        "html": content["html"],
        "text": content["text"],
        # Unless it has its own headers, keeps mail clients from grouping days into a thread.
        "headers": content.get("headers") or {"X-Entity-Ref-ID": key},
    }


def send(entry: Entry, confirm: Confirm) -> str:
    """Send a stored email. Returns Resend's id; raises an Outcome."""
    _set_up(entry.client_id)
    body: Any = parse(entry.payload)
    confirm()
    try:
        answer = resend.Emails.send(body, {"idempotency_key": entry.idempotency_key})
    except ResendError as error:
        if error.error_type == USED and entry.number == 1 and entry.report != "alert":
            raise WasThere("has a message of this key with other figures") from error
        raise _outcome(error) from error
    return str(answer["id"])


def find(entry: Entry, known: frozenset[str], is_new: bool = False) -> str | None:
    """None: the same key may be sent again while Resend remembers it."""
    if clock.instant() - entry.created_at > KEY_LIFETIME:
        raise Ambiguous("its idempotency key is too old to be used again")
    return None


def probe(client_id: str) -> list[str]:
    """Warnings, one line each; raises an Outcome if the key cannot be used.

    A key that may only send cannot list the domains: it is valid.
    """
    _set_up(client_id)
    try:
        answer: Any = resend.Domains.list()
    except ResendError as error:
        if error.error_type == "restricted_api_key":
            return []
        raise _outcome(error) from error
    domains = answer.get("data") or [] if isinstance(answer, dict) else []
    verified = {one["name"] for one in domains if one.get("status") == "verified"}
    domain = require("RESEND_FROM_EMAIL", client_id).rpartition("@")[2].rstrip("> ").lower()
    if domain not in verified:
        raise Refused(f"has not verified {domain}, the domain of RESEND_FROM_EMAIL")
    return []


def _set_up(client_id: str) -> None:
    """The SDK keeps its settings in the module; deliveries run sequentially."""
    resend.api_key = require("RESEND_API_KEY", client_id)
    resend.api_url = require("RESEND_API_URL", client_id).rstrip("/")
    resend.default_http_client = ResendHttp()


def _outcome(error: ResendError) -> Exception:
    if isinstance(error.__context__, Outcome):
        return error.__context__  # a redirect
    status = int(error.code) if str(error.code).isdigit() else 500
    name = error.error_type
    if isinstance(error.__context__, NOT_REACHED):
        return Later(f"cannot be reached: {error.__context__}", 1.0)
    if name in QUOTAS:
        return Refused(f"refused: {name}, the quota is used up")
    if status == 429 or name == "concurrent_idempotent_requests":
        return Later(f"asks to slow down ({status})", wait_from(error.headers))
    if status >= 500:
        return Ambiguous(f"failed ({status}): {error.message}")
    return Refused(f"refused: {name}, {error.message}")
