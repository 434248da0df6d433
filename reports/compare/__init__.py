"""Evaluates a parallel run: the old system's figures against ours, cell by cell, with causes.

The old figures come as a CSV `date,brand,affiliate,conversions,cost,cpa` (a blank affiliate is the
brand as a whole), or as the text of messages with a file of patterns: regular expressions, one on
each line, with the named groups date, brand, affiliate, conversions, cost, cpa. A line of text that
no pattern matches is a gap, and so is a figure that only one side has. A day with an unexplained
cent is not clean. Verdicts are stored in `ops.compared_days`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from reports.compare.causes import UNEXPLAINED, Day, figure
from reports.compare.old import FIGURES, Figure, Key, Old, read_old
from reports.shared.figures import plain
from signalroom import clock, warehouse
from signalroom.clients import Client
from signalroom.errors import ConfigurationError
from signalroom.migrations import prepare_warehouse
from signalroom.plural import counted

CLEAN_DAYS = 7


@dataclass(frozen=True)
class Gap:
    """A figure that differs, and why; `cause` is `unexplained` if nothing accounts for it."""

    date: str
    brand: str
    affiliate: str
    column: str
    old: str | None
    ours: str | None
    cause: str


def compare(client: Client, path: Path, day: date | None, patterns: Path | None) -> dict[str, Any]:
    """Check every day of the old figures (or one), store the verdicts; the result as JSON.

    Raises ConfigurationError for a file that cannot be read.
    """
    old = read_old(path, day, patterns)
    days = sorted({key[0] for key in old.figures})
    if day is not None:
        days = [day] if day in days else []
    if not days and not old.unread:
        raise ConfigurationError(f"{path} has no figure{f' of {day}' if day else ''}.")
    judged = [Day(client, one) for one in days]
    verdicts = [_judge(one, old) for one in judged]
    _keep(client, verdicts)
    run = _clean_run(client)
    compared = {key[1] for key in old.figures}
    ours = {
        key[1] for one in judged for key, now in one.ours.items() if now.conversions or now.cost
    }
    others = [one.name for one in client.brands if one.name.casefold() in ours - compared]
    return {
        "client": client.id,
        "days": verdicts,
        "unread": [line for lines in old.unread.values() for line in lines],
        "not_compared": others,
        "clean_days": run,
        "summary": _summary(client, run, others),
    }


def _judge(known: Day, old: Old) -> dict[str, Any]:
    ours, day = known.ours, known.day
    gaps: list[Gap] = []
    for key in sorted({*(key for key in old.figures if key[0] == day), *ours}):
        before, now = old.figures.get(key), ours.get(key)
        if now is None and ours:
            now = figure(0, Decimal(0))  # for a day that exists, a missing row is zero
        name = old.names.get(key) or (key[1], key[2])
        if before is None:
            if now and (now.conversions or now.cost) and _is_owed(old, key):
                gaps.append(Gap(day.isoformat(), *name, "row", None, _words_of(now), UNEXPLAINED))
            continue
        for column in FIGURES:
            said, value = getattr(before, column), getattr(now, column) if now else None
            if said is None or said == value:
                continue
            cause = known.cause(key, before, now, column)
            gaps.append(Gap(day.isoformat(), *name, column, str(said), _text(value), cause))
    unread = [*old.unread.get(day, []), *old.unread.get(None, [])]
    gaps += [Gap(day.isoformat(), "", "", "line", line, None, UNEXPLAINED) for line in unread]
    is_clean = not any(gap.cause == UNEXPLAINED for gap in gaps)
    return {
        "date": day.isoformat(),
        "verdict": "clean" if is_clean else UNEXPLAINED,
        "gaps": [asdict(gap) for gap in gaps],
    }


def _is_owed(old: Old, key: Key) -> bool:
    """Whether the old figures should have one of ours: not if they have only brands.

    A brand that they have on other days is missing; one that they never have is not compared.
    """
    of_day = [one for one in old.figures if one[:2] == key[:2]]
    if not of_day:
        return not key[2] and any(one[1] == key[1] for one in old.figures)
    return bool(key[2]) and any(one[2] for one in of_day)


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
    """How many days in a row, up to the newest one checked, are clean."""
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


def _summary(client: Client, run: int, others: Sequence[str]) -> str | None:
    if run < CLEAN_DAYS:
        return None
    agreed = (
        f"Client {client.id}: {run} days in a row agree with the old system in every figure, "
        "except for rounding, time zones and changes since, each named."
    )
    if others:
        return f"{agreed} Of {' and '.join(others)} nothing was compared: judge that first."
    return f"{agreed} `automated-reporting` can be switched off."


def _words_of(figure: Figure) -> str:
    return f"{counted(int(figure.conversions or 0), 'conversion')}, cost {_text(figure.cost)}"


def _text(value: Decimal | int | None) -> str | None:
    if value is None or isinstance(value, int):
        return None if value is None else str(value)
    return plain(value)
