"""Parity: a mail's HTML says what its plain part says, to the cent.

Programs show one or the other; who compares a figure must not find two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from bs4 import BeautifulSoup

from reports.messages.table import LEVELS
from reports.model import Figure
from reports.shared.figures import ABSENT, MINUS, money
from reports.shared.words import ELLIPSIS
from signalroom.errors import ReportError

SAID = re.compile(rf"(?:\$\d[\d,]*(?:\.\d+)?|\d[\d,]*(?:\.\d+)?%)(?![\w{ELLIPSIS}])")
CELL = rf"[+{MINUS}]?\$?\d[\d,]*(?:\.\d+)?%?"
ROW = re.compile(rf"^.*?\S(?P<cells>(?:\s+(?:{CELL}|{ABSENT})){{2,}})$")


def refuse_other_amounts(html: str, plain: str, figures: Iterable[Figure], template: str) -> None:
    """ReportError where the HTML does not show an amount of the report as the plain part does.

    Only amounts that the report itself names count: what else looks like one may be part of a
    name, and no name stops a mail.
    """
    own = {money(one.value).strip(MINUS) for one in figures if isinstance(one.value, Decimal)}
    missing = [one for one in _missing(html, plain) if one in own]
    if missing:
        raise ReportError(
            f"{template} and its plain part differ: the HTML shows {', '.join(missing[:5])} less "
            "often, or not at all."
        )


def differences(html: str, plain: str) -> list[str]:
    """What the plain part says and the HTML does not: amounts, percentages, rows of tables."""
    found = _missing(html, plain)
    rows = [Counter(re.findall(CELL, row)) for row in _rows(html)]
    for line in plain.splitlines():
        row = ROW.match(line)
        if row and not any(Counter(re.findall(CELL, row["cells"])) <= one for one in rows):
            found.append(line.strip())
    return found


def _missing(html: str, plain: str) -> list[str]:
    """Amounts and percentages that a reader of the HTML sees less often, or not at all.

    An amount that stands in the first line and in a table must stand twice. The line of a
    sparkline may be a picture's words, and a percentage may stand twice where the plain part has
    it in a list of its own too.
    """
    page, *pictures = _texts(html)
    shown, drawn = Counter(SAID.findall(page)), set(SAID.findall(" ".join(pictures)))
    wanted: Counter[str] = Counter()
    found = []
    for line in plain.splitlines():
        said = SAID.findall(line)
        if set(line) & set(LEVELS):
            found += [one for one in said if one not in drawn and not shown[one]]
        else:
            wanted.update(said)
    return found + [
        one for one, n in wanted.items() if shown[one] < (min(n, 2) if one.endswith("%") else n)
    ]


def _texts(html: str) -> list[str]:
    """What a reader sees of a page, then the words of each picture."""
    page = BeautifulSoup(html, "html.parser")
    pictures = [str(one.get("alt", "")) for one in page.find_all("img")]
    for hidden in [
        *page(["title", "style", "script"]),
        *page.find_all("div", style=re.compile("^display:none")),
    ]:
        hidden.decompose()
    return [page.get_text(" "), *pictures]


def _rows(html: str) -> list[str]:
    """The text of each row of the innermost tables; an arrow before a percentage is its sign."""
    rows = BeautifulSoup(html, "html.parser").find_all("tr")
    texts = [one.get_text(" ") for one in rows if one.find("tr") is None]
    return [re.sub(r"▼ (?=\d)", MINUS, re.sub(r"▲ (?=\d)", "+", one)) for one in texts]
