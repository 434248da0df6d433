"""The leaderboard: the best affiliates, and which rise and fall, for each brand of a client.

`build` turns the rows of its queries into a `Leaderboard`. It has no side
effects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

from reports.affiliate_leaderboard.context import Board, Leaderboard, Place
from reports.messages.attachments import Sheet, sheet
from reports.model import LastReport, Report, Row, Rows, Subject, own_rows
from reports.shared.brands import NAME_LIMIT, brand_name
from reports.shared.change import Movement
from reports.shared.completeness import MAIN, WHY, by_day, measure
from reports.shared.figures import EXACT, NO_COST, add, apportion, count, ratio
from reports.shared.text import clean, listed
from reports.shared.weeks import (
    DAYS,
    Week,
    is_whole,
    open_days,
    open_days_note,
    week_changes,
    week_completeness,
    week_snapshots,
)
from signalroom.plural import counted

MOVERS = 3


def key(row: Row) -> tuple[int, str]:
    return row["advertiser_id"] or 0, str(row["affiliate_label"]).casefold()


def sold_by(row: Row) -> int:
    return int(row["conversions"])


def name(row: Row) -> str:
    return clean(row["affiliate_label"], NAME_LIMIT) or "(no name)"


def gone_words(row: Row) -> str:
    return f"{name(row)} ({count(sold_by(row))} the week before)"


def place(
    subject: Subject,
    row: Row,
    before: Mapping[tuple[int, str], Row] | None,
    ranks: Mapping[tuple[int, str], int],
    cost: Decimal | None = None,
    profit: Decimal | None = None,
) -> Place:
    """An affiliate; one without data the week before had zeros, and no rank."""
    was = None if before is None else before.get(key(row))
    compared = before is not None
    climbed = None if was is None else int(was["profit_rank"]) - int(row["profit_rank"])
    is_unknown = row["cpa_state"] == "missing_spend" or _is_unknown([row])
    was_known = compared and not (was and _is_unknown([was]))
    return Place(
        client_id=subject.client_id,
        name=name(row),
        is_internal=bool(row["is_internal"]),
        is_low_volume=bool(row["is_low_volume"]),
        is_new=compared and was is None,
        missing_spend_days=int(row["missing_spend_days"]),
        profit_rank=int(row["profit_rank"]),
        cpa_rank=ranks.get(key(row)),
        climbed=climbed,
        share=row["conversions_share"],
        conversions=Movement(sold_by(row), int(row["previous_conversions"]) if compared else None),
        cost=Movement(None if is_unknown else row["cost"], shown=None if is_unknown else cost),
        cpa=Movement(
            None if is_unknown else row["cpa"],
            row["previous_cpa"] if was_known else None,
            True,
            nothing=NO_COST,
        ),
        profit=Movement(row["profit"], row["previous_profit"] if compared else None, False, profit),
    )


def cpa_ranks(rows: Sequence[Row]) -> dict[tuple[int, str], int]:
    """Ranks by CPA among those with a cost; affiliates without cost get none, and use up none."""
    ranked = [row for row in rows if row["cpa_rank"] is not None and row["cpa"]]
    return {
        key(row): 1 + sum(int(one["cpa_rank"]) < int(row["cpa_rank"]) for one in ranked)
        for row in ranked
    }


def others(
    subject: Subject, rows: Sequence[Row], cost: Decimal, profit: Decimal, sold: int
) -> Place:
    """All affiliates not shown by name, as one line, so that the parts add up."""
    conversions = sum(sold_by(row) for row in rows)
    spent = add(row["cost"] for row in rows)
    return Place(
        client_id=subject.client_id,
        name=counted(len(rows), "other"),
        is_internal=False,
        is_low_volume=False,
        is_new=False,
        missing_spend_days=0,
        profit_rank=None,
        cpa_rank=None,
        climbed=None,
        share=ratio(Decimal(conversions), sold),
        conversions=Movement(conversions),
        cost=Movement(spent, shown=cost),
        cpa=Movement(None if _is_unknown(rows) else ratio(spent, conversions), nothing=NO_COST),
        profit=Movement(add(row["profit"] for row in rows), shown=profit),
    )


def _is_unknown(rows: Sequence[Row]) -> bool:
    """Whether their whole cost is missing spend, which is not zero."""
    return any(row["missing_spend_days"] for row in rows) and not any(row["cost"] for row in rows)


def movers(places: Sequence[Place], up: bool) -> tuple[Place, ...]:
    """The affiliates whose profit changed most; without those with missing spend."""
    moved = [
        (EXACT.copy_abs(Decimal(place.profit.change)), place)
        for place in places
        if place.profit.change and (place.profit.change > 0) == up and not place.missing_spend_days
    ]
    moved.sort(key=lambda one: -one[0])
    return tuple(place for _, place in moved[:MOVERS])


PAST_WEEKS = 4  # weeks whose numbers are checked for changes
DAYS_BACK = PAST_WEEKS * DAYS
MOST = 15  # affiliates that a board shows by name
MOST_LINES = 30  # over all boards, because emails have a size limit; three are for the totals
MOST_BOARDS = 4
COLUMNS = (
    *("period_start", "period_end", "advertiser_id", "advertiser_label"),
    *("affiliate_id", "affiliate_label", "is_internal", "is_low_volume"),
    *("conversions", "conversions_share", "everflow_revenue", "cost", "cpa", "cpa_state"),
    *("missing_spend_days", "profit", "profit_rank", "conversions_rank", "cpa_rank"),
    *("previous_conversions", "previous_cost", "previous_cpa", "previous_profit"),
)


def build(subject: Subject, rows: Rows, history: Mapping[date, LastReport]) -> Leaderboard:
    """The content of the leaderboard; `history` is what was last reported for each week.

    Raises ReportError when a row is not the client's own.
    """
    days = by_day(own_rows(rows["days"], subject.client_id))
    weeks: dict[date, list[Row]] = {}
    for row in own_rows(rows["query"], subject.client_id):
        weeks.setdefault(row["period_end"], []).append(row)
    week = Week(subject.day)
    whole = week_completeness(week, days)
    ranked = weeks.get(week.last_day, [])
    is_comparable = whole.state == "complete" and is_whole(week.before, days)
    earlier = weeks.get(week.before.last_day, []) if is_comparable else None
    past = [Week(week.last_day - timedelta(days=DAYS * back)) for back in range(PAST_WEEKS)]
    reported = week_snapshots(week, past, weeks, history, partial(_snapshot, subject))
    return Leaderboard(
        client_id=subject.client_id,
        title=subject.title,
        client_name=clean(subject.client_name, NAME_LIMIT),
        week=week,
        completeness=whole,
        boards=_boards(subject, ranked, earlier),
        is_comparable=is_comparable,
        notes=tuple(_notes(week, whole.state, days, ranked, is_comparable)),
        changes=week_changes(week, whole.state, reported, history),
        reported=reported,
        sheet=_sheet(ranked),
    )


def _boards(
    subject: Subject, rows: Sequence[Row], earlier: Sequence[Row] | None
) -> tuple[Board, ...]:
    by_brand: dict[int, list[Row]] = {}
    for row in rows:
        by_brand.setdefault(row["advertiser_id"] or 0, []).append(row)
    boards = max(1, min(MOST_BOARDS, len(by_brand)))
    most = min(MOST, MOST_LINES // boards - 3)
    return tuple(
        _board(
            subject,
            most,
            sorted(part, key=lambda row: (row["profit_rank"], str(row["affiliate_label"]))),
            None
            if earlier is None
            else [row for row in earlier if (row["advertiser_id"] or 0) == brand],
        )
        for brand, part in sorted(by_brand.items())[:MOST_BOARDS]
    )


def _board(
    subject: Subject, most: int, rows: Sequence[Row], earlier: Sequence[Row] | None
) -> Board:
    """One brand; `earlier` has the week before, None if it cannot be compared."""
    before = None if earlier is None else {key(row): row for row in earlier}
    first, rest = rows[:most], rows[most:]
    costs = apportion([*(row["cost"] for row in first), add(row["cost"] for row in rest)])
    profits = apportion([*(row["profit"] for row in first), add(row["profit"] for row in rest)])
    ranks = cpa_ranks(rows)
    places = tuple(
        place(subject, row, before, ranks, cost, profit)
        for row, cost, profit in zip(first, costs, profits, strict=False)
    )
    present = {key(row) for row in rows}
    gone = [] if earlier is None else [row for row in earlier if key(row) not in present]
    sold = sum(int(row["conversions"]) for row in rows)
    cost = add(row["cost"] for row in rows)
    everyone = [place(subject, row, before, ranks) for row in rows]
    return Board(
        client_id=subject.client_id,
        brand=brand_name(subject, rows[0]),
        places=places,
        others=others(subject, rest, costs[-1], profits[-1], sold) if rest else None,
        conversions=sold,
        cost=cost,
        cpa=None if _is_unknown(rows) else ratio(cost, sold),
        profit=add(row["profit"] for row in rows),
        rising=movers(everyone, up=True),
        falling=movers(everyone, up=False),
        gone=tuple(
            gone_words(row) for row in sorted(gone, key=sold_by, reverse=True) if sold_by(row)
        ),
    )


def _notes(
    week: Week,
    state: str,
    days: Mapping[date, Row],
    rows: Sequence[Row],
    is_comparable: bool,
) -> list[str]:
    if not rows:
        return []
    notes = [open_days_note(open_days(week, days), "these numbers may still change.")]
    if not is_comparable:
        what = "The week" if state != "complete" else "The week before"
        notes.append(f"{what} is not complete: no movers are shown.")
    brands = len({row["advertiser_id"] for row in rows})
    if brands > MOST_BOARDS:
        notes.append(f"{brands - MOST_BOARDS} more brands are in the attachment only.")
    unpaid = sorted((row for row in rows if row["missing_spend_days"]), key=sold_by, reverse=True)
    if unpaid:
        names = listed(list(dict.fromkeys(name(row) for row in unpaid)))
        notes.append(
            f"Spend is missing on some days of {names}: CPA too low or unknown, profit too high."
        )
    return [note for note in notes if note]


def _snapshot(subject: Subject, rows: Sequence[Row]) -> dict[str, str]:
    if not rows:
        return {}
    taken = {
        **measure(MAIN, "conversions", sum(sold_by(row) for row in rows)),
        **measure(MAIN, "cost", add(row["cost"] for row in rows)),
        **measure(MAIN, "profit", add(row["profit"] for row in rows)),
    }
    for kind, sold, spent in (
        (True, "Everflow's conversions of paid media", "RedTrack's spend"),
        (False, "Everflow's conversions of affiliates", "Everflow's payout"),
    ):
        part = [row for row in rows if bool(row["is_internal"]) == kind]
        taken |= measure(WHY, sold, sum(sold_by(row) for row in part))
        taken |= measure(WHY, spent, add(row["cost"] for row in part))
    return taken | measure(WHY, "Everflow's revenue", add(row["everflow_revenue"] for row in rows))


def _sheet(rows: Sequence[Row]) -> Sheet:
    ordered = sorted(rows, key=lambda row: (row["advertiser_id"] or 0, row["profit_rank"]))
    return sheet(COLUMNS, [[row[name] for name in COLUMNS] for row in ordered])


REPORT = Report(
    name="affiliate_leaderboard",
    title="Leaderboard",
    folder="affiliate_leaderboard",
    queries=("days", "query"),
    build=build,
    days=DAYS_BACK,
    period="weekly",
    channels=("slack", "email"),
)
