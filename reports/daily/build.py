"""The daily report: cost per conversion, paid media against affiliates, for one brand.

`build` turns the rows of query.sql into a `Daily`, which has everything that the templates of all
channels show. It has no side effects.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from reports.daily.context import Comparison, Daily, Deltas, Line, TrendDay, is_final
from reports.model import LastReport, Report, Row, Rows, Subject, own_rows
from reports.shared.change import Compared, Movement, each, what_moved
from reports.shared.completeness import (
    EVERFLOW,
    REDTRACK,
    Completeness,
    by_day,
    completeness,
    restatements,
    snapshot,
)
from reports.shared.figures import (
    EXACT,
    QUERIES,
    Figures,
    add,
    apportion,
    goals,
    ratio,
    rounded,
)
from reports.shared.text import clean, day_name, listed
from signalroom.plural import counted

TREND_DAYS = 14
WEEK = 7
TOP = 10
MOST_SOURCES = 5
NAME_LIMIT = 60
TENTH = Decimal("0.1")


def build(subject: Subject, rows: Rows, history: Mapping[date, LastReport]) -> Daily:
    """The content of a daily report; `history` is what was last reported for each day.

    Raises ReportError when a row is not the client's own.
    """
    days = by_day(own_rows(rows["days"], subject.client_id))
    sold: dict[date, list[Row]] = {day: [] for day in days}
    for row in own_rows(rows["query"], subject.client_id):
        if row["date"] in days:
            sold[row["date"]].append(row)
    today = sold.get(subject.day, [])
    whole = completeness(subject.day, days)
    mapped = _mapped(today)
    internal = [row for row in mapped if row["is_internal"]]
    external = [row for row in mapped if not row["is_internal"]]
    internal_cents, external_cents = apportion([_spent(internal), _spent(external)])
    total = _figures(mapped, whole.missing)
    unpaid = {row["affiliate_label"] for row in internal if row["cpa_state"] == "missing_spend"}
    window = [subject.day - timedelta(days=back) for back in reversed(range(TREND_DAYS))]
    past = [_by_label(_mapped(sold.get(day, [])), completeness(day, days)) for day in window]
    top, others = _ranked(subject.client_id, mapped, whole.missing)
    top = tuple(replace(line, cpas=tuple(_cpa(day, line.label) for day in past)) for line in top)
    unmapped = _unmapped(subject.client_id, today)
    trend = tuple(_trend_day(day, sold.get(day, []), completeness(day, days)) for day in window)
    reported = {
        day.isoformat(): snapshot(sold.get(day, []), completeness(day, days).missing)
        for day in window
        if day == subject.day or (day in days and day in history)
    }
    changes = restatements(subject.day, whole.state, reported, history)
    numbers = {name: number for number, name in subject.brands.items()}
    number = numbers.get(subject.brand)
    judged = total.cpa if is_final(whole, len(unpaid)) else None
    return Daily(
        client_id=subject.client_id,
        title=subject.title,
        brand=subject.brand,
        advertiser_id=number,
        day=subject.day,
        completeness=whole,
        total=total,
        paid_media=_figures(internal, whole.missing, REDTRACK, internal_cents),
        affiliates=_figures(external, whole.missing, EVERFLOW, external_cents),
        top=top,
        others=others,
        unmapped=Figures(None, add(line.figures.cost or Decimal(0) for line in unmapped)),
        unmapped_sources=unmapped,
        unpaid=len(unpaid),
        moved=() if unpaid else _moved(past, trend, whole.state, _channels(sold, window[-2:])),
        deltas=_trusted(_deltas(total, trend[-2], whole.state), unpaid),
        comparisons=tuple(_trusted(one, unpaid) for one in _comparisons(total, trend, whole.state)),
        goals=() if whole.missing or number is None else goals(subject, rows, {number: judged}),
        notes=tuple(_notes(internal, whole.missing)),
        changes=changes.lines,
        changed_days=changes.days,
        trend=trend,
        reported=reported,
    )


def _mapped(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not row["is_unmapped"]]


def _cost(row: Row) -> Decimal:
    return Decimal(row["cost"] or 0)


def _spent(rows: Sequence[Row]) -> Decimal:
    return add(_cost(row) for row in rows)


def _conversions(rows: Sequence[Row]) -> int:
    return sum(int(row["conversions"] or 0) for row in rows)


def _by_conversions(rows: Sequence[Row]) -> list[Row]:
    return sorted(
        rows, key=lambda row: (-_conversions([row]), -_cost(row), str(row["affiliate_label"]))
    )


def _name(row: Row) -> str:
    label = str(row["affiliate_label"])
    return clean(label.removeprefix("Unmapped: "), NAME_LIMIT) or "(no name)"


def _figures(
    rows: Sequence[Row],
    missing: Sequence[str],
    source_of_cost: str | None = None,
    cents: Decimal | None = None,
) -> Figures:
    """Sums of rows; data of a missing source stays unknown, never zero.

    Without `source_of_cost` the cost needs both sources. It is also unknown if the whole cost is
    missing spend.
    """
    is_costed = not missing if source_of_cost is None else source_of_cost not in missing
    if any(row["cpa_state"] == "missing_spend" for row in rows) and not _spent(rows):
        is_costed = False
    return Figures(
        conversions=None if EVERFLOW in missing else _conversions(rows),
        cost=_spent(rows) if is_costed else None,
        shown=cents if is_costed else None,
    )


def _trend_day(day: date, rows: Sequence[Row], whole: Completeness) -> TrendDay:
    figures = _figures(_mapped(rows), whole.missing)
    return TrendDay(day, figures, whole.state in ("complete", "absent"))


def _ranked(
    client_id: str, rows: Sequence[Row], missing: Sequence[str]
) -> tuple[tuple[Line, ...], Line | None]:
    """The top ten by conversions, and all others as one line, so that the parts add up."""
    ranked = _by_conversions(rows)
    first, rest = ranked[:TOP], ranked[TOP:]
    shown = apportion([*(_cost(row) for row in first), _spent(rest)])
    top = []
    for row, cents in zip(first, shown, strict=False):
        source = REDTRACK if row["is_internal"] else EVERFLOW
        unknown = [*missing, REDTRACK] if row["cpa_state"] == "missing_spend" else missing
        figures = Figures(
            conversions=None if EVERFLOW in missing else _conversions([row]),
            cost=None if source in unknown else _cost(row),
            shown=None if source in unknown else cents,
        )
        is_internal, label = bool(row["is_internal"]), str(row["affiliate_label"])
        top.append(Line(client_id, _name(row), is_internal, figures, label))
    if not rest:
        return tuple(top), None
    others = _figures(rest, missing, cents=shown[-1])
    return tuple(top), Line(client_id, _others(rest), False, others)


def _unmapped(client_id: str, rows: Sequence[Row]) -> tuple[Line, ...]:
    spend = [row for row in rows if row["is_unmapped"]]
    spend.sort(key=lambda row: (-_cost(row), str(row["affiliate_label"])))
    first, rest = spend[:MOST_SOURCES], spend[MOST_SOURCES:]
    parts = [(_name(row), _cost(row), str(row["affiliate_label"])) for row in first]
    if rest:
        parts.append((_others(rest), _spent(rest), ""))
    shown = apportion([cost for _, cost, _ in parts])
    return tuple(
        Line(client_id, name, False, Figures(None, cost, cents), label)
        for (name, cost, label), cents in zip(parts, shown, strict=True)
    )


def _others(rows: Sequence[Row]) -> str:
    return counted(len(rows), "other")


def _by_label(rows: Sequence[Row], whole: Completeness) -> dict[str, Compared]:
    """Each affiliate's figures of a day, by label; `before` is those of the day before."""
    labels: dict[str, list[Row]] = {}
    for row in rows:
        labels.setdefault(str(row["affiliate_label"]), []).append(row)
    found = {}
    for label, part in labels.items():
        source = REDTRACK if part[0]["is_internal"] else EVERFLOW
        is_unpaid = any(row["cpa_state"] == "missing_spend" for row in part)
        unknown = [*whole.missing, REDTRACK] if is_unpaid else whole.missing
        figures = _figures(part, unknown, source)
        found[label] = Compared(_name(part[0]), figures, figures)
    return found


def _cpa(day: Mapping[str, Compared], label: str) -> Decimal | None:
    return day[label].now.cpa if label in day else None


def _channels(sold: Mapping[date, Sequence[Row]], days: Sequence[date]) -> list[Compared]:
    """Paid media and affiliates, on the day and the day before."""
    before, now = (_mapped(sold.get(day, [])) for day in days)
    return [
        Compared(
            name,
            _figures([row for row in now if bool(row["is_internal"]) == kind], ()),
            _figures([row for row in before if bool(row["is_internal"]) == kind], ()),
        )
        for name, kind in (("paid media", True), ("affiliates", False))
    ]


def _moved(
    past: Sequence[Mapping[str, Compared]],
    trend: Sequence[TrendDay],
    state: str,
    channels: Sequence[Compared],
) -> tuple[str, ...]:
    """What changed from the day before, if both days are complete."""
    if state != "complete" or not trend[-2].is_complete:
        return ()
    none = Figures(0, Decimal(0))
    now, before = past[-1], past[-2]
    affiliates = {
        label: Compared(
            (now.get(label) or before[label]).name,
            now[label].now if label in now else none,
            before[label].now if label in before else none,
        )
        for label in {**now, **before}
    }
    total = Compared("", trend[-1].figures, trend[-2].figures)
    return what_moved(total, affiliates, each(channels))


def _deltas(total: Figures, day_before: TrendDay, state: str) -> Deltas:
    """Change from the day before; an incomplete day is not compared."""
    if state != "complete":
        return Deltas()
    before = day_before.figures
    return Deltas(
        cpa=_delta(total.cpa, before.cpa, less_is_good=True),
        conversions=_delta(total.conversions, before.conversions, less_is_good=False),
        cost=_delta(total.cents, before.cents, less_is_good=None),
    )


Moves = TypeVar("Moves", Deltas, Comparison)


def _trusted(moves: Moves, unpaid: Collection[str]) -> Moves:
    """Without CPA and cost if spend is missing: the comparison would be too low."""
    return replace(moves, cpa=None, cost=None) if unpaid else moves


def _comparisons(total: Figures, trend: Sequence[TrendDay], state: str) -> tuple[Comparison, ...]:
    """Compared with the same weekday a week before, and with the average of the seven days before.

    An incomplete day is not compared.
    """
    if state != "complete":
        return ()
    week = trend[-1 - WEEK : -1]
    found: list[tuple[str, str, Decimal | None, Decimal | int | None, Decimal | None, str]] = []
    if week[0].is_complete and week[0].figures.conversions is not None:
        before = week[0].figures
        day = day_name(week[0].day)
        found.append(
            (day, f"{day}, a week before", before.cpa, before.conversions, before.cents, "")
        )
    if all(one.is_complete and one.figures.conversions is not None for one in week):
        sold = sum(one.figures.conversions or 0 for one in week)
        spent = add(one.figures.cost or Decimal(0) for one in week)
        daily = EXACT.divide(Decimal(sold), Decimal(WEEK))
        mean = (ratio(spent, sold), daily, EXACT.divide(spent, Decimal(WEEK)))
        found.append(("7-day average", "the 7-day average", *mean, f"{rounded(daily, TENTH):,f}"))
    return tuple(
        Comparison(
            heading,
            name,
            _delta(total.cpa, cpa, less_is_good=True),
            _delta(total.conversions, conversions, less_is_good=False, mean=mean),
            _delta(total.cents, cost, less_is_good=None),
        )
        for heading, name, cpa, conversions, cost, mean in found
    )


def _delta(
    now: Decimal | int | None,
    before: Decimal | int | None,
    less_is_good: bool | None,
    mean: str = "",
) -> Movement | None:
    moved = Movement(now, before, less_is_good, mean=mean)
    return moved if moved.from_text else None


def _notes(internal: Sequence[Row], missing: Sequence[str]) -> list[str]:
    if len(missing) == 2:
        return []
    notes = []
    if EVERFLOW in missing:
        notes.append(f"{EVERFLOW} was not loaded for this day: conversions are unknown.")
    if REDTRACK in missing:
        notes.append(f"{REDTRACK} was not loaded for this day: the cost of paid media is unknown.")
        return notes
    unpaid = _by_conversions([row for row in internal if row["cpa_state"] == "missing_spend"])
    if unpaid:
        conversions = _conversions(unpaid)
        notes.append(
            f"Spend is missing for {listed([_name(row) for row in unpaid])}: "
            f"{counted(conversions or 0, 'conversion')} without a row in {REDTRACK}, so the CPA "
            "may be too low."
        )
    return notes


REPORT = Report(
    name="daily",
    title="{brand} daily",
    folder="daily",
    queries=("days", "query", *QUERIES),
    build=build,
    days=TREND_DAYS,
    period="daily",
    per_brand=True,
)
