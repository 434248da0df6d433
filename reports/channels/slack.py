"""Slack: effectively once. A retry first looks for the message's key in the channel's history."""

from __future__ import annotations

import socket
import urllib.error
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from reports.channels.http import TIMEOUT_S, parse, wait_from
from reports.channels.outcome import Ambiguous, Later, Refused
from reports.outbox import Entry
from signalroom.settings import require, variable

NAME = "Slack"
REQUIRED = ("SLACK_BOT_TOKEN", "SLACK_CHANNEL_ID")
RECIPIENTS = "SLACK_CHANNEL_ID"
RESENDS_UNKNOWN = True
EVENT = "signalroom_report"
# Slack's own trouble, after which nobody knows whether the message was posted.
UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
PAGES = 5


def payload(client_id: str, recipient: str, key: str, content: dict[str, Any]) -> dict[str, Any]:
    """Arguments of chat.postMessage, our key in the metadata.

    Content with a timestamp `ts` edits the message of that time: those of chat.update, which keeps
    the metadata as they are.
    """
    if "ts" in content:
        return {**content, "channel": recipient}
    return {
        **content,
        "channel": recipient,
        "metadata": {"event_type": EVENT, "event_payload": {"key": key, "client": client_id}},
        "unfurl_links": False,
        "unfurl_media": False,
    }


def send(entry: Entry) -> str:
    """Post a stored message, or make a stored edit. Returns the timestamp; raises an Outcome."""
    arguments = parse(entry.payload)
    method = "chat.update" if "ts" in arguments else "chat.postMessage"
    answer = _call(entry.client_id, method, arguments)
    return str(answer["ts"])


def find(entry: Entry, known: frozenset[str]) -> str | None:
    """The timestamp of an earlier attempt's message, looked up by key; None: it never arrived.

    An edit may simply be made once more.
    """
    if "ts" in parse(entry.payload):
        return None
    cursor = ""
    for _ in range(PAGES):
        answer = _call(
            entry.client_id,
            "conversations.history",
            {
                "channel": entry.recipient,
                "include_all_metadata": True,
                "limit": 200,
                "cursor": cursor,
            },
        )
        for message in answer.get("messages", []):
            event = (message.get("metadata") or {}).get("event_payload") or {}
            if event.get("key") == entry.dedupe_key and message["ts"] not in known:
                return str(message["ts"])
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return None
    raise Ambiguous(f"the last {PAGES * 200} messages of {entry.recipient} do not tell")


def _call(client_id: str, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
    # No retry handlers: the SDK's own would post again after a lost connection.
    client = WebClient(
        token=require("SLACK_BOT_TOKEN", client_id),
        base_url=variable("SLACK_BASE_URL", client_id) or WebClient.BASE_URL,
        timeout=int(TIMEOUT_S),
        retry_handlers=[],
    )
    try:
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
    return Refused(f"refused: {code}{f' ({details})' if details else ''}")
