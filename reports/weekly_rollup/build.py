"""The weekly rollup: each brand's week and the total against the week before.

`build` turns the rows of queries/weekly_rollup.sql into a `Rollup`. It has no side effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from reports.messages.text import clean, short_day
from reports.retold import MAIN, WHY, difference, measure
from reports.rollup_brands import (
    NAME_LIMIT,
    brand_weeks,
    by_number,
    mapped_cost,
    total_week,
)
from reports.shared.figures import Figures, add
from reports.shared.restatement import restatements
from reports.shared.weeks import DAYS, Week, open_days, open_days_note, week_completeness, week_name
from reports.spreadsheet import Sheet, sheet
from reports.subject import Row, Subject, Told, own_rows
from reports.weekly_rollup.context import BrandWeek, Rollup, RunningWeek, TrendWeek

TREND_WEEKS = 8
DAYS_BACK = TREND_WEEKS * DAYS
COLUMNS = (
    "week_start",
    "advertiser_id",
    "advertiser_label",
    "days",
    "conversions",
    "everflow_payout",
    "everflow_revenue",
    "redtrack_cost",
    "unmapped_cost",
    "cost",
    "mapped_cpa",
    "profit",
    "previous_conversions",
    "previous_revenue",
    "previous_cost",
    "previous_unmapped_cost",
    "previous_mapped_cpa",
    "previous_profit",
)


def build(subject: Subject, rows: Sequence[Row], history: Mapping[date, Told]) -> Rollup:
    """The content of the rollup; `history` is what was last told of each week, by its Sunday.

    Raises ReportError when a row is not the client's own.
    """
    own = own_rows(rows, subject.client_id)
    by_day: dict[date, list[Row]] = {}
    weeks: dict[date, list[Row]] = {}
    for row in own:
        by_day.setdefault(row["date"], []).append(row)
        if row["week_start"] is not None:
            weeks.setdefault(row["week_start"] + timedelta(days=DAYS - 1), []).append(row)
    week = Week(subject.day)
    whole = week_completeness(week, by_day)
    brands = brand_weeks(subject, weeks.get(week.last_day, []))
    trend = [
        Week(week.last_day - timedelta(days=DAYS * back)) for back in reversed(range(TREND_WEEKS))
    ]
    told = {
        one.last_day.isoformat(): _snapshot(weeks.get(one.last_day, []))
        for one in trend
        if one == week or (one.last_day in weeks and one.last_day in history)
    }
    return Rollup(
        client_id=subject.client_id,
        title=subject.title,
        client_name=clean(subject.client_name, NAME_LIMIT),
        week=week,
        completeness=whole,
        total=total_week(subject, weeks[week.last_day]) if brands else None,
        brands=brands,
        running=_running(subject, weeks),
        notes=tuple(_notes(week, whole.state, by_day, brands)),
        changes=tuple(
            restatements(week.last_day, whole.state, told, history, difference, week_name, "weeks")
        ),
        trend=tuple(_trend_week(one, weeks.get(one.last_day, [])) for one in trend),
        told=told,
        sheet=_sheet(weeks, week),
    )


def _running(subject: Subject, weeks: Mapping[date, list[Row]]) -> RunningWeek | None:
    """The week that has begun since, as far as it is complete."""
    last = subject.day + timedelta(days=DAYS)
    rows = weeks.get(last, [])
    if not rows or subject.asked is None or subject.asked >= last:
        return None
    first = last - timedelta(days=DAYS - 1)
    days = int(rows[0]["days"])
    if first + timedelta(days=days - 1) > subject.asked:
        return None  # it has ended since: of another Monday it is the week itself
    total = total_week(subject, rows)
    noun = "day" if days == 1 else "days"
    return RunningWeek(
        f"{days} complete {noun} since {short_day(first)}", brand_weeks(subject, rows), total
    )


def _notes(
    week: Week, state: str, by_day: Mapping[date, list[Row]], brands: Sequence[BrandWeek]
) -> list[str]:
    if state == "absent":
        return []
    notes = [open_days_note(open_days(week, by_day), "not counted here, on either side.")]
    if brands and brands[0].conversions.before is None:
        notes.append("The week before is not complete on the same days: nothing to compare with.")
    return [note for note in notes if note]


def _trend_week(week: Week, rows: Sequence[Row]) -> TrendWeek:
    """A week of the trend; one that is not whole is marked, one without days is a gap."""
    if not rows:
        return TrendWeek(week, Figures(None, None), False)
    mapped = mapped_cost(rows)
    sold = sum(int(row["conversions"]) for row in rows)
    return TrendWeek(week, Figures(sold, mapped), int(rows[0]["days"]) == DAYS)


def _snapshot(rows: Sequence[Row]) -> dict[str, str]:
    if not rows:
        return {}
    total: Callable[[str], Decimal] = lambda name: add(row[name] for row in rows)  # noqa: E731
    taken = {
        **measure(MAIN, "conversions", sum(int(row["conversions"]) for row in rows)),
        **measure(MAIN, "cost", total("cost")),
        **measure(MAIN, "profit", total("profit")),
    }
    for row in by_number(rows):
        if row["advertiser_id"] is not None:
            name = clean(row["advertiser_label"] or row["advertiser_id"], NAME_LIMIT)
            taken |= measure(WHY, f"Everflow's conversions of {name}", int(row["conversions"]))
    return taken | {
        **measure(WHY, "Everflow's revenue", total("everflow_revenue")),
        **measure(WHY, "Everflow's payout", total("everflow_payout")),
        **measure(WHY, "RedTrack's spend", total("redtrack_cost")),
        **measure(WHY, "unmapped spend in it", total("unmapped_cost")),
    }


def _sheet(weeks: Mapping[date, list[Row]], week: Week) -> Sheet:
    """All brands and weeks up to the reported one, the newest first."""
    chosen = [
        row
        for last_day in sorted(weeks, reverse=True)
        if last_day <= week.last_day
        for row in by_number(weeks[last_day])
    ]
    return sheet(COLUMNS, [[row[name] for name in COLUMNS] for row in chosen])
