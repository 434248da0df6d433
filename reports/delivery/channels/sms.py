"""SMS by Twilio: at most once.

After an attempt without an answer the message is looked up and, if it cannot be found, not sent
again: no one gets it twice.
"""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from reports.delivery.channels.http import (
    NOT_REACHED,
    Ambiguous,
    Confirm,
    Later,
    Refused,
    TwilioHttp,
    parse,
    wait_from,
)
from reports.delivery.outbox import Entry
from signalroom.settings import require

NAME = "SMS"
REQUIRED = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER", "TWILIO_TO_NUMBERS")
RECIPIENTS = "TWILIO_TO_NUMBERS"
RESENDS_UNKNOWN = False
SERVICE = re.compile("MG[0-9a-f]{32}")
SUBJECT = re.compile(r"[^:]*?(?:, |: )([^,:]+ [A-Z][a-z]{2} \d{1,2})\.(?:\s|$)")
LOOKED_AT = 100  # number of the newest messages to the recipient


def payload(client_id: str, recipient: str, key: str, content: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the message; a messaging service may replace the number."""
    sender = require("TWILIO_FROM_NUMBER", client_id)
    name = "messaging_service_sid" if SERVICE.fullmatch(sender) else "from_"
    return {"to": recipient, name: sender, "body": content["body"]}


def send(entry: Entry, confirm: Confirm) -> str:
    """Send a stored SMS. Returns Twilio's sid; raises an Outcome."""
    client, http = _client(entry.client_id)
    confirm()
    try:
        return str(client.messages.create(**parse(entry.payload)).sid)
    except _FAILURES as error:
        raise _outcome(error, http) from error


def find(entry: Entry, known: frozenset[str], is_new: bool = False) -> str | None:
    """The sid of a message with our text that belongs to no row of the outbox.

    `is_new`: the outbox has no message to the recipient about this day. Then also one with other
    figures for the same brand and day, because an outbox from a backup may lack messages.
    """
    client, http = _client(entry.client_id)
    body = str(parse(entry.payload)["body"])
    about = subject(body) if is_new else None
    try:
        messages = client.messages.list(to=entry.recipient, limit=LOOKED_AT)
    except _FAILURES as error:
        raise _outcome(error, http) from error
    return next(
        (
            str(one.sid)
            for one in messages
            if one.sid not in known
            and (one.body == body or (about and about == subject(one.body or "")))
        ),
        None,
    )


def subject(body: str) -> str | None:
    """Brand and day from the end of a report's first sentence; None if there are none."""
    found = SUBJECT.match(body)
    return found[1] if found else None


def probe(client_id: str) -> list[str]:
    """Warnings, one line each; raises an Outcome if the account cannot be used."""
    client, http = _client(client_id)
    try:
        account = client.api.v2010.accounts(require("TWILIO_ACCOUNT_SID", client_id)).fetch()
    except _FAILURES as error:
        raise _outcome(error, http) from error
    if str(account.status) != "active":
        raise Refused(f"says that the account is {account.status}")
    if str(account.type) == "Trial":
        return ["it is a trial account, which reaches verified numbers only and adds a sentence"]
    return []


_FAILURES = (TwilioException, httpx.HTTPError, json.JSONDecodeError)


def _client(client_id: str) -> tuple[Client, TwilioHttp]:
    base_url = require("TWILIO_BASE_URL", client_id).rstrip("/")
    http = TwilioHttp(base_url)
    client = Client(
        require("TWILIO_ACCOUNT_SID", client_id),
        require("TWILIO_AUTH_TOKEN", client_id),
        http_client=http,
    )
    client.api.base_url = base_url
    return client, http


def _outcome(error: Exception, http: TwilioHttp) -> Exception:
    if isinstance(error, NOT_REACHED):
        return Later(f"cannot be reached: {error}", 1.0)
    if isinstance(error, httpx.HTTPError) or http.last_status < 400:
        return Ambiguous(f"did not answer: {error or type(error).__name__}")
    if http.last_status == 429:
        return Later("asks to slow down (429)", wait_from(http.last_headers))
    if http.last_status >= 500:
        return Ambiguous(f"failed ({http.last_status})")
    if isinstance(error, TwilioRestException):
        return Refused(f"refused: {error.msg} ({error.code})")
    return Refused(f"refused: {error}")
