"""`marts.daily_project_performance`: each day by the client's projects.csv.

The file is parsed independently here, so that the truth shares no code with the product.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from sandbox.ledger.rows import ZERO, Row
from sandbox.mapping import CLIENTS_FOLDER, fold

MILLIONTH = Decimal("0.000001")
Key = tuple[date, int]  # day, advertiser
Shares = list[tuple[str | None, int]]


@dataclass(frozen=True)
class Line:
    """A line of the file; without an offer, for every offer that has no line."""

    project: str
    advertiser_id: int
    offer_id: int | None
    first: date
    last: date


def lines_of(client: str, folder: Path = CLIENTS_FOLDER) -> list[Line]:
    path = folder / client / "mappings" / "projects.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            Line(
                row["project"].strip(),
                int(row["everflow.advertiser_id"]),
                int(row["everflow.offer_id"]) if row["everflow.offer_id"].strip() else None,
                date.fromisoformat(row["valid_from"] or "1900-01-01"),
                date.fromisoformat(row["valid_to"] or "2999-12-31"),
            )
            for row in csv.DictReader(file)
            if row["project"].strip()
        ]


class Conversions:
    """Approved base conversions by project: their count and payout."""

    def __init__(self, rows: Iterable[Row], lines: Sequence[Line]) -> None:
        self.counts: dict[tuple[Key, str], dict[str | None, int]] = defaultdict(dict)
        self.payouts: dict[tuple[Key, str], dict[str | None, Decimal]] = defaultdict(dict)
        self.revenues: dict[tuple[Key, str], dict[str | None, Decimal]] = defaultdict(dict)
        for row in rows:
            if row["status"] != "approved":
                continue
            day, advertiser = row["date"], row["advertiser_id"]
            assert isinstance(day, date)  # noqa: S101
            assert isinstance(advertiser, int)  # noqa: S101
            project = _project(lines, (day, advertiser), row["offer_id"])
            cell = ((day, advertiser), fold(str(row["affiliate_label"])))
            counts, counted = self.counts[cell], 0 if row["is_view_through"] else 1
            counts[project] = counts.get(project, 0) + counted
            for sums, amount in ((self.payouts[cell], row["payout"]),
                                 (self.revenues[cell], row["revenue"])):  # fmt: skip
                assert isinstance(amount, Decimal)  # noqa: S101
                sums[project] = sums.get(project, ZERO) + amount

    def of_advertiser(self, key: Key) -> dict[str | None, int]:
        found: dict[str | None, int] = {}
        for (place, _), counts in self.counts.items():
            if place == key:
                for project, count in counts.items():
                    found[project] = found.get(project, 0) + count
        return {project: count for project, count in found.items() if count}


def daily_project_performance(
    client: str,
    days: Sequence[date],
    lines: Sequence[Line],
    performance: Sequence[Row],
    conversions: Sequence[Row],
) -> list[Row]:
    """A row for each valid project of each day, and for the rest."""
    known = Conversions(conversions, lines)
    sums: dict[tuple[date, str | None], Row] = {
        (day, line.project): _nothing(client, day, line.project)
        for day in days
        for line in lines
        if line.first <= day <= line.last
    }
    for row in performance:
        for project, part in _parts(row, lines, known):
            day = row["date"]
            assert isinstance(day, date)  # noqa: S101
            total = sums.setdefault((day, project), _nothing(client, day, project))
            for name, value in part.items():
                total[name] = total[name] + value  # type: ignore[operator]
    return [_finished(row) for row in sums.values()]


def _parts(
    row: Row, lines: Sequence[Line], known: Conversions
) -> Iterable[tuple[str | None, dict[str, int | Decimal]]]:
    day, advertiser = row["date"], row["advertiser_id"]
    assert isinstance(day, date)  # noqa: S101
    key = (day, advertiser if isinstance(advertiser, int) else 0)
    cell = (key, fold(str(row["affiliate_label"])))
    valid = [line for line in lines if _is_valid(line, key)]
    is_split = any(line.offer_id is not None for line in valid)
    own = known.counts.get(cell, {})
    shares: Shares = [(_project(lines, key, None), 1)]
    if is_split:
        weights = own if sum(own.values()) else known.of_advertiser(key)
        shares = sorted(weights.items(), key=lambda item: item[0] or "") or [(None, 1)]
    is_shared = is_split and shares != [(None, 1)]
    has_own = is_split and sum(own.values()) > 0
    payouts = known.payouts[cell] if has_own else {}
    revenues = known.revenues[cell] if has_own else {}
    is_paid = has_own and sum(payouts.values(), ZERO) == row["everflow_payout"]
    is_earned = has_own and sum(revenues.values(), ZERO) == row["everflow_revenue"]
    is_media = bool(row["is_internal"] or row["is_unmapped"])
    split = {
        name: _split(row[name], shares)
        for name in ("everflow_payout", "everflow_revenue", "redtrack_cost", "conversions")
    }
    for place, (project, _) in enumerate(shares):
        payout = payouts[project] if is_paid else split["everflow_payout"][place]
        spend = split["redtrack_cost"][place]
        cost = spend if is_media else payout
        count = int(split["conversions"][place])
        yield (
            project,
            {
                "conversions": count,
                "everflow_payout": payout,
                "everflow_revenue": (
                    revenues[project] if is_earned else split["everflow_revenue"][place]
                ),
                "redtrack_cost": spend,
                "unmapped_cost": cost if row["is_unmapped"] else ZERO,
                "allocated_cost": cost if is_shared and (is_media or not is_paid) else ZERO,
                "cost": cost,
                "has_missing_spend": int(row["cpa_state"] == "missing_spend" and count > 0),
            },
        )


def _split(amount: object, shares: Shares) -> list[Decimal]:
    """Parts in proportion, the last of which gets the remainder; counts in whole numbers."""
    assert isinstance(amount, (int, Decimal))  # noqa: S101
    weights = sum(weight for _, weight in shares)
    totals, running = [], 0
    for _, weight in shares:
        running += weight
        if running == weights:
            totals.append(Decimal(amount))
        elif isinstance(amount, int):
            totals.append(Decimal(amount * running // weights))
        else:
            totals.append((amount * running / weights).quantize(MILLIONTH, ROUND_HALF_UP))
    return [total - before for total, before in zip(totals, [ZERO, *totals], strict=False)]


def _project(lines: Sequence[Line], key: Key, offer_id: object) -> str | None:
    """The offer's own line first, then its advertiser's."""
    valid = [line for line in lines if _is_valid(line, key)]
    own = [line for line in valid if line.offer_id is not None and line.offer_id == offer_id]
    whole = [line for line in valid if line.offer_id is None]
    found = [*own, *whole]
    return found[0].project if found else None


def _is_valid(line: Line, key: Key) -> bool:
    return line.advertiser_id == key[1] and line.first <= key[0] <= line.last


def _nothing(client: str, day: date, project: str | None) -> Row:
    amounts = ("everflow_payout", "everflow_revenue", "redtrack_cost", "unmapped_cost",
               "allocated_cost", "cost")  # fmt: skip
    counts: Row = {"conversions": 0, "has_missing_spend": 0}
    return (
        {"_client_id": client, "date": day, "project": project}
        | counts
        | dict.fromkeys(amounts, ZERO)
    )


def _finished(row: Row) -> Row:
    cost, unmapped, count = row["cost"], row["unmapped_cost"], row["conversions"]
    assert isinstance(cost, Decimal)  # noqa: S101
    assert isinstance(unmapped, Decimal)  # noqa: S101
    assert isinstance(count, int)  # noqa: S101
    revenue = row["everflow_revenue"]
    assert isinstance(revenue, Decimal)  # noqa: S101
    return row | {
        "profit": revenue - cost,
        "has_missing_spend": bool(row["has_missing_spend"]),
        "cost_basis": "allocated" if row["allocated_cost"] else "direct",
        "blended_cpa": cost / count if count else None,
        "mapped_cpa": (cost - unmapped) / count if count else None,
    }
