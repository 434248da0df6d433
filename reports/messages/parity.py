"""Parity: an email's HTML has the same figures as its plain part, to the cent.

Mail clients show one or the other; the figures must not differ.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from bs4 import BeautifulSoup

from reports.messages.table import LEVELS
from reports.model import Figure
from reports.shared.figures import ABSENT, MINUS, money
from reports.shared.text import ELLIPSIS
from signalroom.errors import ReportError

SAID = re.compile(rf"(?:\$\d[\d,]*(?:\.\d+)?|\d[\d,]*(?:\.\d+)?%)(?![\w{ELLIPSIS}])")
CELL = rf"[+{MINUS}]?\$?\d[\d,]*(?:\.\d+)?%?"
ROW = re.compile(rf"^.*?\S(?P<cells>(?:\s+(?:{CELL}|{ABSENT})){{2,}})$")


def refuse_other_amounts(html: str, plain: str, figures: Iterable[Figure], template: str) -> None:
    """ReportError if the HTML does not show an amount of the report like the plain part.

    Only amounts of the report itself count: anything else that looks like one may be part of a
    name, and a name must not block an email.
    """
    own = {money(one.value).strip(MINUS) for one in figures if isinstance(one.value, Decimal)}
    missing = [one for one in _missing(html, plain) if one in own]
    if missing:
        raise ReportError(
            f"{template} and its plain part differ: the HTML shows {', '.join(missing[:5])} less "
            "often, or not at all."
        )


def differences(html: str, plain: str) -> list[str]:
    """What the plain part has and the HTML does not: amounts, percentages, rows of tables."""
    found = _missing(html, plain)
    rows = [Counter(re.findall(CELL, row)) for row in _read(html)[1]]
    for line in plain.splitlines():
        row = ROW.match(line)
        if row and not any(Counter(re.findall(CELL, row["cells"])) <= one for one in rows):
            found.append(line.strip())
    return found


def _missing(html: str, plain: str) -> list[str]:
    """Amounts and percentages that appear less often in the HTML, or not at all.

    An amount in the first line and in a table must appear twice. A sparkline may be a picture's
    text instead, and a percentage may appear once more in the plain part if it is also in a
    separate list.
    """
    (page, *pictures), _ = _read(html)
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


@lru_cache(maxsize=1)  # one email is compared several times
def _read(html: str) -> tuple[list[str], list[str]]:
    """The visible text of a page and the text of each picture; the text of each row of a table.

    Rows are those of the innermost tables; an arrow before a percentage is its sign.
    """
    page = BeautifulSoup(html, "html.parser")
    texts = [one.get_text(" ") for one in page.find_all("tr") if one.find("tr") is None]
    rows = [re.sub(r"▼ (?=\d)", MINUS, re.sub(r"▲ (?=\d)", "+", one)) for one in texts]
    pictures = [str(one.get("alt", "")) for one in page.find_all("img")]
    for hidden in [
        *page(["title", "style", "script"]),
        *page.find_all("div", style=re.compile("^display:none")),
    ]:
        hidden.decompose()
    return [page.get_text(" "), *pictures], rows
