"""HTTP for the clients of Resend and Twilio: bounded in time, no redirects, failures told apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
from resend.http_client import HTTPClient
from twilio.http import HttpClient
from twilio.http.response import Response as TwilioResponse

from signalroom.settings import user_agent


class Outcome(Exception):  # noqa: N818 - an ending, not always an error
    """An attempt without a receipt; `str` is the reason in one line."""


class Refused(Outcome):
    """The provider said no, and will say so again: certainly not delivered."""


class Later(Outcome):
    """The provider is busy or away: certainly not delivered; ask again after `wait_s`."""

    def __init__(self, reason: str, wait_s: float) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Ambiguous(Outcome):
    """No answer, or none that says: it may have been delivered."""


TIMEOUT_S = 10.0
NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)


def wait_from(headers: Mapping[str, str] | None, default: float = 1.0) -> float:
    """Seconds that an answer's `Retry-After` asks for."""
    value = next(
        (text for name, text in (headers or {}).items() if name.lower() == "retry-after"), ""
    )
    try:
        return max(0.0, float(value))
    except ValueError:
        return default


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
        with httpx.Client(timeout=TIMEOUT_S, headers={"User-Agent": user_agent()}) as client:
            answer = client.request(method, url, headers=headers, json=json, files=files, data=data)
        return answer.content, answer.status_code, dict(answer.headers)


class TwilioHttp(HttpClient):  # type: ignore[misc]
    """The transport of twilio's SDK; keeps the last answer's headers, which the SDK drops."""

    def __init__(self, base_url: str) -> None:
        self._base = httpx.URL(base_url)
        self.last_headers: dict[str, str] = {}

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
        with httpx.Client(timeout=timeout or TIMEOUT_S, auth=auth) as client:
            answer = client.request(method, url, params=params, data=data, headers=headers)
        self.last_headers = dict(answer.headers)
        return TwilioResponse(answer.status_code, answer.text, answer.headers)


def parse(payload: str) -> dict[str, Any]:
    """A stored payload."""
    content: dict[str, Any] = json.loads(payload)
    return content
