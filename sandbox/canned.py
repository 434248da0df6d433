"""Responses of planned faults in place of the vendor's, in the vendor's format."""

import json
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Response

from sandbox.faults import Fault

_S3_CODES = {429: "SlowDown", 500: "InternalError", 503: "SlowDown", 403: "AccessDenied"}
_RESEND_NAMES = {429: "rate_limit_exceeded", 500: "internal_server_error"}
_POSTHOG_ERRORS = {
    401: ("authentication_error", "authentication_failed"),
    403: ("authentication_error", "permission_denied"),
    429: ("throttled_error", "throttled"),
}
_MAUTIC_TEXTS = {
    401: "The access token provided has expired.",
    429: "You exceeded the rate limit of 100 API calls per hour.",
}
_TEXTS = {
    ("", 429): "rate limit exceeded",
    ("everflow", 401): "No Authentication Method Found",
    ("everflow", 403): "Out Of Realm",
    ("redtrack", 401): "invalid api key",
}
_TWILIO_CODES = {429: 20429, 401: 20003, 404: 20404}


def canned(fault: Fault) -> Response | None:
    """The complete response of this fault; None if the vendor itself must answer."""
    make = _ANSWERS.get(fault.kind)
    return make(fault) if make is not None else None


def _status(fault: Fault, status: int) -> Response:
    if fault.vendor == "s3":
        code = _S3_CODES.get(status, "InternalError")
        return Response(
            f"<Error><Code>{code}</Code><Message>planned fault</Message></Error>", status,
            content_type="application/xml",
        )  # fmt: skip
    response = Response(json.dumps(_body(fault, status)), status, content_type="application/json")
    if fault.retry_after is not None:
        response.headers["Retry-After"] = f"{fault.retry_after:g}"
    return response


def _body(fault: Fault, status: int) -> dict[str, Any]:
    vendor = fault.vendor
    text = _TEXTS.get((vendor, status)) or _TEXTS.get(("", status), "internal error code=8")
    if vendor == "slack":
        return {"ok": False, "error": "ratelimited" if status == 429 else "internal_error"}
    if vendor == "resend":
        name = _RESEND_NAMES.get(status, "application_error")
        return {"statusCode": status, "name": name, "message": text}
    if vendor == "twilio":
        code = _TWILIO_CODES.get(status, 20500)
        return {"code": code, "message": text, "status": status,
                "more_info": f"https://www.twilio.com/docs/errors/{code}"}  # fmt: skip
    if vendor == "posthog":
        return _posthog_body(fault, status, text)
    if vendor == "mautic":
        text = _MAUTIC_TEXTS.get(status, text)
        return {"errors": [{"code": status, "message": text, "details": []}]}
    return {"error": text}


def _posthog_body(fault: Fault, status: int, text: str) -> dict[str, Any]:
    """The wait, if any, is also stated in words."""
    kind, code = _POSTHOG_ERRORS.get(status, ("server_error", "error"))
    if status == 429:
        text = "Request was throttled."
        if fault.retry_after is not None:
            text += f" Expected available in {fault.retry_after:g} seconds."
    return {"type": kind, "code": code, "detail": text, "attr": None}


def _ok_false(fault: Fault) -> Response:
    body = json.dumps(
        {"errors": [{"message": fault.error, "code": 500}]}
        if fault.vendor == "mautic"
        else {"ok": False, "error": fault.error}
    )
    return Response(body, 200, content_type="application/json")


_ANSWERS: dict[str, Callable[[Fault], Response]] = {
    "status": lambda fault: _status(fault, fault.status),
    "status_500": lambda fault: _status(fault, 500),
    "status_429": lambda fault: _status(fault, 429),
    "ok_false": _ok_false,
    "wrong_type": lambda fault: Response(
        "<html><body>Maintenance</body></html>", 200, content_type="text/html"
    ),
    "redirect_foreign": lambda fault: Response("", 302, {"Location": fault.location}),
}
