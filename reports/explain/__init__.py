"""What a figure of a day is made of: the rows, their loads, the mapping, the vendor's own total.

Everything is read from `marts.figure_parts` and `ops`; re-adding the parts gives the figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from reports.delivery.outbox import Outbox
from signalroom import clock, warehouse
from signalroom.clients import Client
from signalroom.errors import ConfigurationError, WarehouseError

COST_RULE = (
    "RedTrack spend of paid media and of unmapped sources, Everflow payout of external affiliates"
)
FORMULAS = {
    "conversions": "sum of Everflow's approved conversions (cv)",
    "clicks": "sum of Everflow's clicks (total_click)",
    "everflow_payout": "sum of Everflow's payout",
    "everflow_revenue": "sum of Everflow's revenue",
    "redtrack_cost": "sum of RedTrack's cost",
    "unmapped_cost": "RedTrack spend of sources that map to no affiliate",
    "cost": COST_RULE,
    "profit": f"Everflow revenue - cost; cost is {COST_RULE}",
    "cpa": f"cost / conversions, without unmapped spend; cost is {COST_RULE}",
    "mapped_cpa": f"cost / conversions, without unmapped spend; cost is {COST_RULE}",
    "blended_cpa": f"cost / conversions, unmapped spend included; cost is {COST_RULE}",
}
RATIOS = ("cpa", "mapped_cpa", "blended_cpa")
GROUPS = ("internal", "external", "unmapped")
COUNTS = ("conversions", "clicks")
CPA_DIGITS = Decimal("0.000001")
PARTS = """
select
    advertiser_id, affiliate_label, is_internal, is_unmapped, measure, source_table, source_column,
    everflow_affiliate_id, source_id, source_name, amount, is_cost, mapping_rule, mapping_line,
    load_id, loaded_at
from figure_parts
where _client_id = :client_id and date = :day
order by source_table, measure, advertiser_id, affiliate_label, everflow_affiliate_id, source_id
"""
DAYS = "select 1 as found from daily_summary where _client_id = :client_id and date = :day"
STATES = """
select advertiser_id, affiliate_label, cpa_state from daily_performance
where _client_id = :client_id and date = :day
"""
TOTALS = """
select source || '.' || table_name || '.' || measure as name, total
from control_totals
where _client_id = :client_id and day = :day
"""
MAPPING = """
select coalesce(commit_id, content_hash) as version from client_file_versions
where _client_id = :client_id and file_name = 'internal-affiliates.csv'
order by recorded_at desc limit 1
"""


@dataclass(frozen=True)
class Question:
    """Which figure: a metric of a client's day, of an affiliate, a brand or a group, or of all."""

    client: Client
    day: date
    metric: str
    affiliate: str | None = None
    brand: str | None = None
    group: str | None = None


def explain(question: Question) -> dict[str, Any]:
    """The answer as the JSON object of `signalroom explain`; amounts of money are decimal text.

    Raises ConfigurationError for a brand or metric that is unknown, WarehouseError for a day that
    the marts do not have.
    """
    if question.metric not in FORMULAS:
        known = ", ".join(FORMULAS)
        raise ConfigurationError(f"Metric {question.metric!r} is unknown; there are: {known}.")
    scope = {"client_id": question.client.id, "day": question.day}
    if not warehouse.read(DAYS, scope, client_id=question.client.id):
        raise WarehouseError(
            f"The marts have no {question.day} for client {question.client.id}: load it with "
            f"`signalroom ingest all --start {question.day} --end {question.day}`, then build."
        )
    rows = warehouse.read(PARTS, scope, client_id=question.client.id)
    chosen = _chosen(rows, question)
    costs = [row for row in chosen if row["is_cost"]]
    if question.metric in RATIOS:
        counted = [row for row in chosen if row["measure"] == "conversions"]
        parts = [*costs, *counted]
        value = _ratio(_sum(costs), _sum(counted), question, scope)
    else:
        parts = _parts_of(question.metric, chosen, costs)
        value = _sum(parts)
    start = clock.midnight(question.day)
    version = _version(scope)
    return {
        "client": question.client.id,
        "date": question.day.isoformat(),
        "metric": question.metric,
        "value": _shown(value, question.metric),
        "formula": FORMULAS[question.metric],
        "parts": [_part(row, question.client.id, version) for row in parts],
        "control_total": _totals(parts, scope),
        "sent": _sent(question),
        "zone": str(clock.zone()),
        "window": {
            "start": start.isoformat(),
            "end": clock.midnight(question.day + timedelta(days=1)).isoformat(),
        },
    }


def _parts_of(
    metric: str, chosen: list[dict[str, Any]], costs: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    if metric == "cost":
        return costs
    if metric == "unmapped_cost":
        return [row for row in costs if row["is_unmapped"]]
    if metric == "profit":
        revenue = [row for row in chosen if row["measure"] == "everflow_revenue"]
        return [*revenue, *({**row, "amount": -row["amount"]} for row in costs)]
    return [row for row in chosen if row["measure"] == metric]


def _chosen(rows: Iterable[Mapping[str, Any]], question: Question) -> list[dict[str, Any]]:
    """The parts in the figure's scope, as the daily report and `daily_summary` draw it."""
    known = {brand.advertiser_id for brand in question.client.brands}
    advertiser_id = _advertiser(question)
    of_unmapped = question.group == "unmapped" or question.metric == "unmapped_cost"
    without_unmapped = question.metric in ("cpa", "mapped_cpa") or (
        question.brand is not None
        and question.affiliate is None
        and question.metric in ("cost", "profit")
    )

    def belongs(row: Mapping[str, Any]) -> bool:
        if question.affiliate is not None:
            label = question.affiliate.strip().casefold()
            if row["affiliate_label"].casefold() != label:
                return False
        elif of_unmapped:
            if not row["is_unmapped"]:
                return False
        elif without_unmapped and row["is_unmapped"]:
            return False
        if question.group in ("internal", "external") and (
            row["is_unmapped"] or row["is_internal"] != (question.group == "internal")
        ):
            return False
        if advertiser_id is None or row["advertiser_id"] == advertiser_id:
            return True
        return of_unmapped and row["advertiser_id"] not in known

    return [dict(row) for row in rows if belongs(row)]


def _advertiser(question: Question) -> int | None:
    """The advertiser of a brand's name, its label in Everflow, or its id."""
    if question.brand is None:
        return None
    wanted = question.brand.strip().casefold()
    for brand in question.client.brands:
        if wanted in (brand.name.casefold(), str(brand.advertiser_id)):
            return brand.advertiser_id
    sql = (
        "select distinct advertiser_id from daily_performance where _client_id = :client_id"
        " and (lower(advertiser_label) = :label or cast(advertiser_id as text) = :label)"
    )
    found = warehouse.read(
        sql, {"client_id": question.client.id, "label": wanted}, client_id=question.client.id
    )
    if not found:
        names = ", ".join(brand.name for brand in question.client.brands)
        raise ConfigurationError(
            f"Brand {question.brand!r} is unknown; client {question.client.id} has: {names}."
        )
    return int(found[0]["advertiser_id"])


def _ratio(
    cost: Decimal, conversions: Decimal, question: Question, scope: Mapping[str, object]
) -> Decimal | None:
    """As the marts divide; None without conversions, or where an affiliate's spend is missing."""
    if not conversions:
        return None
    if question.affiliate is not None:
        advertiser_id = _advertiser(question)
        states = {
            row["cpa_state"]
            for row in warehouse.read(STATES, scope, client_id=question.client.id)
            if row["affiliate_label"].casefold() == question.affiliate.strip().casefold()
            and advertiser_id in (None, row["advertiser_id"])
        }
        if states <= {"missing_spend", "no_conversions", "unmapped_spend"}:
            return None
    with localcontext(prec=60):
        return (cost / conversions).quantize(CPA_DIGITS, ROUND_HALF_UP)


def _sum(rows: Iterable[Mapping[str, Any]]) -> Decimal:
    with localcontext(prec=60):
        return sum((row["amount"] for row in rows), Decimal(0))


def _shown(value: Decimal | None, measure: str) -> str | int | None:
    """A count as a number, money as text without the zeros at its end."""
    if value is None:
        return None
    return int(value) if measure in COUNTS else f"{value.normalize():f}"


def _part(row: Mapping[str, Any], client_id: str, version: str | None) -> dict[str, Any]:
    is_everflow = row["source_table"].startswith("everflow.")
    names = (
        ("everflow_affiliate_id", "advertiser_id") if is_everflow else ("source_id", "source_name")
    )
    mapping = None
    if row["mapping_rule"]:
        mapping = {
            "file": f"data/clients/{client_id}/mappings/internal-affiliates.csv",
            "line": row["mapping_line"],
            "commit": version,
            "rule": row["mapping_rule"],
        }
    return {
        "table": row["source_table"],
        "key": {name.removeprefix("everflow_"): row[name] for name in names},
        "affiliate": row["affiliate_label"],
        "column": row["source_column"],
        "amount": _shown(row["amount"], row["measure"]),
        "load_id": row["load_id"],
        "loaded_at": row["loaded_at"].isoformat() if row["loaded_at"] else None,
        "file": None,
        "mapping": mapping,
    }


def _sent(question: Question) -> list[dict[str, Any]]:
    """The delivered messages that gave this very figure, oldest first."""
    advertiser_id = _advertiser(question)
    keys = {
        "date": question.day.isoformat(),
        "advertiser_id": None if advertiser_id is None else str(advertiser_id),
        "group": question.group,
        "affiliate": question.affiliate,
    }
    wanted = {name: value.casefold() for name, value in keys.items() if value is not None}
    date_alone = {"date": question.day.isoformat()}
    return [
        {
            "report": one.report,
            "channel": one.channel,
            "sent_at": one.sent_at.isoformat(),
            "value": one.value,
        }
        for one in Outbox().reported(question.client.id, question.metric, date_alone)
        if wanted == {name: value.casefold() for name, value in one.keys.items() if name != "brand"}
    ]


def _version(scope: Mapping[str, object]) -> str | None:
    """The commit that brought the mapping file, else its hash."""
    try:
        rows = warehouse.read(MAPPING, {"client_id": scope["client_id"]}, within="ops")
    except WarehouseError:
        return None  # plain dbt alone built here
    return rows[0]["version"] if rows else None


def _totals(parts: list[dict[str, Any]], scope: Mapping[str, object]) -> dict[str, Any] | None:
    """What the vendors gave for the day in all, of each column that the figure uses."""
    used = {f"{row['source_table']}.{row['source_column']}" for row in parts}
    try:
        rows = warehouse.read(TOTALS, scope, within="ops")
    except WarehouseError:
        return None
    found = {row["name"]: f"{row['total'].normalize():f}" for row in rows if row["name"] in used}
    return found or None
