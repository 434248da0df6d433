"""Resend's email API."""

import base64
import binascii
import hashlib
import json
import math
import re
import threading
import uuid
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, jsonify, request

from sandbox.limits import TokenBucket
from sandbox.stage import Message, Stage, per_client

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

KEYS = {"713": "re_sandbox_713", "cti": "re_sandbox_cti"}
# may only send
SENDING_ONLY = {"re_sandbox_sending_only_713": "713", "re_sandbox_sending_only_cti": "cti"}
DOMAIN = "mail.example.org"  # the only verified domain
DOMAINS = {DOMAIN: "verified", "new.example.org": "pending"}
RECIPIENTS = {"713": "owner@example.org,media@example.org", "cti": "coach@example.org"}
ON_CALL = "ops@example.org"  # recipient of the alerts of both clients
REMEMBERED = 24 * 3600
MOST_RECIPIENTS = 50
MOST_BYTES = 40 * 1024 * 1024
_ADDRESS = re.compile(r"^(?:[^<>@]*<)?[^\s<>@]+@[^\s<>@]+\.[^\s<>@.]{2,}>?$")
_TAG = re.compile(r"^[A-Za-z0-9_-]{1,256}$")


class ResendError(Exception):
    """A call that Resend refuses."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name, self.message = status, name, message


_KEY_REUSED = ResendError(
    409, "invalid_idempotent_request", "Same idempotency key used with a different payload"
)
_KEY_IN_FLIGHT = ResendError(
    409, "concurrent_idempotent_requests", "Same idempotency key used in a request under way"
)


class Resend:
    name = "resend"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._bucket = TokenBucket(stage.limit_clock)
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()
        # idempotency key → digest of the payload, id of the message, when
        self._known: dict[str, tuple[str, str, int]] = {}

    def environment(self, base_url: str) -> dict[str, str]:
        return {
            **per_client("RESEND_API_KEY", KEYS),
            **per_client("RESEND_API_URL", dict.fromkeys(KEYS, base_url)),
            **per_client("RESEND_FROM_EMAIL",
                         {client: f"SignalRoom <reports-{client}@{DOMAIN}>" for client in KEYS}),
            **per_client("RESEND_TO_EMAILS", RECIPIENTS),
            **per_client("ALERT_EMAILS", dict.fromkeys(KEYS, ON_CALL)),
        }  # fmt: skip

    def close(self) -> None:
        return

    def app(self, base_url: str) -> "WSGIApplication":
        app = Flask("resend")
        app.before_request(self._guard)
        app.register_error_handler(ResendError, _refused)
        for status, name in ((404, "not_found"), (405, "method_not_allowed")):
            error = ResendError(status, name, "The requested endpoint does not exist")
            app.register_error_handler(status, lambda _, error=error: _refused(error))
        app.add_url_rule("/emails", "send", self._send, methods=["POST"])
        app.add_url_rule("/domains", "domains", self._domains)
        app.add_url_rule("/emails/<email_id>", "read", self._read)
        return app

    def _guard(self) -> Response | None:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not key:
            raise ResendError(401, "missing_api_key", "Missing API Key")
        g.client = SENDING_ONLY.get(key) or next(
            (name for name, known in KEYS.items() if known == key), None
        )
        if g.client is None:
            raise ResendError(403, "invalid_api_key", "API key is invalid")
        if key in SENDING_ONLY and request.endpoint != "send":
            text = "This API key is restricted to only send emails"
            raise ResendError(401, "restricted_api_key", text)
        caps = self._stage.caps
        left = self._bucket.take(key, caps.resend_per_second, caps.resend_burst)
        if left >= 0:
            return None
        wait = max(1, math.ceil(self._stage.limit_clock.real_seconds(1 / caps.resend_per_second)))
        response = _refused(ResendError(429, "rate_limit_exceeded", "Too many requests"))
        response.headers["Retry-After"] = str(wait)
        for name, value in (("limit", caps.resend_burst), ("remaining", 0), ("reset", wait)):
            response.headers[f"Ratelimit-{name.title()}"] = str(value)
        return response

    def _send(self) -> Response:
        payload = request.get_json(silent=True)
        if not isinstance(payload, dict):
            raise ResendError(422, "validation_error", "The request body must be a JSON object")
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return jsonify({"id": self._accept(payload, None)})
        if not 1 <= len(key) <= 256:
            raise ResendError(400, "invalid_idempotency_key", "The key must be 1-256 characters")
        return jsonify({"id": self._accept_once(payload, key)})

    def _accept_once(self, payload: dict[str, Any], key: str) -> str:
        scope = f"{g.client}|{key}"
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        with self._lock:
            known = self._known.get(scope)
            if known is not None and abs(self._stage.now() - known[2]) < REMEMBERED:
                if known[0] != digest:
                    raise _KEY_REUSED
                return known[1]
            if scope in self._in_flight:
                raise _KEY_IN_FLIGHT
            self._in_flight.add(scope)
        try:
            email_id = self._accept(payload, key)
            with self._lock:
                self._known[scope] = (digest, email_id, self._stage.now())
            return email_id
        finally:
            with self._lock:
                self._in_flight.discard(scope)

    def _accept(self, payload: dict[str, Any], key: str | None) -> str:
        _check(payload)
        attachments = tuple(_attachment(row) for row in payload.get("attachments") or [])
        if sum(len(body) for _, body in attachments) * 4 // 3 > MOST_BYTES:
            raise ResendError(422, "invalid_attachment", "Attachments exceed 40 MB")
        number = len(self._stage.mailbox.all("resend"))
        email_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{g.client}|{number}|{self._stage.now()}"))
        self._stage.mailbox.add(
            Message(
                channel="resend", client=g.client, message_id=email_id,
                recipients=tuple(_addresses(payload["to"])), text=str(payload.get("text") or ""),
                payload=payload, key=key, at=self._stage.moment(), attachments=attachments,
            )
        )  # fmt: skip
        return email_id

    def _domains(self) -> Response:
        rows = [
            {"id": f"sandbox-domain-{number}", "name": name, "status": status,
             "region": "us-east-1", "created_at": "2026-01-15 10:00:00+00"}
            for number, (name, status) in enumerate(DOMAINS.items())
        ]  # fmt: skip
        return jsonify(object="list", has_more=False, data=rows)

    def _read(self, email_id: str) -> Response:
        for row in self._stage.mailbox.all("resend"):
            if row.message_id == email_id and row.client == g.client:
                state = {"id": email_id, "object": "email", "last_event": "delivered"}
                return jsonify({**row.payload, **state, "created_at": row.at.isoformat()})
        raise ResendError(404, "not_found", "Email not found")


def _refused(error: ResendError) -> Response:
    response = jsonify(statusCode=error.status, name=error.name, message=error.message)
    response.status_code = error.status
    return response


def _check(payload: dict[str, Any]) -> None:
    for field in ("from", "to", "subject"):
        if not payload.get(field):
            raise ResendError(422, "missing_required_field", f"Missing `{field}` field.")
    if not payload.get("html") and not payload.get("text"):
        raise ResendError(422, "missing_required_field", "Missing `html` or `text` field.")
    sender = str(payload["from"])
    if not _ADDRESS.match(sender):
        raise ResendError(422, "invalid_from_address", "Invalid `from` field.")
    if not sender.rstrip(">").endswith(f"@{DOMAIN}"):
        raise ResendError(403, "validation_error", "The sender's domain is not verified.")
    for field in ("to", "cc", "bcc"):
        addresses = _addresses(payload.get(field) or [])
        if len(addresses) > MOST_RECIPIENTS:
            raise ResendError(422, "validation_error", f"`{field}` takes up to 50 addresses.")
        for address in addresses:
            if not _ADDRESS.match(address):
                raise ResendError(422, "validation_error", f"Invalid `{field}` field.")
    for tag in payload.get("tags") or []:
        if not all(_TAG.match(str(tag.get(part, ""))) for part in ("name", "value")):
            raise ResendError(422, "validation_error", "Tags take ASCII letters, digits, _ and -.")


def _addresses(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(item) for item in _list(value)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _attachment(row: object) -> tuple[str, bytes]:
    """Name and bytes; the content is base64 text or an array of byte values."""
    invalid = ResendError(422, "invalid_attachment", "Attachment must have `content` or `path`.")
    if not isinstance(row, dict) or not row.get("filename"):
        raise invalid
    content = row.get("content")
    try:
        if isinstance(content, list):
            return str(row["filename"]), bytes(content)
        if isinstance(content, str):
            return str(row["filename"]), base64.b64decode(content, validate=True)
    except (ValueError, TypeError, binascii.Error):
        raise invalid from None
    if row.get("path"):
        return str(row["filename"]), b""
    raise invalid
