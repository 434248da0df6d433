"""States: where orders come from and where cards decline, for all brands of a client.

`build` turns the rows of its queries into a `States`. It has no side effects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from reports.messages.attachments import Sheet, sheet
from reports.model import LastReport, Report, Row, Rows, Subject, own_rows
from reports.shared.brands import NAME_LIMIT, NO_BRAND
from reports.shared.completeness import MAIN, WHY, Completeness, Freshness, measure
from reports.shared.figures import add, apportion
from reports.shared.text import clean, day_name, listed
from reports.shared.weeks import DAYS, Week, week_changes, week_snapshots
from reports.state_performance.context import States
from reports.state_performance.map import ELSEWHERE, TILES
from reports.state_performance.orders import Orders, together
from signalroom import clock

S3 = "S3 export"
PAST_WEEKS = 5  # weeks that are checked for changes; the week before is compared as well
DAYS_BACK = PAST_WEEKS * DAYS
COLUMNS = (
    *("week_start", "project", "state", "attempts", "approved", "declined"),
    *("revenue", "refunds", "refund_amount", "chargebacks"),
)
MOST_BRANDS = 12  # shown individually, because emails have a size limit
COUNTS = ("attempts", "approved", "declined", "refunds", "chargebacks")


def build(subject: Subject, rows: Rows, history: Mapping[date, LastReport]) -> States:
    """The content of the report; `history` is what was last reported for each week.

    Raises ReportError when a row is not the client's own.
    """
    week = Week(subject.day)
    weeks: dict[date, list[Row]] = {}
    for row in own_rows(rows["query"], subject.client_id):
        weeks.setdefault(_sunday(row["order_date"]), []).append(row)
    read = own_rows(rows["files"], subject.client_id)
    files = {row["file_date"] for row in read}
    whole = _completeness(week, files, read)
    ordered = weeks.get(week.last_day, []) if whole.state != "absent" else []
    # A week is compared once it is complete; the one before is then complete as well.
    before = weeks.get(week.before.last_day, [])
    is_comparable = whole.state == "complete" and min(files) <= week.before.first_day
    past = [Week(week.last_day - timedelta(days=DAYS * back)) for back in range(PAST_WEEKS)]
    reported = week_snapshots(week, past, weeks, history, _snapshot)
    return States(
        client_id=subject.client_id,
        title=subject.title,
        client_name=clean(subject.client_name, NAME_LIMIT),
        week=week,
        completeness=whole,
        total=_orders(subject, "Total", ordered) if ordered else None,
        before=_orders(subject, "Total", before) if is_comparable and before else None,
        brands=_few(subject, _parts(subject, ordered, _brand)),
        states=_parts(subject, ordered, _state),
        notes=tuple(_notes(week, whole, files)),
        changes=week_changes(week, whole.state, reported, history),
        reported=reported,
        sheet=_sheet(week, ordered),
    )


def _sunday(day: date) -> date:
    return day + timedelta(days=7 - day.isoweekday())


def _completeness(week: Week, files: set[date], rows: Sequence[Row]) -> Completeness:
    """A day's orders are complete once a file of a later day was read."""
    loads: list[datetime] = [row["loaded_at"] for row in rows if row["loaded_at"] is not None]
    fresh = (Freshness(S3, max(loads, default=None)),)
    late: tuple[str, ...] = ()
    reaches = any(file > week.first_day for file in files)
    if not reaches:
        state = "absent"
    elif not clock.is_closed(week.last_day, clock.now()):
        state = "running"
    elif any(file > week.last_day for file in files):
        state = "complete"
    else:
        state, late = "incomplete", (S3,)
    return Completeness(state, late, () if loads else (S3,), fresh, "week")


def _brand(row: Row) -> str:
    return clean(row["project"] or "", NAME_LIMIT) or NO_BRAND


def _state(row: Row) -> str:
    return row["state"] if row["state"] in TILES else ELSEWHERE


def _parts(
    subject: Subject, rows: Sequence[Row], named: Callable[[Row], str]
) -> tuple[Orders, ...]:
    """The rows by brand or by state, most attempts first; revenues add up to their total."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(named(row), []).append(row)
    ordered = sorted(parts.items(), key=lambda part: (-_sum(part[1], "attempts"), part[0]))
    cents = apportion([_revenue(part) for _, part in ordered])
    return tuple(
        _orders(subject, name, part, shown)
        for (name, part), shown in zip(ordered, cents, strict=True)
    )


def _few(subject: Subject, brands: tuple[Orders, ...]) -> tuple[Orders, ...]:
    if len(brands) <= MOST_BRANDS:
        return brands
    first, rest = brands[: MOST_BRANDS - 1], brands[MOST_BRANDS - 1 :]
    return (*first, together(subject.client_id, rest))


def _orders(
    subject: Subject, name: str, rows: Sequence[Row], shown: Decimal | None = None
) -> Orders:
    return Orders(
        client_id=subject.client_id,
        name=name,
        revenue=_revenue(rows),
        shown=shown,
        **{one: _sum(rows, one) for one in COUNTS},
    )


def _sum(rows: Iterable[Row], column: str) -> int:
    return sum(int(row[column] or 0) for row in rows)


def _revenue(rows: Iterable[Row]) -> Decimal:
    return add(row["revenue"] or Decimal(0) for row in rows)


def _notes(week: Week, whole: Completeness, files: set[date]) -> list[str]:
    """Days within the week without a file: orders may be missing."""
    if whole.state == "absent":
        return []
    due = [day + timedelta(days=1) for day in week.days]
    newest = max(files)
    holes = [day for day in due if day < newest and day not in files]
    if not holes:
        return []
    names = listed([day_name(day) for day in holes], most=DAYS)
    return [f"No file with orders came on {names}: orders of the day before may be missing."]


def _snapshot(rows: Sequence[Row]) -> dict[str, str]:
    if not rows:
        return {}
    return {
        **measure(MAIN, "attempts", _sum(rows, "attempts")),
        **measure(MAIN, "approved", _sum(rows, "approved")),
        **measure(MAIN, "revenue", _revenue(rows)),
        **measure(WHY, "declines", _sum(rows, "declined")),
        **measure(WHY, "refunds", _sum(rows, "refunds")),
        **measure(WHY, "chargebacks", _sum(rows, "chargebacks")),
    }


def _sheet(week: Week, rows: Sequence[Row]) -> Sheet:
    """A row per brand and state of the week."""
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        parts.setdefault((row["project"] or "", row["state"]), []).append(row)
    return sheet(
        COLUMNS,
        [
            [
                week.first_day,
                project or None,
                state,
                *(_sum(part, one) for one in ("attempts", "approved", "declined")),
                _revenue(part),
                _sum(part, "refunds"),
                add(row["refund_amount"] or Decimal(0) for row in part),
                _sum(part, "chargebacks"),
            ]
            for (project, state), part in sorted(parts.items())
        ],
    )


REPORT = Report(
    name="state_performance",
    title="States",
    folder="state_performance",
    queries=("files", "query"),
    build=build,
    days=DAYS_BACK,
    period="weekly",
    channels=("slack", "email"),
)
