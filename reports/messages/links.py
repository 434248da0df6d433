"""Links: from a message to what it is about, where people can reach the page."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from reports.messages.text import mrkdwn
from signalroom.settings import variable


def page_link(report: Any) -> str:
    """The client's page, at the report's brand; empty without SIGNALROOM_PUBLIC_URL."""
    base = (variable("SIGNALROOM_PUBLIC_URL") or "").rstrip("/")
    if not base:
        return ""
    brand = getattr(report, "brand", "")
    anchor = "".join(letter if letter.isalnum() else "-" for letter in brand.casefold())
    address = f"{base}/clients/{quote(report.client_id)}/"
    return f"{address}#{quote(anchor)}" if anchor else address


def slack_link(address: str, text: str) -> Markup:
    """A link in Slack's markup; the address is our own, the text is escaped."""
    target = (
        address.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    )
    return Markup(f"<{target}|{mrkdwn(text)}>")  # noqa: S704 - escaped for Slack
