"""How recent figures would change with another mapping file, before it is committed.

The product's own models run on a scratch DuckDB with the raw rows of those days; the warehouse is
only read. Totals are the same on both sides, because a mapping only moves amounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from signalroom import paths, warehouse
from signalroom.clients import Client
from signalroom.errors import TransformError
from transform.build import run_scratch
from transform.client_files.files import InternalAffiliates, read_text
from transform.client_files.packages import write_packages
from transform.client_files.reader import Unusable, decoded
from transform.scratch import CAMPAIGNS, CODES, LISTS, NO_TESTS, RAW, columns, fill, rows_of

COLUMNS = (
    "_client_id, date, advertiser_id, advertiser_label, affiliate_label, is_internal, is_unmapped,"
    " conversions, everflow_payout, everflow_revenue, redtrack_cost, cost, cpa_state"
)
CONSERVED = ("conversions", "everflow_payout", "everflow_revenue", "redtrack_cost")
CENT = Decimal("0.01")
Row = Mapping[str, Any]


def what_if_mapping(file: Path, client: Client, days: int) -> dict[str, Any]:
    """CPA by brand and affiliate for the last days, current and with the file.

    Money is decimal text, null if unknown. Raises TransformError if the file cannot be used, or if
    raw is newer than the marts.
    """
    try:
        reading = read_text(InternalAffiliates, client, decoded(file.read_bytes()))
    except OSError as error:
        raise TransformError(f"{file} cannot be read: {error.strerror}.") from error
    except Unusable as fault:
        raise TransformError(f"{file}:{fault.line}: {fault.reason}") from fault
    found = [f"{file}:{one.line}: {one.reason}" for one in reading.mistakes]
    if not reading.is_usable:
        raise TransformError("\n".join(found))
    last = warehouse.read(
        "select max(date) as day from daily_summary where _client_id = :client_id",
        {"client_id": client.id},
    )[0]["day"]
    if last is None:
        raise TransformError(f"The marts have no day of client {client.id}: build them first.")
    first = last - timedelta(days=days - 1)
    home = paths.home() / "what-if"
    _load(home, client, first, last)
    packages = home / "dbt" / "packages"
    write_packages(packages, {(client.id, InternalAffiliates.name): reading})
    built = run_scratch(["build", "--select", "+daily_performance", *NO_TESTS], packages, home)
    if built.failures:
        raise TransformError(f"The scratch build failed: {built.failures[0]}")
    scope = {"client_id": client.id, "first": first, "last": last}
    sql = (
        f"select {COLUMNS} from daily_performance"  # noqa: S608 - names of our own
        " where _client_id = :client_id and date between :first and :last"
    )
    before = warehouse.read(sql, scope)
    after = rows_of(home, f"select {COLUMNS} from marts.daily_performance")  # noqa: S608
    for column in CONSERVED:
        if _sum(before, column) != _sum(after, column):
            raise TransformError(
                f"{column} in raw differs from the marts: run `signalroom build`, then try again."
            )
    return {
        "client": client.id,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "mistakes": found,
        "totals": {column: _text(_sum(after, column)) for column in (*CONSERVED, "cost")},
        "brands": _compared(before, after, _brand),
        "affiliates": [
            one for one in _compared(before, after, _affiliate) if one["before"] != one["after"]
        ],
    }


def _load(home: Path, client: Client, first: date, last: date) -> None:
    """A new scratch warehouse with the raw rows of the days."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in RAW:
        source, _, name = table.partition(".")
        found[table] = warehouse.read(
            f"select {columns(table)} from {name}"  # noqa: S608 - names of our own
            " where _client_id = :client_id and date between :first and :last",
            {"client_id": client.id, "first": first, "last": last},
            within=source,
        )
    # an offer's link maps from the offer's first day with spend
    for table in (CAMPAIGNS, *LISTS, CODES) if client.maps_by_offer else ():
        source, _, name = table.partition(".")
        found[table] = warehouse.read(
            f"select {columns(table)} from {name} where _client_id = :client_id",  # noqa: S608
            {"client_id": client.id},
            within=source,
        )
    fill(home, found)


def _brand(row: Row) -> tuple[str, ...]:
    return (row["advertiser_label"] or "no brand", "unmapped" if row["is_unmapped"] else "mapped")


def _affiliate(row: Row) -> tuple[str, ...]:
    return (row["advertiser_label"] or "no brand", row["affiliate_label"])


def _compared(before: Iterable[Row], after: Iterable[Row], key: Any) -> list[dict[str, Any]]:
    """Both sides summed by a key; labels that differ only in case are the same."""
    sides: dict[tuple[str, ...], dict[str, list[Row]]] = defaultdict(lambda: {"b": [], "a": []})
    names: dict[tuple[str, ...], tuple[str, ...]] = {}
    for side, rows in (("b", before), ("a", after)):
        for row in rows:
            folded = tuple(part.casefold() for part in key(row))
            names.setdefault(folded, key(row))
            sides[folded][side].append(row)
    return [
        {
            "brand": names[folded][0],
            "affiliate": names[folded][1],
            "before": _figures(both["b"]),
            "after": _figures(both["a"]),
        }
        for folded, both in sorted(sides.items())
    ]


def _figures(rows: list[Row]) -> dict[str, Any]:
    cost, conversions = _sum(rows, "cost"), int(_sum(rows, "conversions"))
    is_missing = not cost and any(row["cpa_state"] == "missing_spend" for row in rows)
    cpa = None if is_missing or not conversions else cost / conversions
    kinds = {
        "unmapped" if row["is_unmapped"] else "internal" if row["is_internal"] else "external"
        for row in rows
    }
    return {
        "conversions": conversions,
        "cost": None if is_missing else _text(cost),
        "cpa": None if cpa is None else _text(cpa.quantize(CENT, ROUND_HALF_UP)),
        "kind": " and ".join(sorted(kinds)) or None,
    }


def _sum(rows: Iterable[Row], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"
