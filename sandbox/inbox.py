"""A page that shows what the messaging vendors accepted: Slack, email and text messages."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import Any

from sandbox.clock import BUSINESS_ZONE
from sandbox.stage import Message

NAMES = {"slack": "Slack", "resend": "Email", "twilio": "SMS"}
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }
.badge { background: #b45309; color: #fff; border-radius: .25rem; padding: 0 .4rem; }
details { border: 1px solid #8888; border-radius: .5rem; margin: .5rem 0; padding: .5rem .75rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
iframe { width: 100%; height: 34rem; border: 0; background: #fff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
"""
# Reloaded periodically, unless a message is open.
_SCRIPT = """
setInterval(() => { if (!document.querySelector("details[open]")) location.reload(); }, 4000);
"""


def inbox_page(messages: Sequence[Message], now: datetime) -> str:
    """HTML of all messages, the newest first; emails as sent, without scripts."""
    rows = "".join(_row(message) for message in reversed(messages))
    return (
        "<!doctype html><html lang='en-US'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Inbox (simulated)</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>Inbox <span class='badge'>SIMULATED</span></h1>"
        f"<p>{len(messages)} messages. Business time {_time(now)}.</p>"
        f"{rows or '<p>Nothing was sent yet.</p>'}</main><script>{_SCRIPT}</script></body></html>"
    )


def title_of(message: Message) -> str:
    """One line that summarizes a message."""
    text = str(message.payload.get("subject") or message.text).strip()
    return text.splitlines()[0] if text else "(no text)"


def _row(message: Message) -> str:
    head = (
        f"{_time(message.at)} · {NAMES[message.channel]} · {escape(message.client)} · "
        f"{escape(', '.join(message.recipients))}<br><strong>{escape(title_of(message))}</strong>"
    )
    html = message.payload.get("html")
    if html:
        body = f"<iframe sandbox title='Message' srcdoc='{escape(str(html))}'></iframe>"
    else:
        text = "\n\n".join(dict.fromkeys([message.text, *_texts(message.payload.get("blocks"))]))
        body = f"<pre>{escape(text)}</pre>"
    return f"<details><summary>{head}</summary>{body}</details>"


def _texts(value: Any) -> Iterator[str]:
    """Every text in Slack's blocks, in their order."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _time(moment: datetime) -> str:
    local = moment.astimezone(BUSINESS_ZONE)
    return f"{local:%b} {local.day}, {local:%I:%M %p}".replace(" 0", " ")
