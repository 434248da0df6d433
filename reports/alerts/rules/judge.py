"""Evaluation: the marts' days as histories, what the rules find, and backtests.

A baseline's days are taken as known at the age that the checked day has now, if the version ledger
reaches back that far; it excludes incomplete days, and those of known anomalies of a line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from reports.alerts import policy
from reports.alerts.incidents import Incidents, Trouble
from reports.alerts.rules.history import (
    LATELY,
    WEEKS,
    History,
    Line,
    LineDay,
    Tables,
    days_like,
)
from reports.alerts.rules.rules import RULES, Finding, judge
from reports.shared.figures import money
from reports.shared.text import day_name
from signalroom import clock, warehouse
from signalroom.errors import ReportError

TablesOf = Mapping[str, Tables]  # by client
KIND = "anomaly"
REACH = timedelta(weeks=WEEKS, days=LATELY.stop)
# Only the first finding is reported. Mapping gaps are found by the check of unmapped spend.
MOST_TELLING = (
    "zero_rows",
    "spend_without_conversions",
    "conversions_without_spend",
    "cpa",
    "drift",
    "volume",
)
VERSIONS = """
select
    _client_id, date, advertiser_id, affiliate_label, is_internal, is_unmapped,
    conversions, cost, clicks, redtrack_clicks, known_from, known_to
from daily_performance_versions
where date between :since and :until
order by known_from
"""
TRACKED = """
select _client_id, date, advertiser_id, affiliate_label, sum(conversions) as conversions
from campaign_performance
where date between :since and :until and not is_unmapped
group by 1, 2, 3, 4
"""
COMPLETE = """
select _client_id, date, is_complete
from daily_summary
where date between :since and :until
"""
REPAIRS = {
    "zero_rows": "Does the vendor show this day? `signalroom ingest all` loads it again.",
    "volume": "Ask the affiliate, or the buyer, whether traffic was stopped.",
    "spend_without_conversions": "Test the landing page and its pixel.",
    "conversions_without_spend": "Check the ad account's connection in RedTrack, its token too.",
    "cpa": "Look at bids and payouts of this affiliate.",
    "drift": "Compare the postbacks of both trackers for this affiliate.",
    "schema": "Look for a change at the vendor; then change the source's columns and its YAML, and "
    "load the days again.",
}
NO_CLIENTS: TablesOf = {}


@dataclass(frozen=True)
class Backtest:
    """How often a rule would have fired, on how many days and clients, and on what."""

    rule: str
    days: int
    judged: int  # complete days of clients
    findings: tuple[Finding, ...]

    @property
    def per_week(self) -> float:
        """Findings per week, over all clients."""
        return len(self.findings) / self.days * 7


def find_anomalies(clients: Collection[str], tables: TablesOf = NO_CLIENTS) -> list[Trouble]:
    """What the rules find for yesterday, with raw tables by client if they could be read.

    WarehouseError where the marts cannot be read.
    """
    day = clock.yesterday()
    known = _known_anomalies(day)
    thresholds = {rule: policy.thresholds(rule) for rule in ("schema", *MOST_TELLING)}
    found: list[Trouble] = []
    for client_id, history in read_histories(day, day, clients, tables).items():
        for one in judge("schema", history, day, thresholds["schema"]):
            found.append(trouble_of(client_id, one))
        for line, its_day in known:
            history.leave_out(line, [its_day])
        found_lines: set[Line | None] = set()
        for rule in MOST_TELLING:
            these = judge(rule, history, day, thresholds[rule])
            # an empty day explains its lines, and a broken pixel its line's volume
            these = [one for one in these if not found_lines & {None, one.line}]
            found_lines |= {one.line for one in these}
            found += [trouble_of(client_id, one) for one in these]
    return found


def backtest(
    rules: Collection[str], days: int, clients: Collection[str], tables: TablesOf = NO_CLIENTS
) -> dict[str, Backtest]:
    """Check each of the last days with each rule as if it were yesterday.

    ReportError for an unknown rule.
    """
    for rule in rules:
        if rule not in RULES:
            raise ReportError(f"There is no rule {rule!r}; there are {', '.join(RULES)}.")
    last = clock.yesterday()
    since = last - timedelta(days=days - 1)
    histories = list(read_histories(since, last, clients, tables).values())
    span = [since + timedelta(days=ahead) for ahead in range(days)]
    return {rule: _backtest(rule, span, histories) for rule in rules}


def _backtest(rule: str, span: Sequence[date], histories: Iterable[History]) -> Backtest:
    thresholds = policy.thresholds(rule)
    found: list[Finding] = []
    judged = 0
    for history in histories:
        before = set(history.left_out)
        for day in span:
            if (None, day) in before:
                continue
            judged += 1
            these = judge(rule, history, day, thresholds)
            for one in these:
                if one.line:
                    history.leave_out(one.line, [day])
            found += these
        history.leave_out_only(before)
    return Backtest(rule, len(span), judged, tuple(found))


def days_needed(days: int) -> list[date]:
    """The days whose raw tables a backtest of so many days needs; one: those of yesterday."""
    last = clock.yesterday()
    judged = [last - timedelta(days=back) for back in range(days)]
    found = {day - timedelta(days=1) for day in judged}.union(judged)
    return sorted(found.union(*(days_like(day) for day in judged)))


def read_histories(
    first: date, last: date, clients: Collection[str], tables: TablesOf = NO_CLIENTS
) -> dict[str, History]:
    """The days of each client needed to check these days, including those before them."""
    window = {"since": first - REACH, "until": last}
    versions = [row for row in warehouse.read(VERSIONS, window) if row["_client_id"] in clients]
    tracked = {_key(row): int(row["conversions"]) for row in warehouse.read(TRACKED, window)}
    age = clock.now() - clock.midnight(last)
    found = {one: History(one, tables.get(one, {})) for one in clients}
    for row in as_known(versions, age):
        line = Line(
            row["_client_id"],
            row["advertiser_id"],
            row["affiliate_label"],
            bool(row["is_internal"]),
            bool(row["is_unmapped"]),
        )
        cost = Decimal(row["cost"] or 0)
        counts = (row[name] or 0 for name in ("clicks", "redtrack_clicks"))
        count, own = row["conversions"] or 0, tracked.get(_key(row))
        found[line.client_id].add([LineDay(line, row["date"], count, cost, own, *counts)])
    for row in warehouse.read(COMPLETE, window):
        if row["_client_id"] in found and not row["is_complete"]:
            found[row["_client_id"]].leave_out(None, [row["date"]])
    return {
        client_id: history
        for client_id, history in found.items()
        if first != last or (None, last) not in history.left_out
    }


def as_known(versions: Iterable[Mapping[str, Any]], age: timedelta) -> list[Mapping[str, Any]]:
    """The version of each line's day that was valid when the day had this age.

    If the ledger began later than that, its first version.
    """
    chosen: dict[tuple[object, ...], Mapping[str, Any]] = {}
    for row in versions:  # oldest first
        at: datetime = clock.midnight(row["date"]) + age
        key = _key(row)
        before = chosen.get(key)
        if before is None or row["known_from"] <= at:
            chosen[key] = row
    return [
        row
        for row in chosen.values()
        if row["known_to"] is None
        or row["known_to"] > clock.midnight(row["date"]) + age
        or row["known_from"] > clock.midnight(row["date"]) + age
    ]


def _key(row: Mapping[str, Any]) -> tuple[object, ...]:
    return row["_client_id"], row["date"], row["advertiser_id"], row["affiliate_label"]


def _subject(one: Finding) -> str:
    return f"{one.rule}:{one.subject}:{one.day}"


def trouble_of(client_id: str, one: Finding) -> Trouble:
    """A finding as a message."""
    detail = f"On {day_name(one.day)}, compared with the same weekdays before: "
    detail += f"{money(one.amount)} at stake."
    if one.rule == "schema":
        detail = f"Since {day_name(one.day)}. What the models read is unchanged; a column that is "
        detail += "empty counts as nothing, and one that is new is not read."
    return Trouble(
        kind=KIND,
        client_id=client_id,
        subject=_subject(one),
        severity="warning",
        title=f"{one.words.rstrip('.')}"[:150],
        detail=detail,
        repair=REPAIRS[one.rule],
        cause=f"{KIND}:{one.rule}",
    )


def _known_anomalies(day: date) -> list[tuple[Line | None, date]]:
    """Lines and days of earlier anomalies, which must not count as usual."""
    with Incidents() as incidents:
        past = incidents.of_kind(KIND, clock.midnight(day - REACH))
    found: list[tuple[Line | None, date]] = []
    for one in past:
        _, _, rest = one.subject.partition(":")
        name, _, iso = rest.rpartition(":")
        label, _, advertiser = name.rpartition(" (")
        if label and date.fromisoformat(iso) < day:
            for internal in (True, False):
                line = Line(one.client_id, int(advertiser.rstrip(")")), label, internal)
                found.append((line, date.fromisoformat(iso)))
    return found
