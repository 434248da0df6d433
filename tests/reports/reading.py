"""Parses the numbers of a rendered report from each channel, as a person would read them."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any

from bs4 import BeautifulSoup

from reports.shared.figures import NO_COST

# conversions, cost and CPA of each named line; None if a dash marks an unknown number
Lines = dict[str, tuple[int | None, Decimal | None, Decimal | None]]
LINE = re.compile(r"^(?P<name>.*\S)\s+(?P<conversions>\S+)\s+(?P<cost>\S+)\s+(?P<cpa>\S+)$")


def number(text: str) -> Decimal | None:
    """`$1,260.00` and similar as a number; None for a dash."""
    plain = (
        text.replace(NO_COST, "$0.00")
        .strip()
        .replace("\u2212", "-")
        .replace("$", "")
        .replace(",", "")
    )
    return None if plain == "\u2013" else Decimal(plain)


def slack_text(payload: dict[str, Any]) -> str:
    """All visible text of a Slack message."""
    found = []
    for block in payload["blocks"]:
        texts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        found += [html.unescape(text["text"]) for text in texts if text]
        for row in block.get("rows", []):
            found.append("  ".join(cell["text"].strip() for cell in row).rstrip())
    return "\n".join(found)


def fixed_width_lines(text: str) -> Lines:
    """Lines of the tables in Slack's code blocks and in the text part of an email."""
    found: Lines = {}
    for line in text.replace(NO_COST, "$0.00").splitlines():
        match = LINE.match(line)
        if match is None or not re.fullmatch(r"[\d,]+|\u2013", match["conversions"]):
            continue
        if not all(
            re.fullmatch(r"\u2212?\$[\d,.]+|\u2013", match[name]) for name in ("cost", "cpa")
        ):
            continue
        conversions = number(match["conversions"])
        found[match["name"].removeprefix("+ ").strip()] = (
            None if conversions is None else int(conversions),
            number(match["cost"]),
            number(match["cpa"]),
        )
    return found


def email_lines(source: str) -> Lines:
    """Rows of the tables of an email."""
    found: Lines = {}
    for row in BeautifulSoup(source, "html.parser").find_all("tr"):
        cells = row.find_all("td", recursive=False)
        if len(cells) != 4 or "line" not in (row.get("class") or []):
            continue
        for tag in cells[0].select(".tag, .spark"):
            tag.decompose()
        conversions = number(cells[1].get_text())
        found[cells[0].get_text().strip()] = (
            None if conversions is None else int(conversions),
            number(cells[2].get_text()),
            number(next(cells[3].stripped_strings)),
        )
    return found


def email_text(source: str) -> str:
    """The visible text of an email's HTML."""
    page = BeautifulSoup(source, "html.parser")
    for part in page(["style", "script", "title"]):
        part.decompose()
    return " ".join(page.get_text(" ").split())
