"""Text of messages: clean and in sentences, and made inert for each channel: escaped, cut, padded.

Vendors' and clients' texts are data; escaping keeps them from being read as markup.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from rich.cells import cell_len

from signalroom import clock

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
