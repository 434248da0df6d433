"""Which of Slack's methods a token may call, and in which form."""

import re

from flask import Response, g, jsonify, request

from sandbox.quirks import Quirks
from sandbox.vendors.slack_blocks import SlackError, error_of, parsed

# method -> scopes, one of which is needed
SCOPES: dict[str, tuple[str, ...]] = {
    "chat.postMessage": ("chat:write",),
    "chat.update": ("chat:write",),
    "chat.delete": ("chat:write",),
    "conversations.history": ("channels:history", "groups:history"),
    "conversations.replies": ("channels:history", "groups:history"),
    "conversations.info": ("channels:read", "groups:read"),
    "files.getUploadURLExternal": ("files:write",),
    "files.completeUploadExternal": ("files:write",),
    "files.info": ("files:read",),
}
READS = ("conversations.history", "conversations.replies", "conversations.info", "files.info")


def check_form(method: str, quirks: Quirks) -> None:
    """Refuse a JSON body for a read method, if this workspace does."""
    if method in READS and request.is_json and quirks.slack_form_only_reads:
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: channel"])


def check_scope(method: str, quirks: Quirks) -> None:
    """Refuse a method that needs a scope which the token does not have."""
    needed = SCOPES.get(method, ())
    if needed and not quirks.slack_scopes & set(needed):
        raise SlackError("missing_scope", needed=needed[0], provided=scopes(quirks))


def scopes(quirks: Quirks) -> str:
    """The scopes as in the header `x-oauth-scopes`."""
    return ",".join(sorted(quirks.slack_scopes)) if g.get("client") else ""


def validated(quirks: Quirks) -> Response:
    """`blocks.validate`: why a message with these blocks would be refused."""
    asked = {name: parsed(g.arguments[name]) for name in ("blocks", "message", "view")
             if g.arguments.get(name)}  # fmt: skip
    if len(asked) != 1:
        raise SlackError("invalid_arguments")
    [(kind, value)] = asked.items()
    blocks = value.get("blocks") if isinstance(value, dict) else value
    found = error_of(blocks, quirks.slack_refused_blocks)
    if found is None:
        return jsonify(ok=True)
    pattern = re.compile(r"\[ERROR\] (.*?)(?: \[json-pointer:(.*)\])?")
    errors = []
    for text in found[1]:
        match = pattern.fullmatch(text)
        errors.append(
            {
                "code": "failed_constraint",
                "message": match[1] if match else text,
                "pointer": match[2] if match else None,
            }
        )
    return jsonify(ok=False, error=f"invalid_{kind}", errors=errors)
