"""The weekly rollup: each brand's week and the total against the week before.

`build` turns the rows of its queries into a `Rollup`. It has no side effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from reports.messages.attachments import Sheet, sheet
from reports.model import LastReport, Report, Row, Rows, Subject, own_rows
from reports.shared.brands import NAME_LIMIT, NO_BRAND, brand_name
from reports.shared.change import Compared, Movement, amount, what_moved
from reports.shared.completeness import MAIN, WHY, by_day, measure
from reports.shared.figures import (
    EXACT,
    NO_COST,
    QUERIES,
    Figures,
    Goal,
    add,
    apportion,
    goals,
    known_cost,
    ratio,
)
from reports.shared.text import clean, short_day
from reports.shared.weeks import (
    DAYS,
    Week,
    open_days,
    open_days_note,
    week_changes,
    week_completeness,
    week_snapshots,
)
from reports.weekly_rollup.context import BrandWeek, Rollup, RunningWeek, TrendWeek
from signalroom.plural import counted

MOST_BRANDS = 3  # shown individually; the others are combined, so that the parts add up
MONEY = (
    *("cost", "everflow_revenue", "profit", "unmapped_cost"),
    *("previous_cost", "previous_revenue", "previous_profit", "previous_unmapped_cost"),
)
Shown = Mapping[str, Decimal]
Unpaid = frozenset[tuple[int | None, str]]  # affiliates by brand
Both = tuple[Unpaid, Unpaid]  # of the week, and of the week before


def by_number(rows: Sequence[Row]) -> list[Row]:
    """Brands by their number, spend of no brand last."""
    return sorted(rows, key=lambda row: (row["advertiser_id"] is None, row["advertiser_id"] or 0))


def mapped_cost(rows: Sequence[Row], unpaid: Unpaid) -> Decimal | None:
    """Cost without unmapped spend; None if all of it is missing."""
    cost = add(EXACT.subtract(row["cost"], row["unmapped_cost"]) for row in rows)
    return known_cost(cost, _lacks(rows, unpaid))


def _lacks(rows: Sequence[Row], unpaid: Unpaid) -> bool:
    """Whether spend of an affiliate of the brands is missing."""
    return bool({number for number, _ in unpaid} & {row["advertiser_id"] for row in rows})


def brand_weeks(subject: Subject, rows: Sequence[Row], unpaid: Both) -> tuple[BrandWeek, ...]:
    """Each brand, then spend of no brand; amounts in cents that add up to the total's."""
    ordered = by_number(rows)
    brands = [row for row in ordered if row["advertiser_id"] is not None]
    parts = [(brand_name(subject, row), True, [row]) for row in brands[:MOST_BRANDS]]
    if rest := brands[MOST_BRANDS:]:
        parts.append((counted(len(rest), "other brand"), True, rest))
    parts += [(NO_BRAND, False, [row]) for row in ordered if row["advertiser_id"] is None]
    cents = {
        name: apportion([_summed(part, name) or Decimal(0) for _, _, part in parts])
        for name in MONEY
    }
    return tuple(
        _week(subject, name, is_brand, part, unpaid, {one: cents[one][at] for one in MONEY})
        for at, (name, is_brand, part) in enumerate(parts)
    )


def total_week(subject: Subject, rows: Sequence[Row], unpaid: Both) -> BrandWeek:
    """All brands and spend of no brand."""
    return _week(subject, "Total", True, rows, unpaid)


def mapped_cost_before(rows: Sequence[Row], unpaid: Unpaid) -> Decimal | None:
    """The same for the week before; None if unknown."""
    spent, unmapped = _summed(rows, "previous_cost"), _summed(rows, "previous_unmapped_cost")
    if spent is None or unmapped is None:
        return None
    return known_cost(EXACT.subtract(spent, unmapped), _lacks(rows, unpaid))


def _week(
    subject: Subject,
    name: str,
    is_brand: bool,
    rows: Sequence[Row],
    unpaid: Both,
    shown: Shown | None = None,
) -> BrandWeek:
    """Sums of rows; the week before is known if it is for each row.

    A CPA, cost or profit is not compared if either week lacks an affiliate's spend.
    """
    unpaid_now, unpaid_before = unpaid
    lacks_spend = _lacks(rows, unpaid_now) or _lacks(rows, unpaid_before)

    def moved(now: str, before: str, less_is_good: bool | None) -> Movement:
        value, earlier = _summed(rows, now), _summed(rows, before)
        if now == "cost":
            value = known_cost(value, _lacks(rows, unpaid_now))
            earlier = known_cost(earlier, _lacks(rows, unpaid_before))
        if now in ("cost", "profit") and lacks_spend:
            earlier = None
        if shown is None:
            return Movement(value, earlier, less_is_good)
        cents_before = None if earlier is None else shown[before]
        return Movement(value, earlier, less_is_good, shown[now], cents_before)

    sold, sold_before = _counted(rows, "conversions"), _counted(rows, "previous_conversions")
    before = None if lacks_spend else mapped_cost_before(rows, unpaid_before)
    return BrandWeek(
        client_id=subject.client_id,
        name=name,
        is_brand=is_brand,
        conversions=Movement(sold, sold_before),
        cost=moved("cost", "previous_cost", None),
        unmapped=moved("unmapped_cost", "previous_unmapped_cost", None),
        cpa=Movement(
            ratio(mapped_cost(rows, unpaid_now), sold),
            ratio(before, sold_before),
            True,
            nothing=NO_COST,
        ),
        revenue=moved("everflow_revenue", "previous_revenue", False),
        profit=moved("profit", "previous_profit", False),
    )


def _summed(rows: Sequence[Row], name: str) -> Decimal | None:
    values = [row[name] for row in rows]
    return None if None in values else add(values)


def _counted(rows: Sequence[Row], name: str) -> int | None:
    values = [row[name] for row in rows]
    return None if None in values else sum(int(value) for value in values)


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


def build(subject: Subject, rows: Rows, history: Mapping[date, LastReport]) -> Rollup:
    """The content of the rollup; `history` is what was last reported for each week, by its Sunday.

    Raises ReportError when a row is not the client's own.
    """
    days = by_day(own_rows(rows["days"], subject.client_id))
    weeks: dict[date, list[Row]] = {}
    for row in own_rows(rows["query"], subject.client_id):
        weeks.setdefault(row["week_start"] + timedelta(days=DAYS - 1), []).append(row)
    week = Week(subject.day)
    whole = week_completeness(week, days)
    own = weeks.get(week.last_day, [])
    lacking = _lacking(subject, rows)
    both = _unpaid_of_both(lacking, week)
    unpaid, _ = both
    brands = brand_weeks(subject, own, both)
    trend = [
        Week(week.last_day - timedelta(days=DAYS * back)) for back in reversed(range(TREND_WEEKS))
    ]
    reported = week_snapshots(week, trend, weeks, history, _snapshot)
    return Rollup(
        client_id=subject.client_id,
        title=subject.title,
        client_name=clean(subject.client_name, NAME_LIMIT),
        week=week,
        completeness=whole,
        total=total_week(subject, own, both) if brands else None,
        brands=brands,
        unpaid=len(unpaid),
        moved=_moved(subject, own, both) if brands and not any(both) else (),
        running=_running(subject, lacking, weeks),
        goals=_goals(subject, rows, own, unpaid) if brands else (),
        notes=tuple(_notes(week, whole.state, days, brands)),
        changes=week_changes(week, whole.state, reported, history),
        trend=tuple(
            _trend_week(one, weeks.get(one.last_day, []), _unpaid(lacking, one)) for one in trend
        ),
        reported=reported,
        sheet=_sheet(weeks, week),
    )


def _lacking(subject: Subject, rows: Rows) -> list[Row]:
    """Paid media with conversions but unknown spend; in the current week only on complete days."""
    counted_days = {row["date"] for row in own_rows(rows["running_days"], subject.client_id)}
    return [
        row
        for row in own_rows(rows["unpaid"], subject.client_id)
        if row["date"] <= subject.day or row["date"] in counted_days
    ]


def _unpaid(lacking: Sequence[Row], week: Week) -> Unpaid:
    """Paid media with conversions on a day of the week with unknown spend."""
    return frozenset(
        (row["advertiser_id"], row["affiliate_label"])
        for row in lacking
        if week.first_day <= row["date"] <= week.last_day
    )


def _unpaid_of_both(lacking: Sequence[Row], week: Week) -> Both:
    return _unpaid(lacking, week), _unpaid(lacking, week.before)


def _moved(subject: Subject, rows: Sequence[Row], unpaid: Both) -> tuple[str, ...]:
    """What changed from the week before: the CPA, the brand that changed it most, the profit."""
    unpaid_now, unpaid_before = unpaid

    def compared(name: str, part: Sequence[Row]) -> Compared:
        now = Figures(_counted(part, "conversions"), mapped_cost(part, unpaid_now))
        cost_before = mapped_cost_before(part, unpaid_before)
        before = Figures(_counted(part, "previous_conversions"), cost_before)
        return Compared(name, now, before)

    brands = [row for row in rows if row["advertiser_id"] is not None]
    parts = {str(row["advertiser_id"]): compared(brand_name(subject, row), [row]) for row in brands}
    profit = amount("Profit", _summed(rows, "profit"), _summed(rows, "previous_profit"))
    # what changed it most is only known if the cost of each is known
    is_known = all(one.before.cost is not None for one in parts.values())
    return what_moved(
        compared("", rows), parts if len(parts) > 1 and is_known else {}, profit, cost="mapped cost"
    )


def _goals(subject: Subject, rows: Rows, week: Sequence[Row], unpaid: Unpaid) -> tuple[Goal, ...]:
    """Goals of the month of the week's Sunday, next to the week's CPA of each brand.

    A CPA that lacks the spend of an affiliate is not compared.
    """
    recent = {
        row["advertiser_id"]: ratio(mapped_cost([row], unpaid), int(row["conversions"]))
        for row in week
        if row["advertiser_id"] is not None and not _lacks([row], unpaid)
    }
    return goals(subject, rows, recent)


def _running(
    subject: Subject, lacking: Sequence[Row], weeks: Mapping[date, list[Row]]
) -> RunningWeek | None:
    """The current week, as far as it is complete."""
    last = subject.day + timedelta(days=DAYS)
    rows = weeks.get(last, [])
    if not rows or subject.requested_day is None or subject.requested_day >= last:
        return None
    first = last - timedelta(days=DAYS - 1)
    days = int(rows[0]["days"])
    if first + timedelta(days=days - 1) > subject.requested_day:
        return None  # it has ended since: a later report is about it
    unpaid = _unpaid_of_both(lacking, Week(last))
    return RunningWeek(
        f"{counted(days, 'complete day')} since {short_day(first)}",
        brand_weeks(subject, rows, unpaid),
        total_week(subject, rows, unpaid),
    )


def _notes(
    week: Week, state: str, days: Mapping[date, Row], brands: Sequence[BrandWeek]
) -> list[str]:
    if state == "absent":
        return []
    notes = [open_days_note(open_days(week, days), "not counted here, on either side.")]
    if brands and brands[0].conversions.before is None:
        notes.append("The week before is not complete on the same days: nothing to compare with.")
    return [note for note in notes if note]


def _trend_week(week: Week, rows: Sequence[Row], unpaid: Unpaid) -> TrendWeek:
    """A week of the trend; an incomplete one is marked, one without days is a gap."""
    if not rows:
        return TrendWeek(week, Figures(None, None), False)
    mapped = mapped_cost(rows, unpaid)
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


REPORT = Report(
    name="weekly_rollup",
    title="Weekly rollup",
    folder="weekly_rollup",
    queries=("days", "query", "unpaid", "running_days", *QUERIES),
    build=build,
    days=DAYS_BACK,
    period="weekly",
    channels=("slack", "email"),
)
