"""Slack's Web API."""

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, jsonify, request

from sandbox.limits import CallWindow
from sandbox.stage import Message, Stage, per_client
from sandbox.vendors.slack_access import check_form, check_scope, scopes, validated
from sandbox.vendors.slack_blocks import SlackError, content_of, parsed
from sandbox.vendors.slack_files import Files

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

TOKENS = {"713": "xoxb-sandbox-713", "cti": "xoxb-sandbox-cti"}
CHANNELS = {"713": "C0REPORTS713", "cti": "C0REPORTSCTI"}
ALERT_CHANNELS = {"713": "C0ALERTS713", "cti": "C0ALERTSCTI"}
# channels that exist but refuse messages
REFUSING = {"C0ARCHIVED0": "is_archived", "C0NOTMEMBER": "not_in_channel"}


class Slack:
    name = "slack"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._posts = CallWindow(stage.limit_clock)
        self._number = itertools.count(100)
        self._base_url = ""
        self._files = Files(stage, self._number)

    def environment(self, base_url: str) -> dict[str, str]:
        return {
            **per_client("SLACK_BOT_TOKEN", TOKENS),
            **per_client("SLACK_CHANNEL_ID", CHANNELS),
            **per_client("SLACK_ALERT_CHANNEL_ID", ALERT_CHANNELS),
            **per_client("SLACK_BASE_URL", dict.fromkeys(TOKENS, f"{base_url}/api/")),
        }

    def close(self) -> None:
        return

    def app(self, base_url: str) -> "WSGIApplication":
        self._base_url = base_url
        app = Flask("slack")
        app.before_request(self._guard)
        app.after_request(self._scopes)
        app.register_error_handler(SlackError, _refused)
        for method, view in {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "conversations.history": self._history,
            "conversations.info": self._info,
            "blocks.validate": lambda: validated(self._stage.quirks),
            "files.getUploadURLExternal": lambda: self._files.ask(self._base_url),
            "files.info": self._files.info,
            "files.completeUploadExternal": self._complete_upload,
        }.items():
            app.add_url_rule(f"/api/{method}", method, view, methods=["GET", "POST"])
        app.add_url_rule("/upload/<file_id>", "upload", self._files.take, methods=["POST"])
        app.register_error_handler(404, lambda error: _refused(SlackError("unknown_method")))
        return app

    def _guard(self) -> None:
        if request.path.startswith("/upload/"):
            return
        method = request.path.removeprefix("/api/")
        body = request.get_json(silent=True) if request.is_json else None
        g.arguments = body if isinstance(body, dict) else request.values.to_dict()
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = token or str(g.arguments.get("token", ""))
        if not token:
            raise SlackError("not_authed")
        g.client = next((name for name, known in TOKENS.items() if known == token), None)
        if g.client is None:
            raise SlackError("invalid_auth")
        check_form(method, self._stage.quirks)
        check_scope(method, self._stage.quirks)

    def _scopes(self, response: Response) -> Response:
        if g.get("client"):
            response.headers["x-oauth-scopes"] = scopes(self._stage.quirks)
        return response

    def _auth_test(self) -> Response:
        return jsonify(ok=True, url=self._base_url, team="Sandbox", user="signalroom",
                       team_id="T0SANDBOX", user_id="U0SANDBOX", bot_id="B0SANDBOX")  # fmt: skip

    def _post(self) -> Response:
        channel = _channel()
        wait = self._posts.wait(channel, self._stage.caps.slack_per_minute)
        if wait > 0:
            response = jsonify(ok=False, error="ratelimited")
            response.status_code = 429
            real = self._stage.limit_clock.real_seconds(wait)
            response.headers["Retry-After"] = str(max(1, math.ceil(real)))
            return response
        message = self._message(channel, self._content(), f"{next(self._number):06d}")
        self._stage.mailbox.add(message)
        return jsonify(
            ok=True, channel=channel, ts=message.message_id, message=_shown(message, False)
        )

    def _message(self, channel: str, content: dict[str, Any], number: str) -> Message:
        metadata = content.get("metadata")
        payload = metadata.get("event_payload", {}) if isinstance(metadata, dict) else {}
        key = payload.get("key") or payload.get("dedupe_key") or payload.get("idempotency_key")
        return Message(
            channel="slack", client=g.client, message_id=f"{self._stage.now()}.{number}",
            recipients=(channel,), text=content["text"], payload=content,
            key=None if key is None else str(key), at=self._stage.moment(),
        )  # fmt: skip

    def _update(self) -> Response:
        channel = _channel()
        ts = str(g.arguments.get("ts", ""))
        known = self._find(channel, ts)
        if known is None:
            raise SlackError("message_not_found")
        content = {**known.payload, **self._content()}
        message = replace(known, text=content["text"], payload=content)
        self._stage.mailbox.replace(message)
        return jsonify(
            ok=True, channel=channel, ts=ts, text=message.text, message=_shown(message, False)
        )

    def _delete(self) -> Response:
        channel = _channel()
        known = self._find(channel, str(g.arguments.get("ts", "")))
        if known is None:
            raise SlackError("message_not_found")
        self._stage.mailbox.remove(known)
        return jsonify(ok=True, channel=channel, ts=known.message_id)

    def _find(self, channel: str, ts: str) -> Message | None:
        return next(
            (
                row
                for row in self._stage.mailbox.all("slack")
                if row.message_id == ts and row.recipients == (channel,)
            ),
            None,
        )

    def _info(self) -> Response:
        channel = _channel()
        return jsonify(
            ok=True,
            channel={"id": channel, "name": channel.lower(), "is_member": True,
                     "is_archived": False, "is_private": False},
        )  # fmt: skip

    def _history(self) -> Response:
        channel = _channel()
        limit = min(999, int(g.arguments.get("limit") or 100))
        oldest, latest = _moment("oldest", 0.0), _moment("latest", math.inf)
        inclusive = str(g.arguments.get("inclusive", "")).lower() in ("true", "1")
        with_metadata = str(g.arguments.get("include_all_metadata", "")).lower() in ("true", "1")
        found = [
            row
            for row in reversed(self._stage.mailbox.all("slack"))
            if row.recipients == (channel,)
            and (
                oldest < float(row.message_id) < latest
                or (inclusive and float(row.message_id) in (oldest, latest))
            )
        ]
        if g.arguments.get("cursor") == "":  # the first page is requested without one
            raise SlackError("invalid_cursor")
        start = int(g.arguments.get("cursor") or 0)
        page = found[start : start + limit]
        more = start + limit < len(found)
        return jsonify(
            ok=True, messages=[_shown(row, with_metadata) for row in page], has_more=more,
            response_metadata={"next_cursor": str(start + limit) if more else ""},
        )  # fmt: skip

    def _complete_upload(self) -> Response:
        rows = parsed(g.arguments.get("files"))
        attached = tuple(self._files.complete(rows))
        if g.arguments.get("channel_id"):
            channel = _channel("channel_id")
            content = {
                "text": str(g.arguments.get("initial_comment") or ""), "files": rows,
                "thread_ts": g.arguments.get("thread_ts"),
            }  # fmt: skip
            message = self._message(channel, content, f"{next(self._number):06d}")
            self._stage.mailbox.add(replace(message, attachments=attached))
        named = rows if isinstance(rows, list) else []
        return jsonify(
            ok=True, files=[{"id": row["id"], "title": row.get("title", "")} for row in named]
        )

    def _content(self) -> dict[str, Any]:
        quirks = self._stage.quirks
        try:
            content = content_of(g.arguments, quirks.slack_refused_blocks)
        except SlackError as error:
            if error.code != "invalid_blocks" or quirks.slack_refusal == error.code:
                raise
            raise SlackError(quirks.slack_refusal) from None
        self._files.check(content.get("blocks"))
        return content


def _refused(error: SlackError) -> Response:
    body: dict[str, Any] = {"ok": False, "error": error.code} | error.details
    if error.messages:
        body["response_metadata"] = {"messages": error.messages}
    return jsonify(body)


def _channel(name: str = "channel") -> str:
    """The requested channel, if this client's bot may post there."""
    channel = str(g.arguments.get(name, ""))
    if channel in REFUSING:
        raise SlackError(REFUSING[channel])
    if channel not in (CHANNELS[g.client], ALERT_CHANNELS[g.client]):
        raise SlackError("channel_not_found")
    return channel


def _moment(name: str, otherwise: float) -> float:
    try:
        return float(g.arguments.get(name) or otherwise)
    except ValueError:
        raise SlackError(f"invalid_ts_{name}") from None


def _shown(message: Message, with_metadata: bool) -> dict[str, Any]:
    shown = {"type": "message", "user": "U0SANDBOX", "bot_id": "B0SANDBOX",
             "ts": message.message_id, "text": message.text}  # fmt: skip
    for name in ("blocks", "thread_ts", "files") + (("metadata",) if with_metadata else ()):
        if message.payload.get(name):
            shown[name] = message.payload[name]
    return shown
