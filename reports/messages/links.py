"""Links from a message to its subject on the page, if people can reach the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from reports.shared.text import mrkdwn
from signalroom.settings import variable

# kind of an alert -> text of its button, and the place on the page
PLACES = {
    "step_failed": ("See run", "steps/{subject}"),
    "unmapped_spend": ("Map this source", "clients/{client}/#unmapped"),
    "unexplained_change": ("See what changed", "clients/{client}/#changed"),
    "anomaly": ("Open the page", "clients/{client}/"),
    "budget": ("Open the page", "clients/{client}/"),
    "source_late": ("See data freshness", "#fresh"),
    "dead_letters": ("See rejected rows", "#attention"),
    "delivery_failed": ("See messages", "#sent"),
}


@dataclass(frozen=True)
class Link:
    """A place on the page, and the text of a button to it."""

    text: str
    address: str


def page_link(report: Any) -> str:
    """The client's page, at the report's brand; empty without SIGNALROOM_PUBLIC_URL."""
    base = _base()
    if not base:
        return ""
    brand = getattr(report, "brand", "")
    anchor = "".join(letter if letter.isalnum() else "-" for letter in brand.casefold())
    address = f"{base}/clients/{quote(report.client_id)}/"
    return f"{address}#{quote(anchor)}" if anchor else address


def alert_link(kind: str, client_ids: str, subject: str) -> Link | None:
    """The link of an alert of that kind; None without SIGNALROOM_PUBLIC_URL.

    `client_ids` and `subject` may list several: then it is to the first client's page, or to the
    overview.
    """
    base = _base()
    if not base:
        return None
    text, place = PLACES.get(kind, ("Open the page", ""))
    client = client_ids.partition(",")[0]
    if ("{client}" in place and client == "*") or ("{subject}" in place and "," in subject):
        text, place = "Open the page", ""
    filled = place.format(client=quote(client, safe=""), subject=quote(subject, safe=":"))
    return Link(text, f"{base}/{filled}")


def runbook_link(kind: str) -> str:
    """The runbook entry for a kind of alert; empty without SIGNALROOM_PUBLIC_URL."""
    base = _base()
    return f"{base}/runbook#{quote(kind)}" if base else ""


def _base() -> str:
    return (variable("SIGNALROOM_PUBLIC_URL") or "").rstrip("/")


def slack_link(address: str, text: str) -> Markup:
    """A link in Slack's markup; the URL is ours, the text is escaped."""
    target = (
        address.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    )
    return Markup(f"<{target}|{mrkdwn(text)}>")  # noqa: S704 - escaped for Slack
