"""The old system's figures: a CSV, or messages parsed by patterns that the user writes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from signalroom.errors import ConfigurationError

COLUMNS = ("date", "brand", "affiliate", "conversions", "cost", "cpa")
FIGURES = ("conversions", "cost", "cpa")
PATTERNS = "patterns.txt"
AMOUNT = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+([.][0-9]+)?|-?[0-9]+([.][0-9]+)?")
NOTHING = ("", "-", "\u2013", "\u2014", "n/a")
Key = tuple[date, str, str]  # day, brand folded, affiliate folded ('' for the brand)


@dataclass(frozen=True)
class Figure:
    """One side's figures of an affiliate's or a brand's day; None if it has none."""

    conversions: int | None
    cost: Decimal | None
    cpa: Decimal | None


@dataclass
class Old:
    """The old figures by key, the names as spelled, and lines that no pattern matches."""

    figures: dict[Key, Figure]
    names: dict[Key, tuple[str, str]]
    unread: dict[date | None, list[str]]

    def add(self, day: date, brand: str, affiliate: str, cells: Mapping[str, str]) -> None:
        """A value of a line; ValueError if it is not a number, or contradicts an earlier one."""
        said = Figure(_whole(cells), _amount(cells, "cost"), _amount(cells, "cpa"))
        if said == Figure(None, None, None):
            return
        key = (day, brand.casefold(), affiliate.casefold())
        known = self.figures.get(key, Figure(None, None, None))
        values = []
        for name in FIGURES:
            before, now = getattr(known, name), getattr(said, name)
            if before is not None and now not in (None, before):
                raise ValueError(f"{name} is {now}, and {before} in an earlier line")
            values.append(before if now is None else now)
        self.names[key] = (brand, affiliate)
        self.figures[key] = Figure(*values)


def read_old(path: Path, day: date | None, patterns: Path | None) -> Old:
    """The old figures of a file, or of every .csv and .txt of a folder.

    Raises ConfigurationError for anything that cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    files = sorted(path.glob("*")) if path.is_dir() else [path]
    rules = _patterns(patterns or folder / PATTERNS, needed=patterns is not None)
    old = Old({}, {}, {})
    for file in files:
        if file.name == PATTERNS or file.suffix.lower() not in (".csv", ".txt", ".log", ".md", ""):
            continue
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{file} cannot be read: {error}.") from error
        if text.partition("\n")[0].replace(" ", "").strip().lower() == ",".join(COLUMNS):
            _read_csv(file, text, old)
        elif rules:
            _read_text(text, rules, day, old)
        else:
            raise ConfigurationError(
                f"{file} is not a CSV with the header {','.join(COLUMNS)}, and there is no "
                f"{folder / PATTERNS} that says how its lines are read (docs/go-live.md)."
            )
    return old


def _read_csv(file: Path, text: str, old: Old) -> None:
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), 2):
        cells = {
            str(name).strip().lower(): cell.strip()
            for name, cell in row.items()
            if isinstance(cell, str)
        }
        try:
            if None in row or len(cells) < len(COLUMNS):
                raise ValueError(f"it has not {len(COLUMNS)} cells")
            day = date.fromisoformat(cells["date"])
            old.add(day, cells["brand"], cells["affiliate"], cells)
        except ValueError as error:
            raise ConfigurationError(f"{file}:{number}: cannot be read ({error}).") from error


def _read_text(text: str, rules: list[re.Pattern[str]], day: date | None, old: Old) -> None:
    """Lines of a message; date and brand of an earlier line apply to the lines below it."""
    known: dict[str, str] = {"date": day.isoformat() if day else "", "brand": ""}
    for line in (one.strip() for one in text.splitlines()):
        if not line:
            continue
        match = next((found for rule in rules if (found := rule.fullmatch(line))), None)
        current = _day_of(known["date"])
        if match is None:
            old.unread.setdefault(current, []).append(line)
            continue
        cells = {name: value.strip() for name, value in match.groupdict().items() if value}
        known |= {name: cells[name] for name in ("date", "brand") if name in cells}
        current = _day_of(known["date"])
        if not set(FIGURES) & set(cells):
            if "date" in cells and current is None:
                old.unread.setdefault(None, []).append(line)
            continue
        try:
            if current is None or not known["brand"]:
                raise ValueError("no date or brand before it")
            old.add(current, known["brand"], cells.get("affiliate", ""), cells)
        except ValueError:
            old.unread.setdefault(current, []).append(line)


def _day_of(text: str) -> date | None:
    for form in ("%Y-%m-%d", "%m/%d/%Y", "%b %d, %Y", "%B %d, %Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def _amount(cells: Mapping[str, str], name: str) -> Decimal | None:
    text = re.sub(r"[$\s]", "", cells.get(name, ""))
    if text.lower() in NOTHING:
        return None
    if not AMOUNT.fullmatch(text):
        raise ValueError(f"{name} {text} is not a number")
    return Decimal(text.replace(",", ""))


def _whole(cells: Mapping[str, str]) -> int | None:
    number = _amount(cells, "conversions")
    if number is not None and number != int(number):
        raise ValueError(f"{number} conversions is not a whole number")
    return None if number is None else int(number)


def _patterns(path: Path, needed: bool) -> list[re.Pattern[str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        if needed:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
        return []
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            try:
                found.append(re.compile(line.strip()))
            except re.error as error:
                raise ConfigurationError(f"{path}:{number}: no pattern: {error}.") from error
    return found
