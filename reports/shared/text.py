"""Text of messages: clean and in sentences, made inert for each channel, and links to the page.

Vendors' and clients' texts are data; escaping keeps them from being read as markup.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from rich.cells import cell_len

from signalroom import clock
from signalroom.settings import variable

ELLIPSIS = "…"
JOINER = "\u200d"  # joins emoji; the only invisible character that is kept


def clean(text: object, limit: int | None = None) -> str:
    """One line without control, direction or invisible characters, cut at `limit` characters."""
    spaced = re.sub(r"\s+", " ", str(text))
    kept = "".join(
        character
        for character in spaced
        if unicodedata.category(character)[0] != "C" or character == JOINER
    ).strip()
    if limit is not None and len(kept) > limit:
        kept = kept[: limit - 1].rstrip() + ELLIPSIS
    return kept


def listed(names: list[str], most: int = 3) -> str:
    """A list of names for a sentence: `A, B and C`, or `A, B, C and 4 more`."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def day_name(day: date) -> str:
    """A day for a headline: `Wed, Nov 18`."""
    return f"{day:%a, %b} {day.day}"


def short_day(day: date) -> str:
    """A day in short form: `Nov 18`."""
    return f"{day:%b} {day.day}"


def zone_name() -> str:
    """The business zone, as named in a sentence about all times of a message."""
    zone = clock.zone().key
    return {"America/New_York": "Eastern"}.get(zone, zone)


# Slack reads these as formatting and cannot escape them: use look-alikes.
SLACK_LOOKALIKES = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb"})
SLACK_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
SHORTCODE = re.compile(r":(?=[\w+'-]+:)")  # :smile:
LONE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("^{}\\[~]|€")
GSM_PLAIN = str.maketrans(
    {
        "`": "'",
        "\u2212": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2026": "...",
        "\u2192": "->",
    }
)
SMS_SEPTETS = 160


def mrkdwn(text: str) -> str:
    """Text that Slack shows literally, without mentions, links or formatting."""
    plain = text.translate(SLACK_LOOKALIKES).translate(SLACK_ENTITIES)
    return SHORTCODE.sub("\ua789", LONE_UNDERSCORE.sub("\uff3f", plain))


def gsm(text: str) -> str:
    """Text in the GSM-7 alphabet; unsupported accents are dropped, other characters become `?`."""
    letters: list[str] = []
    for character in text.translate(GSM_PLAIN):
        if character in GSM_BASIC or character in GSM_EXTENDED:
            letters.append(character)
            continue
        plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
        letters.append("".join(one for one in plain if one in GSM_BASIC) or "?")
    return "".join(letters)


def septets(text: str) -> int:
    """Length of a GSM-7 text as the network counts it; one segment holds 160."""
    return sum(2 if character in GSM_EXTENDED else 1 for character in text)


def fit_segment(text: str) -> str:
    """The first lines of a text, joined by spaces, that fit one SMS segment.

    The first line is always sent, cut if needed; later ones only if they fit.
    """
    lines = [line for line in (clean(gsm(line)) for line in text.splitlines()) if line]
    body = lines[0] if lines else ""
    while septets(body) > SMS_SEPTETS:
        body = body[:-1]
    for line in lines[1:]:
        if septets(f"{body} {line}") <= SMS_SEPTETS:
            body = f"{body} {line}"
    return body


def columns(text: str) -> int:
    """Cells of a text in a fixed-width font; East Asian characters and emoji take two."""
    return cell_len(text)


def pad_right(text: str, width: int) -> str:
    """The text cut or padded to a number of cells, for a column of names."""
    shown = text
    if columns(text) > width:
        room, shown = width - 1, ""
        for character in text:
            room -= columns(character)
            if room < 0:
                break
            shown += character
        shown = shown.rstrip() + ELLIPSIS
    return isolated(shown) + " " * (width - columns(shown))


def isolated(text: str) -> str:
    """Text that cannot reverse the order of what follows if it is right-to-left."""
    if any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text):
        return f"\u2068{text}\u2069"
    return text


def pad_left(text: str, width: int) -> str:
    """The text padded on the left, for a column of numbers; never cut or joined."""
    return " " * max(1, width - columns(text)) + text


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
