"""The judge of a parallel run: the old system's figures against ours, cell by cell, with causes.

The old figures come as a CSV `date,brand,affiliate,conversions,cost,cpa` (a blank affiliate is the
brand as a whole), or as the text of messages with a file of patterns: regular expressions, one on
each line, with the named groups date, brand, affiliate, conversions, cost, cpa. A line of text that
no pattern reads is a gap, and so is a figure that only one side has. No day is clean with an
unexplained cent. Verdicts are kept in `ops.compared_days`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from signalroom import clock, warehouse
from signalroom.clients import Client
from signalroom.errors import ConfigurationError, WarehouseError
from signalroom.migrations import prepare_warehouse

COLUMNS = ("date", "brand", "affiliate", "conversions", "cost", "cpa")
PATTERNS = "patterns.txt"
CENT = Decimal("0.01")
CLEAN_DAYS = 7
OURS = """
select advertiser_id, affiliate_label, is_unmapped, conversions, cost
from daily_performance
where _client_id = :client_id and date = :day
"""
VERSIONS = """
select advertiser_id, affiliate_label, conversions, cost, known_from
from daily_performance_versions
where _client_id = :client_id and date = :day and not is_unmapped
order by known_from
"""
Key = tuple[date, str, str]  # day, brand folded, affiliate folded ('' for the brand)


@dataclass(frozen=True)
class Figure:
    """What one side says of an affiliate's or a brand's day; None where it says nothing."""

    conversions: int | None
    cost: Decimal | None
    cpa: Decimal | None


@dataclass(frozen=True)
class Gap:
    """A figure that differs, and why; `cause` is `unexplained` where nothing accounts for it."""

    date: str
    brand: str
    affiliate: str
    column: str
    old: str | None
    ours: str | None
    cause: str


@dataclass
class Old:
    """The old figures by key, the names as they are spelled, and lines that no pattern reads."""

    figures: dict[Key, Figure]
    names: dict[Key, tuple[str, str]]
    unread: dict[date | None, list[str]]


def compare(client: Client, path: Path, day: date | None, patterns: Path | None) -> dict[str, Any]:
    """Judge every day that the old figures name (or one), keep the verdicts; JSON of the answer.

    Raises ConfigurationError for a file that cannot be read.
    """
    old = _read(path, day, patterns)
    days = sorted({key[0] for key in old.figures})
    if day is not None:
        days = [day] if day in days else []
    if not days and not old.unread:
        raise ConfigurationError(f"{path} has no figure{f' of {day}' if day else ''}.")
    verdicts = [_judge(client, one, old) for one in days]
    _keep(client, verdicts)
    run = _clean_run(client)
    return {
        "client": client.id,
        "days": verdicts,
        "unread": [line for lines in old.unread.values() for line in lines],
        "clean_days": run,
        "summary": _summary(client, run),
    }


def _judge(client: Client, day: date, old: Old) -> dict[str, Any]:
    ours = _ours(client, day)
    gaps: list[Gap] = []
    for key in sorted({*(key for key in old.figures if key[0] == day), *ours}):
        before = old.figures.get(key)
        name = old.names.get(key) or (key[1], key[2])
        now = ours.get(key)
        if before is None:
            if now and (now.conversions or now.cost) and _lists_affiliates(old, day, key):
                gaps.append(Gap(day.isoformat(), *name, "row", None, _told(now), "unexplained"))
            continue
        for column in ("conversions", "cost", "cpa"):
            said = getattr(before, column)
            value = getattr(now, column) if now else None
            if said is None or said == value:
                continue
            cause = _cause(client, day, key, before, now, column)
            gaps.append(Gap(day.isoformat(), *name, column, str(said), _text(value), cause))
    unread = [*old.unread.get(day, []), *old.unread.get(None, [])]
    gaps += [Gap(day.isoformat(), "", "", "line", line, None, "unexplained") for line in unread]
    is_clean = not any(gap.cause == "unexplained" for gap in gaps)
    return {
        "date": day.isoformat(),
        "verdict": "clean" if is_clean else "unexplained",
        "gaps": [asdict(gap) for gap in gaps],
    }


def _cause(
    client: Client, day: date, key: Key, old: Figure, now: Figure | None, column: str
) -> str:
    """Why a figure differs: rounding, a day of another zone, a value of ours since restated."""
    value = getattr(now, column) if now else None
    said = getattr(old, column)
    if value is not None and column != "conversions" and abs(said - value) < CENT:
        return "rounding"
    for conversions, cost, known_from in _history(client, day, key):
        known = Figure(conversions, cost, _cpa(cost, conversions))
        same = getattr(known, column)
        if same == said or (
            same is not None and column != "conversions" and abs(same - said) < CENT
        ):
            return f"restated since {known_from.isoformat(timespec='minutes')}"
    if column != "cost" and old.conversions is not None:
        for name, count in _other_zones(client, day, key).items():
            if count == old.conversions:
                return f"time_zone {name}"
    return "unexplained"


def _history(client: Client, day: date, key: Key) -> Iterator[tuple[int, Decimal, datetime]]:
    """Every state that the figure ever had here, by the instant since which it was known."""
    rows = warehouse.read(VERSIONS, {"client_id": client.id, "day": day}, client_id=client.id)
    wanted = [row for row in rows if _matches(client, key, row)]
    if key[2]:
        for row in wanted:
            yield int(row["conversions"]), row["cost"], row["known_from"]
        return
    newest: dict[str, tuple[int, Decimal]] = {}
    for row in wanted:
        newest[row["affiliate_label"].casefold()] = (int(row["conversions"]), row["cost"])
        yield (
            sum(count for count, _ in newest.values()),
            sum((cost for _, cost in newest.values()), Decimal(0)),
            row["known_from"],
        )


def _other_zones(client: Client, day: date, key: Key) -> dict[str, int]:
    """Approved conversions of the figure by the days of other zones than the business one."""
    sql = (
        "select advertiser_id, affiliate_label, conversion_at from conversions"
        " where _client_id = :client_id and status = 'approved'"
        " and date between :first and :last"
    )
    span = {"first": day - timedelta(days=1), "last": day + timedelta(days=1)}
    try:
        rows = warehouse.read(sql, {"client_id": client.id, **span}, within="everflow")
    except WarehouseError:
        return {}
    found: dict[str, int] = {}
    for name in ("UTC", "America/Los_Angeles", "America/Chicago", "Europe/Berlin"):
        zone = ZoneInfo(name)
        found[name] = sum(
            row["conversion_at"] is not None
            and row["conversion_at"].astimezone(zone).date() == day
            and _matches(client, key, row)
            for row in rows
        )
    return found


def _matches(client: Client, key: Key, row: Mapping[str, Any]) -> bool:
    brands = {brand.advertiser_id: brand.name.casefold() for brand in client.brands}
    if brands.get(row["advertiser_id"]) != key[1]:
        return False
    return not key[2] or str(row["affiliate_label"]).strip().casefold() == key[2]


def _ours(client: Client, day: date) -> dict[Key, Figure]:
    """Our figures of each affiliate and brand; unmapped spend is in no CPA and left out."""
    rows = warehouse.read(OURS, {"client_id": client.id, "day": day}, client_id=client.id)
    brands = {brand.advertiser_id: brand.name.casefold() for brand in client.brands}
    sums: dict[Key, tuple[int, Decimal]] = {}
    for row in rows:
        brand = brands.get(row["advertiser_id"])
        if brand is None or row["is_unmapped"]:
            continue
        for affiliate in ("", row["affiliate_label"].casefold()):
            key = (day, brand, affiliate)
            count, cost = sums.get(key, (0, Decimal(0)))
            sums[key] = (count + int(row["conversions"]), cost + row["cost"])
    return {key: Figure(count, cost, _cpa(cost, count)) for key, (count, cost) in sums.items()}


def _cpa(cost: Decimal, conversions: int) -> Decimal | None:
    return (cost / conversions).quantize(CENT, ROUND_HALF_UP) if conversions else None


def _lists_affiliates(old: Old, day: date, key: Key) -> bool:
    """Whether the old figures of that brand's day go by affiliate at all, or by brand."""
    return any(one[:2] == (day, key[1]) and bool(one[2]) == bool(key[2]) for one in old.figures)


def _read(path: Path, day: date | None, patterns: Path | None) -> Old:
    """The old figures of a file, or of every .csv and .txt of a folder."""
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
                f"{file} is no CSV with the header {','.join(COLUMNS)}, and there is no "
                f"{folder / PATTERNS} that says how its lines are read (docs/go-live.md)."
            )
    return old


def _read_csv(file: Path, text: str, old: Old) -> None:
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), 2):
        cells = {str(name).strip().lower(): (cell or "").strip() for name, cell in row.items()}
        try:
            day = date.fromisoformat(cells["date"])
            _add(old, day, cells["brand"], cells["affiliate"], cells)
        except (ValueError, InvalidOperation) as error:
            raise ConfigurationError(f"{file}:{number}: cannot be read ({error}).") from error


def _read_text(text: str, rules: list[re.Pattern[str]], day: date | None, old: Old) -> None:
    """Lines of a message; date and brand of an earlier line hold for the lines below it."""
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
        if not {"conversions", "cost", "cpa"} & set(cells):
            continue
        current = _day_of(known["date"])
        try:
            if current is None or not known["brand"]:
                raise ValueError("no date or brand before it")
            _add(old, current, known["brand"], cells.get("affiliate", ""), cells)
        except (ValueError, InvalidOperation):
            old.unread.setdefault(current, []).append(line)


def _day_of(text: str) -> date | None:
    for form in ("%Y-%m-%d", "%m/%d/%Y", "%b %d, %Y", "%B %d, %Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def _add(old: Old, day: date, brand: str, affiliate: str, cells: Mapping[str, str]) -> None:
    def amount(name: str) -> Decimal | None:
        text = re.sub(r"[$,\s]", "", cells.get(name, ""))
        return Decimal(text) if text and text not in ("-", "n/a", "N/A") else None

    conversions = amount("conversions")
    key = (day, brand.casefold(), affiliate.casefold())
    old.names[key] = (brand, affiliate)
    old.figures[key] = Figure(
        None if conversions is None else int(conversions), amount("cost"), amount("cpa")
    )


def _patterns(path: Path, needed: bool) -> list[re.Pattern[str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
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


def _keep(client: Client, verdicts: Iterable[Mapping[str, Any]]) -> None:
    """The newest verdict of each day, in the warehouse."""
    prepare_warehouse()
    with warehouse.transaction() as execute:
        for one in verdicts:
            scope = {"client_id": client.id, "day": date.fromisoformat(one["date"])}
            execute(
                "delete from ops.compared_days where _client_id = :client_id and date = :day", scope
            )
            execute(
                "insert into ops.compared_days (_client_id, date, verdict, gaps, compared_at)"
                " values (:client_id, :day, :verdict, :gaps, :at)",
                {
                    **scope,
                    "verdict": one["verdict"],
                    "gaps": len(one["gaps"]),
                    "at": clock.now(),
                },
            )


def _clean_run(client: Client) -> int:
    """How many days in a row, up to the newest one judged, are clean."""
    rows = warehouse.read(
        "select date, verdict from compared_days where _client_id = :client_id order by date desc",
        {"client_id": client.id},
        within="ops",
    )
    count = 0
    for row in rows:
        if row["verdict"] != "clean" or row["date"] != rows[0]["date"] - timedelta(days=count):
            break
        count += 1
    return count


def _summary(client: Client, run: int) -> str | None:
    if run < CLEAN_DAYS:
        return None
    return (
        f"Client {client.id}: {run} days in a row agree with the old system in every figure, "
        "except for rounding, time zones and restatements, each named. `automated-reporting` can "
        "be switched off."
    )


def _told(figure: Figure) -> str:
    return f"{figure.conversions} conversions, cost {_text(figure.cost)}"


def _text(value: Decimal | int | None) -> str | None:
    if value is None or isinstance(value, int):
        return None if value is None else str(value)
    return f"{value.normalize():f}"
