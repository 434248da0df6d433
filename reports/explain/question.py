"""The requested figure and which rows belong to it, with the daily report's definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from reports.shared.figures import plain
from signalroom import warehouse
from signalroom.clients import Client
from signalroom.closest import did_you_mean
from signalroom.errors import ConfigurationError

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
COUNTS = ("conversions", "clicks")
# an affiliate whose rows are all in these states has no CPA, whatever the sums are
WITHOUT_CPA = {"missing_spend", "no_conversions", "unmapped_spend"}
CPA_DIGITS = Decimal("0.000001")
LABELS = """
select distinct advertiser_id from daily_performance
where
    _client_id = :client_id
    and (lower(advertiser_label) = :label or cast(advertiser_id as text) = :label)
"""
AFFILIATES = "select distinct affiliate_label from daily_performance where _client_id = :client_id"
Belongs = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Question:
    """A figure: a metric of a client's day, for an affiliate, a brand or a group, or for all."""

    client: Client
    day: date
    metric: str
    affiliate: str | None = None
    brand: str | None = None
    group: str | None = None

    @property
    def scope(self) -> dict[str, object]:
        """The client and day, for queries."""
        return {"client_id": self.client.id, "day": self.day}


def advertiser_of(question: Question) -> int | None:
    """The advertiser for a brand's name, its label in Everflow, or its id."""
    if question.brand is None:
        return None
    wanted = question.brand.strip().casefold()
    for brand in question.client.brands:
        if wanted in (brand.name.casefold(), str(brand.advertiser_id)):
            return brand.advertiser_id
    scope = {"client_id": question.client.id, "label": wanted}
    found = warehouse.read(LABELS, scope, client_id=question.client.id)
    if not found:
        names = [brand.name for brand in question.client.brands]
        said = did_you_mean(question.brand or "", names)
        raise ConfigurationError(
            f"Brand {question.brand!r} is unknown. {said}Client {question.client.id} has: "
            f"{', '.join(names)}."
        )
    return int(found[0]["advertiser_id"])


def refuse_unknown_affiliate(question: Question) -> None:
    """Raise ConfigurationError for an affiliate without any row in the marts."""
    wanted = (question.affiliate or "").strip().casefold()
    rows = warehouse.read(
        AFFILIATES, {"client_id": question.client.id}, client_id=question.client.id
    )
    names = [row["affiliate_label"] for row in rows]
    if wanted not in {name.casefold() for name in names}:
        said = did_you_mean(wanted, names)
        raise ConfigurationError(
            f"Affiliate {question.affiliate!r} is unknown: client {question.client.id} has no "
            f"rows for it on any day. {said}".strip()
        )


def belongs_to(question: Question, advertiser_id: int | None) -> Belongs:
    """Whether a row is in the figure's scope, as the daily report and `daily_summary` define it."""
    known = {brand.advertiser_id for brand in question.client.brands}
    label = question.affiliate.strip().casefold() if question.affiliate is not None else None
    of_unmapped = question.group == "unmapped" or question.metric == "unmapped_cost"
    without_unmapped = question.metric in ("cpa", "mapped_cpa") or (
        question.brand is not None and label is None and question.metric in ("cost", "profit")
    )

    def belongs(row: Mapping[str, Any]) -> bool:
        if label is not None:
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

    return belongs


def exact_sum(values: Iterable[Decimal]) -> Decimal:
    """The sum with every digit."""
    with localcontext(prec=60):
        return sum(values, Decimal(0))


def ratio(cost: Decimal, conversions: Decimal) -> Decimal | None:
    """The quotient as in the marts; None without conversions."""
    if not conversions:
        return None
    with localcontext(prec=60):
        return (cost / conversions).quantize(CPA_DIGITS, ROUND_HALF_UP)


def shown(value: Decimal | None, measure: str) -> str | int | None:
    """A count as a number, money as text."""
    if value is None:
        return None
    return int(value) if measure in COUNTS else plain(value)
