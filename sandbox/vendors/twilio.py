"""Twilio's messaging API."""

import base64
import binascii
import hashlib
import re
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Flask, Response, g, jsonify, request

from sandbox.stage import Message, Stage, per_client

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ACCOUNTS = {
    "713": "AC00000000000000000000000000000713",  # pragma: allowlist secret
    "cti": "AC0000000000000000000000000000c710",  # pragma: allowlist secret
}
TOKENS = {"713": "sandbox-twilio-token-713", "cti": "sandbox-twilio-token-cti"}
SENDERS = {"713": "+12025550113", "cti": "+12025550171"}
RECIPIENTS = {"713": "+12025550121,+12025550122", "cti": "+12025550131"}
ON_CALL = "+12025550141"  # recipient of the alerts of both clients
LONGEST_BODY = 1600
TRIAL_SENTENCE = "Sent from your Twilio trial account - "
DELIVERED_AFTER = 20  # simulated seconds

# recipients that Twilio refuses, from its own test numbers
_REFUSED = {
    "+15005550001": (21211, "Invalid 'To' Phone Number"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}
_NUMBER = re.compile(r"^\+[1-9]\d{7,14}$")
_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE = set("^{}\\[~]|€\f")


class TwilioError(Exception):
    """A call that Twilio refuses."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Twilio:
    name = "twilio"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def environment(self, base_url: str) -> dict[str, str]:
        return {
            **per_client("TWILIO_ACCOUNT_SID", ACCOUNTS),
            **per_client("TWILIO_AUTH_TOKEN", TOKENS),
            **per_client("TWILIO_FROM_NUMBER", SENDERS),
            **per_client("TWILIO_TO_NUMBERS", RECIPIENTS),
            **per_client("ALERT_NUMBERS", dict.fromkeys(ACCOUNTS, ON_CALL)),
            **per_client("TWILIO_BASE_URL", dict.fromkeys(ACCOUNTS, base_url)),
        }

    def close(self) -> None:
        return

    def app(self, base_url: str) -> "WSGIApplication":
        app = Flask("twilio")
        app.register_error_handler(TwilioError, _refused)
        app.register_error_handler(
            404, lambda error: _refused(TwilioError(20404, "Resource not found", 404))
        )
        app.add_url_rule("/2010-04-01/Accounts/<account>.json", "account", self._account)
        root = "/2010-04-01/Accounts/<account>/Messages"
        app.add_url_rule(f"{root}.json", "create", self._create, methods=["POST"])
        app.add_url_rule(f"{root}.json", "list", self._listed, methods=["GET"])
        app.add_url_rule(f"{root}/<sid>.json", "fetch", self._fetch, methods=["GET"])
        return app

    def _account(self, account: str) -> Response:
        _authenticate(account)
        kind = "Trial" if self._stage.quirks.twilio_trial else "Full"
        return jsonify(
            sid=account, friendly_name=f"Sandbox {g.client}", status="active", type=kind,
            owner_account_sid=account, date_created="Thu, 15 Jan 2026 10:00:00 +0000",
            date_updated="Thu, 15 Jan 2026 10:00:00 +0000",
            uri=f"/2010-04-01/Accounts/{account}.json",
        )  # fmt: skip

    def _create(self, account: str) -> tuple[Response, int]:
        _authenticate(account)
        to, body = request.form.get("To", ""), request.form.get("Body", "")
        sender = request.form.get("From", "")
        if not to:
            raise TwilioError(21604, "A 'To' phone number is required")
        if not body and not request.form.getlist("MediaUrl"):
            raise TwilioError(21602, "Message body is required")
        if not sender and not request.form.get("MessagingServiceSid"):
            raise TwilioError(21603, "A 'From' phone number is required")
        if sender and sender != SENDERS[g.client]:
            raise TwilioError(21606, f"The 'From' phone number {sender} is not valid")
        if not _NUMBER.match(to):
            raise TwilioError(21211, f"Invalid 'To' Phone Number: {to}")
        if to in _REFUSED:
            raise TwilioError(*_REFUSED[to])
        if len(body) > LONGEST_BODY:
            raise TwilioError(21617, "The concatenated message body exceeds the 1600 limit")
        if self._stage.quirks.twilio_trial:
            body = TRIAL_SENTENCE + body
        number = len(self._stage.mailbox.all("twilio"))
        digest = hashlib.sha256(f"{account}|{number}|{self._stage.now()}".encode()).hexdigest()
        message = Message(
            channel="twilio", client=g.client, message_id=f"SM{digest[:32]}", recipients=(to,),
            text=body, payload=request.form.to_dict(), key=None, at=self._stage.moment(),
        )  # fmt: skip
        self._stage.mailbox.add(message)
        return jsonify(self._shown(message, account)), 201

    def _listed(self, account: str) -> Response:
        _authenticate(account)
        found = [row for row in reversed(self._own()) if self._wanted(row)]
        size = min(1000, int(request.args.get("PageSize", 50)))
        page = int(request.args.get("Page", 0))
        path = f"/2010-04-01/Accounts/{account}/Messages.json"
        more = (page + 1) * size < len(found)
        asked = request.args.to_dict() | {"PageSize": str(size), "Page": str(page + 1)}
        following = f"{path}?{urlencode(asked)}" if more else None
        rows = found[page * size : (page + 1) * size]
        return jsonify(
            messages=[self._shown(row, account) for row in rows], page=page, page_size=size,
            start=page * size, end=page * size + len(rows) - 1, uri=path,
            first_page_uri=f"{path}?PageSize={size}&Page=0", previous_page_uri=None,
            next_page_uri=following,
        )  # fmt: skip

    def _wanted(self, message: Message) -> bool:
        """Filters of the list call; a date means that day in UTC."""
        sent = message.at.date().isoformat()
        return (
            request.args.get("To", message.recipients[0]) == message.recipients[0]
            and request.args.get("From", SENDERS[g.client]) == message.payload.get("From")
            and request.args.get("DateSent", sent)[:10] == sent
            and request.args.get("DateSent>", sent)[:10] <= sent
            and request.args.get("DateSent<", sent)[:10] >= sent
        )

    def _fetch(self, account: str, sid: str) -> Response:
        _authenticate(account)
        for row in self._own():
            if row.message_id == sid:
                return jsonify(self._shown(row, account))
        raise TwilioError(20404, f"The requested resource {request.path} was not found", 404)

    def _own(self) -> list[Message]:
        return [row for row in self._stage.mailbox.all("twilio") if row.client == g.client]

    def _shown(self, message: Message, account: str) -> dict[str, Any]:
        age = (self._stage.moment() - message.at).total_seconds()
        is_over = age >= DELIVERED_AFTER
        failed = is_over and self._stage.quirks.twilio_unregistered
        delivered = is_over and not failed
        service = message.payload.get("MessagingServiceSid")
        moment = format_datetime(message.at)
        uri = f"/2010-04-01/Accounts/{account}/Messages/{message.message_id}"
        pending = "accepted" if service else "queued"
        status = "undelivered" if failed else "delivered" if delivered else pending
        return {
            "sid": message.message_id, "account_sid": account, "messaging_service_sid": service,
            "to": message.recipients[0], "from": message.payload.get("From"),
            "body": message.text, "status": status,
            "direction": "outbound-api",
            "num_segments": str(0 if service and not delivered else segments(message.text)),
            "num_media": "0", "price": "-0.00790" if delivered else None, "price_unit": "USD",
            "error_code": 30034 if failed else None,
            "error_message": "Message from an unregistered number" if failed else None,
            "api_version": "2010-04-01",
            "date_created": moment, "date_updated": moment,
            "date_sent": moment if delivered else None, "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }  # fmt: skip


def segments(text: str) -> int:
    """Number of segments of a text: GSM-7 160 (153 each if split), else UCS-2 70 (67)."""
    if all(letter in _GSM or letter in _GSM_DOUBLE for letter in text):
        length = len(text) + sum(letter in _GSM_DOUBLE for letter in text)
        return 1 if length <= 160 else -(-length // 153)
    length = len(text.encode("utf-16-be")) // 2
    return 1 if length <= 70 else -(-length // 67)


def _authenticate(account: str) -> None:
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        sid, _, token = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        sid = token = ""
    g.client = next((name for name, known in ACCOUNTS.items() if known == sid), None)
    known = kind == "Basic" and g.client is not None and TOKENS[g.client] == token
    if not known or account != sid:
        raise TwilioError(20003, "Authenticate", 401)


def _refused(error: TwilioError) -> Response:
    response = jsonify(
        code=error.code, message=error.message, status=error.status,
        more_info=f"https://www.twilio.com/docs/errors/{error.code}",
    )  # fmt: skip
    response.status_code = error.status
    return response
