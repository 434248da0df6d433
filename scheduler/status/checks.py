"""Checks after each build: problems become incidents, which are resolved once fixed.

Late sources, open dead letters, tests that warn, unmapped spend, unexplained changes: none of them
blocks anything, but each needs attention.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from reports.alerts import findings as troubles
from reports.alerts import policy
from reports.alerts.incidents import (
    ALL_CLIENTS,
    Trouble,
    open_incidents,
    report_trouble,
    settle_trouble,
)
from reports.alerts.rules.budget import find_dry_sources
from reports.alerts.rules.judge import days_needed, find_anomalies
from scheduler.runs.ledger import Ledger
from scheduler.schedule import read_schedule
from scheduler.status import freshness
from scheduler.status.schemas import read_tables
from scheduler.status.status import STALE_AFTER
from signalroom import clock, warehouse
from signalroom.clients import active_clients
from signalroom.errors import WarehouseError
from signalroom.times import moment

log = logging.getLogger("scheduler")
SPEND_DAYS = 3  # older spend was reported when it was new
KINDS = frozenset(
    {
        "source_late",
        "dead_letters",
        "build_warned",
        "unmapped_spend",
        "unexplained_change",
        "anomaly",
        "budget",
    }
)
FROM_LOADS, OF_MARTS = ("unmapped_spend", "unexplained_change"), ("everflow", "redtrack")
SPEND = """
select _client_id, source_name, date, sum(cost) as cost
from unmapped_spend
where date >= :since and cost > 0
group by 1, 2, 3
order by 1, 2, 3
"""

# If a source is late, or conversions were never read, the missing data is the cause.
UNEXPLAINED = """
select _client_id, date, count(*) as lines
from performance_changes
where
    cause = 'unexplained'
    and exists (
        select 1 from daily_summary
        where
            daily_summary._client_id = performance_changes._client_id
            and daily_summary.date = performance_changes.date
            and daily_summary.is_complete
    )
group by 1, 2
order by 1, 2
"""
PARTS = ("conversions", "adjustments")


def check(warnings: Sequence[str], is_whole: bool = True) -> list[Trouble]:
    """Report what looks wrong and resolve what no longer does; `warnings` are those of the build.

    Only data that was read can resolve incidents: a failed query, a client that this process does
    not handle, a late source, or a partial build (`is_whole` false) leaves them open. Returns what
    looks wrong.

    Raises SignalRoomError if the warehouse or the run database is unavailable.
    """
    wanted = {client.id for client in active_clients()}
    found: list[Trouble] = []
    read: set[str] = set()
    failure: WarehouseError | None = None
    try:
        found += _freshness()
        read |= {"source_late", "dead_letters"}
    except WarehouseError as error:
        failure = error
    try:
        found += _spend(wanted)
        read.add("unmapped_spend")
    except WarehouseError as error:
        log.info("unmapped spend is not checked: %s", error)  # no mart yet, as the build reports
    try:
        found += _unexplained(wanted)
        read.add("unexplained_change")
    except WarehouseError as error:
        log.info("changes are not checked: %s", error)
    try:
        found += find_anomalies(wanted, read_tables(days_needed(1), wanted))
        read.add("anomaly")
        found += find_dry_sources(wanted)
        read.add("budget")
    except WarehouseError as error:
        log.info("anomalies are not looked for: %s", error)
    if warnings:
        found.append(troubles.build_warned(warnings))
    if is_whole:
        read.add("build_warned")
    known = {
        (one.kind, one.client_id, one.subject): one for one in open_incidents() if one.kind in KINDS
    }
    for trouble in found:
        before = known.pop((trouble.kind, trouble.client_id, trouble.subject), None)
        # The same finding an hour later is neither news nor a repeat.
        if before is None or (before.title, before.detail) != (trouble.title, trouble.detail):
            report_trouble(trouble)
    late = {one.client_id for one in found if one.kind == "source_late" and one.subject in OF_MARTS}
    unread = wanted if failure else late
    for gone in known:
        if gone[0] in FROM_LOADS and gone[1] in unread:
            continue  # missing rows prove nothing
        if gone[0] in read and gone[1] in wanted | {ALL_CLIENTS}:
            settle_trouble(*gone)
    if failure:
        raise failure
    return found


def _freshness() -> list[Trouble]:
    freshness.refresh()
    found = freshness.read_freshness(read_schedule())
    deferred, whys = _known_reasons()
    idle = whys.get("", "")
    late = (
        troubles.source_late(
            one.client_id,
            one.source,
            one.as_of,
            one.due_at,
            deferred.get(one.source),
            whys.get(one.source, idle),
        )
        for one in found.sources
        if one.is_late
    )
    letters = [troubles.dead_letters(one.client_id, one.source, one.count) for one in found.letters]
    return [*(one for one in late if one is not None), *letters]


def _spend(wanted: set[str]) -> list[Trouble]:
    """Unmapped spend of the last days, the newest day of each source; WarehouseError: not read."""
    since = clock.today() - timedelta(days=SPEND_DAYS)
    rows = warehouse.read(SPEND, {"since": since})
    newest = {
        (row["_client_id"], row["source_name"]): row for row in rows if row["_client_id"] in wanted
    }
    spend: dict[str, list[troubles.Unmapped]] = {}
    for (client_id, source), row in newest.items():
        one = troubles.Unmapped(source or "", row["date"], row["cost"])
        spend.setdefault(client_id, []).append(one)
    minimum = policy.minimum("mapping_gap")
    return [troubles.unmapped_spend(client_id, each, minimum) for client_id, each in spend.items()]


def _unexplained(wanted: set[str]) -> list[Trouble]:
    """Changes without a known cause, one finding per client; WarehouseError: not read."""
    rows = warehouse.read(UNEXPLAINED)
    if not rows:
        return []
    loaded = warehouse.read(
        "select distinct _client_id, table_name from loads where source = 'everflow'", within="ops"
    )
    known = {(row["_client_id"], row["table_name"]) for row in loaded}
    return [
        troubles.unexplained_changes(
            client_id,
            [row["date"] for row in rows if row["_client_id"] == client_id],
            sum(int(row["lines"]) for row in rows if row["_client_id"] == client_id),
        )
        for client_id in sorted({row["_client_id"] for row in rows} & wanted)
        if all((client_id, part) in known for part in PARTS)
    ]


def _known_reasons() -> tuple[dict[str, datetime], dict[str, str]]:
    """Why sources may be late, by source.

    When rate-limited ones are pulled again, in business time; and a sentence about those being
    pulled. '' is for all others: that the scheduler is not running.
    """
    try:
        with Ledger() as ledger:
            runs, beat = ledger.open_runs(), ledger.beat()
    except SQLAlchemyError:
        return {}, {}
    ahead = clock.now() - clock.instant()
    pulls = [step for run in runs for step in run.steps if step.kind == "ingest"]
    whys = {
        step.subject: f"Its pull began {moment(step.started_at + ahead)} and has not ended."
        for step in pulls
        if step.status == "running" and step.started_at
    }
    if beat and beat.at < clock.instant() - STALE_AFTER:
        whys[""] = f"The scheduler has not run since {moment(beat.at + ahead)}."
    return {
        step.subject: step.next_at + ahead
        for step in pulls
        if step.status == "deferred" and step.next_at
    }, whys
