"""Adds up what `signalroom explain` prints for every figure of a daily message."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from reports import compose
from reports.explain import CPA_DIGITS, Day, Question, explain
from reports.shared.figures import ratio, rounded
from signalroom import clients

SUMS = {"month", "others"}  # goals, and several affiliates combined


def explained(report: str, client_id: str, day: date, known: dict[date, Day] | None = None) -> int:
    """The number of figures in the message; AssertionError if one differs from its parts' sum.

    `known` caches what was read about the client's days.
    """
    found, days = 0, {} if known is None else known
    for one in compose(report, client_id, day, ("sms",)).figures:
        if SUMS & set(one.keys):
            continue
        question = Question(
            client=clients.client(client_id),
            day=date.fromisoformat(one.keys["date"]),
            metric=one.metric,
            affiliate=one.keys.get("affiliate"),
            brand=one.keys["brand"],
            group=one.keys.get("group"),
        )
        if question.day not in days:
            days[question.day] = Day(question.client, question.day)
        answer = explain(question, days[question.day])
        value, given = Decimal(answer["value"]), Decimal(one.value)
        assert value == (rounded(given, CPA_DIGITS) if one.metric == "cpa" else given), one
        amounts = {True: Decimal(0), False: Decimal(0)}
        for part in answer["parts"]:
            amounts[part["column"] == "conversions"] += Decimal(part["amount"])
        added = amounts[one.metric == "conversions"]
        if one.metric == "cpa":
            added = rounded(ratio(added, amounts[True]), CPA_DIGITS) or added
        assert added == value, one
        found += 1
    return found
