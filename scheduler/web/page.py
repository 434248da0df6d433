"""The page for people: what ran, what is late, how fresh each number is, what was sent.

Read only, without scripts, in one file: it works on a phone, and under a policy that lets nothing
else in. Every value is escaped by the template.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from scheduler.runs.ledger import Ledger
from scheduler.runs.model import Run
from scheduler.status.status import Status, duration, read_status
from scheduler.status.text import span, when
from scheduler.web.messages import Message, last_reports, message
from signalroom import clock
from signalroom.errors import SignalRoomError
from signalroom.logs import mask

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "page.css").read_text(encoding="utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
}
# What a client's data says stands in a frame of its own that can do nothing.
MAIL_HEADERS = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
}
RUNS_SHOWN = 25
MESSAGES_SHOWN = 12
CHANNELS = {"slack": "Slack", "email": "E-mail", "sms": "SMS"}


def overview() -> str:
    """The page as HTML; what cannot be read now is named on it."""
    status = read_status(1)
    unreadable = list(status.unreadable)
    runs: list[Run] = []
    messages: list[Message] = []
    try:
        with Ledger() as ledger:
            runs = [run for run in ledger.recent(limit=RUNS_SHOWN) if run.status != "due"]
        messages = last_reports(MESSAGES_SHOWN)
    except SignalRoomError as error:
        if not unreadable:
            unreadable.append(mask(str(error)))
    return _fill(
        "page.html.j2",
        status=status,
        unreadable=unreadable,
        worries=_worries(status),
        runs=runs,
        coming=sorted(
            (one for one in status.jobs if one.next_at), key=lambda one: (one.next_at, one.job.name)
        ),
        messages=messages,
        channels=CHANNELS,
    )


def entrance(mistake: str = "") -> str:
    """The page that asks for the token."""
    return _fill("entrance.html.j2", line="", mistake=mistake)


def notice(line: str) -> str:
    """A page of one line."""
    return _fill("entrance.html.j2", line=line, mistake="")


def mail(key: str) -> str | None:
    """The HTML of an e-mail as it was sent; None where there is none of that key."""
    found = message(key)
    return found.html if found and found.html else None


def _worries(status: Status) -> int:
    """How many things deserve a look."""
    letters = status.freshness.letters if status.freshness else ()
    return (
        len(status.overdue)
        + len(status.late_sources)
        + len(status.incidents or ())
        + len(status.failed)
        + len(letters)
        + (status.is_ledger_read and not status.is_alive)
        + len(status.unreadable)
    )


def _fill(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(style=STYLE, **values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(when=when, span=span, words=lambda text: text.replace("_", " "))
    environment.filters["masked"] = lambda text: mask(str(text))
    environment.globals["duration"] = duration
    environment.globals["zone"] = lambda: clock.zone().key
    return environment
