"""The performance marts, from their definitions (CONTRACT section 3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sandbox.ledger.rows import ZERO, Row, count, money
from sandbox.mapping import MappingRow, fold


@dataclass
class Ledger:
    """One row of `daily_performance` while it is summed."""

    label: str = ""
    advertiser_label: str | None = None
    is_unmapped: bool = False
    clicks: int = 0
    conversions: int = 0
    payout: Decimal = ZERO
    revenue: Decimal = ZERO
    spend: Decimal = ZERO
    spend_clicks: int = 0
    has_spend: bool = False


Key = tuple[date, int | None, str]  # day, advertiser, folded label


class Directory:
    """Affiliates and advertisers, by the client's file and Everflow's labels."""

    def __init__(
        self, mapping: Sequence[MappingRow], stats: Iterable[Row], advertisers: dict[int, str]
    ) -> None:
        self.by_source = {row.source_id: row for row in mapping}
        self.linked_since: dict[tuple[str, int | None], date] = {}
        self.advertisers = advertisers
        self._internal = {
            (fold(row.label), row.advertiser_id)
            for row in mapping
            if row.label is not None and row.advertiser_id is not None
        }
        # the newest day wins; on the same day the smaller id
        newest: dict[str, tuple[date, int, str]] = {}
        self._smallest_id: dict[str, int] = {}
        for stat in stats:
            day, number = stat["date"], stat["affiliate_id"]
            label = str(stat["affiliate_label"]).strip()
            assert isinstance(day, date)  # noqa: S101
            assert isinstance(number, int)  # noqa: S101
            rank = (day, -number, label)
            newest[fold(label)] = max(newest.get(fold(label), rank), rank)
            known = self._smallest_id.get(fold(label), number)
            self._smallest_id[fold(label)] = min(known, number)
        self._spelling = {label: rank[2] for label, rank in newest.items()}
        for row in mapping:
            if row.label is not None:
                self._spelling.setdefault(fold(row.label), row.label)

    def is_internal(self, label: str, advertiser_id: int | None, day: date) -> bool:
        """By the file, or by an offer's link on a day on which that applies."""
        since = self.linked_since.get((label, advertiser_id))
        return (label, advertiser_id) in self._internal or (since is not None and since <= day)

    def affiliate_id(self, label: str) -> int | None:
        """The smallest Everflow id that ever had the label; None if there is none."""
        return self._smallest_id.get(label)

    def spelling(self, label: str) -> str:
        """Everflow's newest spelling; the file's if Everflow never showed the label."""
        return self._spelling[label]


def daily_performance(
    client: str, stats: Sequence[Row], spend: Sequence[Row], directory: Directory
) -> list[Row]:
    ledgers: dict[Key, Ledger] = {}
    for row in stats:
        _book_stat(ledgers, row, directory)
    for row in spend:
        _book_spend(ledgers, row, directory)
    ordered = sorted(ledgers.items(), key=lambda item: (item[0][0], item[0][1] or 0, item[0][2]))
    return [_performance(client, key, ledger, directory) for key, ledger in ordered]


def _book_stat(ledgers: dict[Key, Ledger], row: Row, directory: Directory) -> None:
    label = fold(str(row["affiliate_label"]))
    day, advertiser = row["date"], row["advertiser_id"]
    assert isinstance(day, date)  # noqa: S101
    assert isinstance(advertiser, int)  # noqa: S101
    ledger = ledgers.setdefault((day, advertiser, label), Ledger())
    ledger.label = directory.spelling(label)
    ledger.advertiser_label = directory.advertisers[advertiser]
    ledger.clicks += count(row["clicks"])
    ledger.conversions += count(row["conversions"])
    ledger.payout += money(row["payout"])
    ledger.revenue += money(row["revenue"])


def _book_spend(ledgers: dict[Key, Ledger], row: Row, directory: Directory) -> None:
    day = row["date"]
    assert isinstance(day, date)  # noqa: S101
    entry = directory.by_source.get(str(row["source_id"]))
    advertiser = entry.advertiser_id if entry is not None else None
    if entry is not None and entry.label is not None and advertiser is not None:
        key: Key = (day, advertiser, fold(entry.label))
        label, is_unmapped = directory.spelling(fold(entry.label)), False
    else:
        label, is_unmapped = f"Unmapped: {str(row['source_name']).strip()}", True
        key = (day, advertiser, fold(label))
    ledger = ledgers.setdefault(key, Ledger())
    ledger.label, ledger.is_unmapped, ledger.has_spend = label, is_unmapped, True
    ledger.advertiser_label = directory.advertisers.get(advertiser) if advertiser else None
    ledger.spend += money(row["cost"])
    ledger.spend_clicks += count(row["clicks"])


def _performance(client: str, key: Key, ledger: Ledger, directory: Directory) -> Row:
    day, advertiser, label = key
    is_internal = not ledger.is_unmapped and directory.is_internal(label, advertiser, day)
    is_external = not ledger.is_unmapped and not is_internal
    cost = ledger.payout if is_external else ledger.spend
    state = "ok"
    if ledger.is_unmapped:
        state = "unmapped_spend"
    elif ledger.conversions == 0:
        state = "no_conversions"
    elif is_internal and not ledger.has_spend:
        state = "missing_spend"
    elif cost == 0:
        state = "zero_cost"
    has_cpa = state in {"ok", "zero_cost"}
    return {
        "_client_id": client,
        "date": day,
        "advertiser_id": advertiser,
        "advertiser_label": ledger.advertiser_label,
        "affiliate_id": None if ledger.is_unmapped else directory.affiliate_id(label),
        "affiliate_label": ledger.label,
        "is_internal": is_internal,
        "is_unmapped": ledger.is_unmapped,
        "clicks": ledger.clicks,
        "conversions": ledger.conversions,
        "everflow_payout": ledger.payout,
        "everflow_revenue": ledger.revenue,
        "redtrack_cost": ledger.spend,
        "redtrack_clicks": ledger.spend_clicks,
        "cost": cost,
        "cpa": cost / ledger.conversions if has_cpa else None,
        "cpa_state": state,
        "profit": ledger.revenue - cost,
    }


def by_offer(
    spend: Sequence[Row],
    campaigns: Sequence[Row],
    links: dict[str, tuple[str, int]],
    directory: Directory,
) -> list[Row]:
    """The spend if links of offers (label and advertiser) map sources without a line in the file.

    Each linked offer of such a source becomes a separate source, added to the directory, from its
    first day with spend; the rest of the source's cost is unchanged.
    """
    found = []
    for row in spend:
        source = str(row["source_id"])
        parts = [
            part
            for part in campaigns
            if (part["date"], part["source_id"]) == (row["date"], source)
            and part["offer_id"] in links
            and source not in directory.by_source
        ]
        rest = {**row}
        for part in parts:
            label, advertiser = links[str(part["offer_id"])]
            own = f"{source}/{part['offer_id']}"
            directory.by_source[own] = MappingRow(own, "", "", None, label, advertiser, None)
            day = part["date"]
            assert isinstance(day, date)  # noqa: S101
            key = (fold(label), advertiser)
            directory.linked_since[key] = min(day, directory.linked_since.get(key, day))
            found.append({**row, "source_id": own, "cost": part["cost"], "clicks": part["clicks"]})
            rest["cost"] = money(rest["cost"]) - money(part["cost"])
            rest["clicks"] = count(rest["clicks"]) - count(part["clicks"])
        if not parts or rest["cost"] or rest["clicks"]:
            found.append(rest)
    return found


def daily_summary(
    client: str, days: Sequence[date], performance: Sequence[Row], today: date
) -> list[Row]:
    """One row per requested day. `is_complete` assumes that every day was just pulled."""
    rows = []
    by_day: dict[date, list[Row]] = {day: [] for day in days}
    for row in performance:
        day = row["date"]
        assert isinstance(day, date)  # noqa: S101
        by_day[day].append(row)
    for day, parts in by_day.items():
        conversions = sum(count(row["conversions"]) for row in parts)
        unmapped = sum((money(row["cost"]) for row in parts if row["is_unmapped"]), ZERO)
        cost = sum((money(row["cost"]) for row in parts), ZERO)
        rows.append(
            {
                "_client_id": client,
                "date": day,
                "conversions": conversions,
                "everflow_payout": sum((money(row["everflow_payout"]) for row in parts), ZERO),
                "everflow_revenue": sum((money(row["everflow_revenue"]) for row in parts), ZERO),
                "redtrack_cost": sum((money(row["redtrack_cost"]) for row in parts), ZERO),
                "unmapped_cost": unmapped,
                "cost": cost,
                "blended_cpa": cost / conversions if conversions else None,
                "mapped_cpa": (cost - unmapped) / conversions if conversions else None,
                "internal_conversions": sum(
                    count(row["conversions"]) for row in parts if row["is_internal"]
                ),
                "is_complete": day < today,
            }
        )
    return rows


def unmapped_spend(client: str, spend: Sequence[Row], directory: Directory) -> list[Row]:
    return [
        {
            "_client_id": client,
            "date": row["date"],
            "source_id": row["source_id"],
            "source_name": str(row["source_name"]).strip(),
            "cost": row["cost"],
        }
        for row in spend
        if (entry := directory.by_source.get(str(row["source_id"]))) is None or not entry.is_mapped
    ]
