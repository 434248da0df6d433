"""What a figure of a day is made of: the rows, their loads, the mapping, the vendor's total.

Everything is read from `marts.figure_parts` and `ops`; the parts add up to the figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from reports.delivery.outbox import Reported
from reports.explain.history import FILE, MappingFile, of_ops, reported, sent, values
from reports.explain.question import (
    CPA_DIGITS,
    FORMULAS,
    RATIOS,
    WITHOUT_CPA,
    Question,
    advertiser_of,
    belongs_to,
    exact_sum,
    ratio,
    refuse_unknown_affiliate,
    shown,
)
from reports.shared.figures import plain
from signalroom import clock, warehouse
from signalroom.clients import Client
from signalroom.closest import did_you_mean
from signalroom.errors import ConfigurationError, WarehouseError

__all__ = ["CPA_DIGITS", "Day", "Question", "explain"]

Row = Mapping[str, Any]
MARTS = {
    "days": "select 1 as found from daily_summary where _client_id = :client_id and date = :day",
    "parts": """
        select
            advertiser_id, affiliate_label, is_internal, is_unmapped, measure, source_table,
            source_column, everflow_affiliate_id, source_id, source_name, campaign_id, offer_id,
            amount, is_cost, mapping_rule, mapping_line, load_id, loaded_at
        from figure_parts
        where _client_id = :client_id and date = :day
        order by
            source_table, measure, advertiser_id, affiliate_label, everflow_affiliate_id, source_id,
            campaign_id, offer_id
    """,
    "versions": """
        select
            advertiser_id, affiliate_label, is_internal, is_unmapped, clicks, conversions,
            everflow_payout, everflow_revenue, redtrack_cost, cost, profit, cpa_state,
            known_from, known_to
        from daily_performance_versions
        where _client_id = :client_id and date = :day
    """,
}


class Day:
    """The data of one client's day, read once: every figure of it is explained from here."""

    def __init__(self, client: Client, day: date) -> None:
        """Raises WarehouseError for a day that the marts do not have."""
        scope = {"client_id": client.id, "day": day}
        self.marts = warehouse.read_together(MARTS, scope, client_id=client.id)
        if not self.marts["days"]:
            raise WarehouseError(
                f"The marts have no {day} for client {client.id}: load it with "
                f"`signalroom ingest all --start {day} --end {day}`, then build."
            )
        self.client, self.day = client, day
        self.ops = of_ops(client.id, day)
        self.mapping = MappingFile(self.ops["files"])
        self._reported: dict[str, list[Reported]] = {}

    def reported(self, metric: str) -> list[Reported]:
        """The day's metric in delivered messages, oldest first."""
        if metric not in self._reported:
            self._reported[metric] = reported(self.client.id, self.day, metric)
        return self._reported[metric]


def explain(question: Question, known: Day | None = None) -> dict[str, Any]:
    """The JSON object of `signalroom explain`; amounts of money are decimal text.

    `known` is the question's day if it was already read for another figure. Raises
    ConfigurationError for an unknown brand, metric or affiliate, WarehouseError for a day that the
    marts do not have.
    """
    if question.metric not in FORMULAS:
        said = did_you_mean(question.metric, FORMULAS)
        raise ConfigurationError(
            f"Metric {question.metric!r} is unknown. {said}There are: {', '.join(FORMULAS)}."
        )
    known = known or Day(question.client, question.day)
    found = known.marts
    advertiser_id = advertiser_of(question)
    belongs = belongs_to(question, advertiser_id)
    chosen = [row for row in found["parts"] if belongs(row)]
    if question.affiliate is not None and not chosen:
        refuse_unknown_affiliate(question)
    parts = _parts_of(question.metric, chosen)
    amounts = {
        is_count: exact_sum(
            row["amount"] for row in parts if (row["measure"] == "conversions") == is_count
        )
        for is_count in (True, False)
    }
    if question.metric in RATIOS:
        value = ratio(amounts[False], amounts[True])
        if question.affiliate is not None:
            current = [row for row in found["versions"] if row["known_to"] is None and belongs(row)]
            if {row["cpa_state"] for row in current} <= WITHOUT_CPA:
                value = None  # spend is missing
    else:
        value = exact_sum(row["amount"] for row in parts)
    return {
        "client": question.client.id,
        "date": question.day.isoformat(),
        "metric": question.metric,
        "value": shown(value, question.metric),
        "formula": FORMULAS[question.metric],
        "parts": [_part(row, question.client.id, known.mapping) for row in parts],
        "control_total": _totals(parts, known.ops["totals"]),
        "versions": list(values(question, belongs, found["versions"])),
        "sent": sent(question, advertiser_id, known.reported(question.metric)),
        "zone": str(clock.zone()),
        "window": {
            "start": clock.midnight(question.day).isoformat(),
            "end": clock.midnight(question.day + timedelta(days=1)).isoformat(),
        },
    }


def _parts_of(metric: str, chosen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts of the metric; those of a ratio are its cost, then its conversions."""
    costs = [row for row in chosen if row["is_cost"]]
    if metric in RATIOS:
        return [*costs, *(row for row in chosen if row["measure"] == "conversions")]
    if metric == "cost":
        return costs
    if metric == "unmapped_cost":
        return [row for row in costs if row["is_unmapped"]]
    if metric == "profit":
        revenue = [row for row in chosen if row["measure"] == "everflow_revenue"]
        return [*revenue, *({**row, "amount": row["amount"].copy_negate()} for row in costs)]
    return [row for row in chosen if row["measure"] == metric]


def _part(row: Row, client_id: str, file: MappingFile) -> dict[str, Any]:
    is_everflow = row["source_table"].startswith("everflow.")
    names: tuple[str, ...] = (
        ("everflow_affiliate_id", "advertiser_id") if is_everflow else ("source_id", "source_name")
    )
    if row["campaign_id"] or row["offer_id"]:
        names += ("campaign_id", "offer_id")
    mapping = None
    if row["mapping_rule"]:
        # the link of an offer, and the remainder of campaigns, are in no file
        is_of_file = row["mapping_rule"] in ("csv", "unmapped")
        mapping = {
            "file": f"data/clients/{client_id}/mappings/{FILE}" if is_of_file else None,
            "line": row["mapping_line"],
            "commit": file.commit(row["mapping_line"]) if is_of_file else None,
            "rule": row["mapping_rule"],
        }
    return {
        "table": row["source_table"],
        "key": {name.removeprefix("everflow_"): row[name] for name in names},
        "affiliate": row["affiliate_label"],
        "column": row["source_column"],
        "amount": shown(row["amount"], row["measure"]),
        "load_id": row["load_id"],
        "loaded_at": row["loaded_at"].isoformat() if row["loaded_at"] else None,
        "file": None,
        "mapping": mapping,
    }


def _totals(parts: list[dict[str, Any]], totals: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The vendors' totals of the day, for each column that the figure uses."""
    used = {f"{row['source_table']}.{row['source_column']}" for row in parts}
    found = {row["name"]: plain(row["total"]) for row in totals if row["name"] in used}
    return found or None
