"""Calls of Slack's methods, and how each can end."""

from __future__ import annotations

import socket
import urllib.error
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from reports.channels.outcome import Ambiguous, Later, Refused
from reports.delivery.channels import http
from reports.delivery.channels.http import wait_from
from signalroom.settings import require, variable

# Slack's own trouble, after which nobody knows whether the message was posted.
UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


class Declined(Refused):
    """Slack said `ok: false`; `code` is its name for the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def call(
    client_id: str, method: str, arguments: dict[str, Any], as_form: bool = False
) -> dict[str, Any]:
    """A method's answer; raises an Outcome. The methods for files take forms only."""
    # No retry handlers: the SDK's own would post again after a lost connection.
    client = WebClient(
        token=require("SLACK_BOT_TOKEN", client_id),
        base_url=variable("SLACK_BASE_URL", client_id) or WebClient.BASE_URL,
        timeout=int(http.TIMEOUT_S),
        retry_handlers=[],
    )
    try:
        if as_form:
            answer = client.api_call(method, data=arguments)
        else:
            answer = client.api_call(method, json=arguments)
    except SlackApiError as error:
        raise _outcome(error) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, (ConnectionRefusedError, socket.gaierror)):
            raise Later(f"cannot be reached: {error.reason}", 1.0) from error
        raise Ambiguous(f"did not answer: {error.reason}") from error
    except (OSError, HTTPException, SlackClientError, ValueError) as error:
        raise Ambiguous(f"did not answer: {error or type(error).__name__}") from error
    data = answer.data
    if not isinstance(data, dict):
        raise Ambiguous("answered with something else than JSON")
    return data


def _outcome(error: SlackApiError) -> Exception:
    response: Any = error.response
    status = getattr(response, "status_code", 0)
    code = response.get("error") if isinstance(getattr(response, "data", None), dict) else None
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return Later("asks to slow down (429)", wait_from(getattr(response, "headers", None)))
    if status >= 500 or code in UNSURE or code is None:
        return Ambiguous(f"failed ({status or 'no JSON'})")
    details = "; ".join((response.get("response_metadata") or {}).get("messages", []))
    return Declined(code, f"refused: {code}{f' ({details})' if details else ''}")
