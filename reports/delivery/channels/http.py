"""HTTP for all channels: a time limit per attempt, no redirects, distinct kinds of failures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx
from resend.http_client import HTTPClient
from twilio.http import HttpClient
from twilio.http.response import Response as TwilioResponse

from signalroom.errors import ConfigurationError
from signalroom.http_client import http_client, requested_wait_s
from signalroom.settings import user_agent

Confirm = Callable[[], None]  # raises NotOurs where another process has the message


class Outcome(Exception):  # noqa: N818 - an ending, not always an error
    """An attempt without a receipt; `str` is the reason in one line."""


class Refused(Outcome):
    """The provider rejected it permanently: certainly not delivered."""


class Later(Outcome):
    """The provider is busy or unreachable: certainly not delivered; retry after `wait_s`."""

    def __init__(self, reason: str, wait_s: float) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class NotOurs(Outcome):
    """The claim on the message was lost: another process has it now; nothing was sent."""


class WasThere(Outcome):
    """The provider already has this message, perhaps with other figures."""


class Ambiguous(Outcome):
    """No answer, or an unclear one: it may have been delivered."""


TIMEOUT_S = 10.0  # without receiving a byte
# limit for one attempt with all its requests; the claim on a message lasts far longer
ATTEMPT_S = 45.0
PART = 65_536
DECODED = ("content-encoding", "content-length", "transfer-encoding")
_ends_at: ContextVar[float] = ContextVar("ends_at")


@contextmanager
def one_attempt() -> Iterator[None]:
    """Everything inside is one attempt: its requests together take at most ATTEMPT_S."""
    token = _ends_at.set(time.monotonic() + ATTEMPT_S)
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left() -> float:
    """Seconds that the attempt has left."""
    return _ends_at.get(time.monotonic() + ATTEMPT_S) - time.monotonic()


def exchange(method: str, url: str | httpx.URL, **request: Any) -> httpx.Response:
    """One request and its complete response, within the attempt's time; no redirect is followed.

    `content` is streamed. Raises httpx errors, of which NOT_REACHED mean that nothing was sent, and
    Refused or Ambiguous for a redirect: a token is only sent to the configured address.
    """
    left = seconds_left()
    if left <= 0:
        raise httpx.ConnectTimeout("no time is left for this attempt")
    auth = request.pop("auth", None)
    if isinstance(request.get("content"), bytes):
        body = request["content"]
        request["headers"] = {**(request.get("headers") or {}), "Content-Length": str(len(body))}
        request["content"] = _parts(body)
    try:
        client = http_client(
            timeout=min(TIMEOUT_S, left),
            auth=auth,
            follow_redirects=False,
            headers={"User-Agent": user_agent()},
        )
    except ConfigurationError as error:  # nothing has left
        raise httpx.UnsupportedProtocol(str(error)) from None
    with client, client.stream(method, url, **request) as answer:
        parts = []
        for part in answer.iter_bytes():
            parts.append(part)
            if seconds_left() <= 0:
                raise httpx.ReadTimeout("the answer takes too long")
        kept = [(name, value) for name, value in answer.headers.items() if name not in DECODED]
        found = httpx.Response(answer.status_code, headers=kept, content=b"".join(parts))
    if 300 <= found.status_code < 400:
        where = found.headers.get("location", "nowhere")
        host = httpx.URL(where).host if "://" in where else where
        said = (
            f"redirects to {host} ({found.status_code}), which is not followed: check its address"
        )
        raise Ambiguous(said) if found.status_code == 303 else Refused(said)
    return found


def _parts(body: bytes) -> Iterator[bytes]:
    for at in range(0, len(body), PART):
        if seconds_left() <= 0:
            raise httpx.WriteTimeout("the file takes too long")
        yield body[at : at + PART]


NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)


def wait_from(headers: Mapping[str, str] | None, default: float = 1.0) -> float:
    """Seconds in a response's `Retry-After`."""
    value = next(
        (text for name, text in (headers or {}).items() if name.lower() == "retry-after"), ""
    )
    return requested_wait_s(value) or default


class ResendHttp(HTTPClient):
    """The transport of resend's SDK."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: dict[str, object] | list[object] | None = None,
        files: dict[str, Any] | None = None,
        data: dict[str, str] | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One request; raises httpx errors, which the SDK wraps."""
        answer = exchange(method, url, headers=headers, json=json, files=files, data=data)
        return answer.content, answer.status_code, dict(answer.headers)


class TwilioHttp(HttpClient):  # type: ignore[misc]
    """The transport of twilio's SDK; keeps the last answer's headers, which the SDK drops."""

    def __init__(self, base_url: str) -> None:
        self._base = httpx.URL(base_url)
        self.last_headers: dict[str, str] = {}
        self.last_status = 0  # the SDK drops it if a list cannot be read

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> TwilioResponse:
        """One request, always to the configured host; raises httpx errors."""
        url = httpx.URL(uri).copy_with(
            scheme=self._base.scheme, host=self._base.host, port=self._base.port
        )
        answer = exchange(method, url, params=params, data=data, headers=headers, auth=auth)
        self.last_headers, self.last_status = dict(answer.headers), answer.status_code
        return TwilioResponse(answer.status_code, answer.text, answer.headers)


def parse(payload: str) -> dict[str, Any]:
    """A stored payload."""
    content: dict[str, Any] = json.loads(payload)
    return content
