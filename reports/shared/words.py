"""Words: data as clean text, lists and days for sentences."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

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
