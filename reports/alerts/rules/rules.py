"""The rules: each finds what is unusual about a closed day, with its cost in dollars.

Thresholds are data (`rules:` of alerts.yml). A rule is silent until it has four same weekdays. A
finding is an incident of kind `anomaly`; `signalroom alerts backtest RULE` shows how often it would
have fired.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from reports.alerts.rules.history import (
    CLICK_SPREAD,
    LEAST,
    History,
    Line,
    LineDay,
    TableDay,
    Usual,
    chance_of_so_few,
    days_like,
)
from signalroom.plural import counted

LEAST_SPREAD = 0.25  # of log(cost): platforms never spend evenly


@dataclass(frozen=True)
class Finding:
    """A day of a line, or of a whole client, that a rule found; `amount` in dollars."""

    rule: str
    client_id: str
    day: date
    subject: str
    amount: Decimal
    words: str
    line: Line | None = None


Thresholds = Mapping[str, float]
Rule = Callable[[History, date, Thresholds], Iterator[Finding]]


def judge(rule: str, history: History, day: date, thresholds: Thresholds) -> list[Finding]:
    """A rule's findings for a day above its least amount, largest first."""
    found = [
        one for one in RULES[rule](history, day, thresholds) if one.amount >= thresholds["minimum"]
    ]
    return sorted(found, key=lambda one: (-one.amount, one.subject))


def zero_rows(history: History, day: date, thresholds: Thresholds) -> Iterator[Finding]:
    """A vendor has no data for a day that always has some."""
    usual = [(line, history.usual(line, day)) for line in history.lines()]
    known = [(line, one) for line, one in usual if one]
    rows = [history.of(line, day) for line, _ in known]
    expected = sum(one.conversions for _, one in known)
    if expected >= thresholds["expected"] and not any(row.conversions for row in rows):
        amount = sum(one.cost for _, one in known)
        words = f"Everflow shows no conversions; usually {expected:.0f}."
        yield _finding("zero_rows", history, day, None, amount, words, "Everflow")
    paid = [(line, one) for line, one in known if line.is_internal]
    spend = sum(one.cost for _, one in paid)
    if spend > 0 and not any(history.of(line, day).cost for line, _ in paid):
        words = f"RedTrack shows no spend; usually {_dollars(spend)}."
        yield _finding("zero_rows", history, day, None, spend, words, "RedTrack")


def volume(history: History, day: date, thresholds: Thresholds) -> Iterator[Finding]:
    """A line has far fewer conversions, or less spend, than usual, over one or two days.

    One that stops permanently is reported once.
    """
    for line, usual, rows in _lines(history, day):
        if usual.cpa is None or history.is_known_stop(line, day):
            continue
        for days in (rows[:1], rows):
            expected = usual.conversions * len(days) * _mood(history, days)
            count = sum(row.conversions for row in days)
            lost = (expected - count) * usual.cpa
            cost = sum(float(row.cost) for row in days)
            unspent = usual.cost * len(days) - cost
            is_down = line.is_internal and unspent > 0 and (cost > 0 or usual.always_costs)
            if is_down:
                cost_then = usual.cost * len(days) * history.level(line, day)
                fell = math.log(max(cost, 0.01) / cost_then)
                spread = _cost_spread(usual) / math.sqrt(len(days))
                is_down = fell / spread < -thresholds["deviations"]
            # ending and starting campaigns make a line this much smaller or larger
            least = expected * (1 - thresholds["play"])
            is_rare = lost > 0 and chance_of_so_few(count, least) < thresholds["chance"]
            if lost >= thresholds["minimum"] and (is_down or is_rare):
                words = f"{line.label} brought {counted(count, 'conversion')}; "
                words += f"usually {expected:.0f}."
                yield _finding("volume", history, day, line, lost, words)
                break
            if is_down and unspent >= thresholds["minimum"]:
                words = f"{line.label} spent {_dollars(cost)}; "
                words += f"usually {_dollars(usual.cost * len(days))}."
                yield _finding("volume", history, day, line, unspent, words)
                break


def spend_without_conversions(
    history: History, day: date, thresholds: Thresholds
) -> Iterator[Finding]:
    """Paid media spends without any conversions: a pixel or a link is broken."""
    for line, usual, rows in _lines(history, day):
        if not line.is_internal or not usual.cpa:
            continue
        for days in (rows[:1], rows):
            cost = sum((row.cost for row in days), Decimal(0))
            is_much = cost and cost >= thresholds["minimum"]
            if not is_much or any(row.conversions for row in days):
                continue
            grown = _mood(history, days) * history.level(line, day)
            expected = min(float(cost) / usual.cpa, usual.conversions * len(days) * grown)
            by_clicks = usual.click_rate * sum(row.clicks for row in days)
            chance = min(
                chance_of_so_few(0, expected), chance_of_so_few(0, by_clicks, CLICK_SPREAD)
            )
            if chance < thresholds["chance"]:
                words = f"{line.label} spent {_dollars(cost)} and brought no conversions; usually "
                words += f"{max(expected, by_clicks):.0f}."
                yield _finding("spend_without_conversions", history, day, line, cost, words)
                break


def conversions_without_spend(
    history: History, day: date, thresholds: Thresholds
) -> Iterator[Finding]:
    """Paid media has conversions but RedTrack has no cost: a token has expired."""
    for line, usual, rows in _lines(history, day):
        if not line.is_internal or not usual.always_costs:
            continue
        for days in (rows[:1], rows):
            count = sum(row.conversions for row in days)
            hidden = usual.cost * len(days)
            if count and hidden >= thresholds["minimum"] and not any(row.cost for row in days):
                words = f"{line.label} brought {counted(count, 'conversion')} and RedTrack "
                words += f"shows no spend; usually {_dollars(hidden)}."
                yield _finding("conversions_without_spend", history, day, line, hidden, words)
                break


def cpa(history: History, day: date, thresholds: Thresholds) -> Iterator[Finding]:
    """A line's conversions cost far more than usual, over one or two days.

    Paid media is checked by spend and cost per click, because the few conversions of a day are too
    noisy; others by their payout, which hardly changes.
    """
    for line, usual, rows in _lines(history, day):
        for days in (rows[:1], rows):
            if finding := _dear_clicks(history, day, line, usual, days, thresholds):
                yield finding
                break
            count = sum(row.conversions for row in days)
            cost = sum(float(row.cost) for row in days)
            if not count or not cost or not usual.cpa or not usual.cost:
                continue
            now = cost / count
            rise = now / usual.cpa
            spread = thresholds["payout_spread"]
            if line.is_internal:
                rise = cost / (usual.cost * len(days) * history.level(line, day))
                spread = _cost_spread(usual) / math.sqrt(len(days))
            more = (now - usual.cpa) * count
            is_far = math.log(rise) / spread > thresholds["deviations"]
            if is_far and more >= thresholds["minimum"] and now > usual.cpa * thresholds["ratio"]:
                words = f"{line.label} has a CPA of {_dollars(now)}; usually {_dollars(usual.cpa)}."
                yield _finding("cpa", history, day, line, more, words)
                break


def _dear_clicks(
    history: History, day: date, line: Line, usual: Usual, days: Sequence[LineDay],
    thresholds: Thresholds,
) -> Finding | None:  # fmt: skip
    clicks = sum(row.paid_clicks for row in days)
    cost = sum(float(row.cost) for row in days)
    if not line.is_internal or not clicks or not cost or not usual.click_cost:
        return None
    now = cost / clicks
    rise = now / usual.click_cost
    more = (now - usual.click_cost) * clicks
    spread = LEAST_SPREAD / math.sqrt(len(days))
    if (
        more < thresholds["minimum"]
        or rise < thresholds["ratio"]
        or math.log(rise) / spread < thresholds["deviations"]
    ):
        return None
    words = f"{line.label} pays {_dollars(now)} a click; usually {_dollars(usual.click_cost)}."
    return _finding("cpa", history, day, line, more, words)


def drift(history: History, day: date, thresholds: Thresholds) -> Iterator[Finding]:
    """Everflow and RedTrack count different conversions for a line, over one or two days."""
    for line, usual, rows in _lines(history, day):
        if not line.is_internal or rows[0].tracked is None or not usual.cpa:
            continue
        pairs = [one for one in history.like(line, day) if one.tracked is not None]
        total = sum(one.conversions for one in pairs)
        if not total:
            continue
        share = sum(one.tracked or 0 for one in pairs) / total
        for days in (rows[:1], rows if rows[-1].tracked is not None else []):
            count = sum(row.conversions for row in days)
            tracked = sum(row.tracked or 0 for row in days)
            expected = count * share
            spread = math.sqrt(0.25 + 0.1 * expected + (0.1 * expected) ** 2)
            gap = abs(expected - tracked)
            lost = gap * usual.cpa
            if lost >= thresholds["minimum"] and gap / spread > thresholds["deviations"]:
                words = f"{line.label}: Everflow counts {counted(count, 'conversion')}, RedTrack "
                words += f"{tracked}; usually {expected:.0f} of these."
                yield _finding("drift", history, day, line, lost, words)
                break


def mapping_gap(history: History, day: date, thresholds: Thresholds) -> Iterator[Finding]:
    """Spend of unmapped sources."""
    rows = [history.of(line, day) for line in history.days if line.is_unmapped]
    cost = sum((row.cost for row in rows), Decimal(0))
    count = sum(1 for row in rows if row.cost)
    words = f"{counted(count, 'source')} without an affiliate spent {_dollars(cost)}."
    yield _finding("mapping_gap", history, day, None, float(cost), words, "unmapped")


def schema(history: History, day: date, thresholds: Thresholds) -> Iterator[Finding]:
    """A column of a raw table is new, no longer filled, renamed or has another type.

    dlt's schema versions show new columns and their types; that a vendor omits a column shows only
    in its rows. It has no cost in dollars, and is reported on its first day.
    """
    for table, days in sorted(history.tables.items()):
        now, before = days.get(day), days.get(day - timedelta(days=1))
        past = [days[one] for one in days_like(day) if one in days]
        if now is None or before is None or len(past) < LEAST:
            continue
        new = [name for name in now.types if before.types and name not in before.types]
        said = []
        for name in _left_empty(now, before if before.rows else past[0], past, thresholds):
            other = difflib.get_close_matches(name, new, n=1, cutoff=thresholds["likeness"])
            if other:
                new.remove(other[0])
            said.append(f"{name} is {other[0]} now" if other else f"{name} is empty")
        said += [f"{name} is new" for name in new]
        said += [
            f"{name} is {kind} now and was {before.types[name]}"
            for name, kind in now.types.items()
            if before.types.get(name, kind) != kind
        ]
        if said:
            words = f"Columns of {table} changed: {', '.join(said)}."
            yield _finding("schema", history, day, None, 0, words, table)


def _left_empty(
    now: TableDay, before: TableDay, past: Sequence[TableDay], thresholds: Thresholds
) -> Iterator[str]:
    """Columns that no row of a day fills, when that is unlikely to be chance."""
    rows = sum(one.rows for one in past)
    for name, count in before.filled.items():
        if count and now.rows and not now.filled.get(name):
            share = sum(one.filled.get(name, 0) for one in past) / rows if rows else 0.0
            if (1 - share) ** now.rows < thresholds["chance"]:
                yield name


RULES: Mapping[str, Rule] = {
    "zero_rows": zero_rows,
    "volume": volume,
    "spend_without_conversions": spend_without_conversions,
    "conversions_without_spend": conversions_without_spend,
    "cpa": cpa,
    "drift": drift,
    "mapping_gap": mapping_gap,
    "schema": schema,
}


def _lines(history: History, day: date) -> Iterator[tuple[Line, Usual, list[LineDay]]]:
    """Lines with enough days to compare with, their day and the one before.

    A day before that was incomplete, or part of a known anomaly or stop, is not compared.
    """
    before = day - timedelta(days=1)
    for line in history.lines():
        if usual := history.usual(line, day):
            days = [day, before] if history.is_sound(line, before) else [day]
            yield line, usual, [history.of(line, one) for one in days]


def _cost_spread(usual: Usual) -> float:
    """Standard deviation of log(cost), shrunk halfway, as it comes from only eight days."""
    return max(LEAST_SPREAD, (LEAST_SPREAD + usual.cost_spread) / 2)


def _mood(history: History, rows: list[LineDay]) -> float:
    return history.mood(rows[0].line, [row.day for row in rows])


def _finding(
    rule: str,
    history: History,
    day: date,
    line: Line | None,
    amount: float | Decimal,
    words: str,
    subject: str = "",
) -> Finding:
    cents = Decimal(str(amount)).quantize(Decimal("0.01"))
    name = subject or (f"{line.label} ({line.advertiser_id})" if line else "")
    return Finding(rule, history.client_id, day, name, cents, words, line)


def _dollars(amount: float | Decimal) -> str:
    return f"${amount:,.2f}"
