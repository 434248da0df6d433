"""The watch: what looks wrong in the warehouse becomes an incident, and ends when it looks right.

Called after each build. A source that is late, rows in dead letters, tests that warn, spend that
nobody is paid for: none of them stops anything, and each waits for somebody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from reports.alerts import findings as troubles
from reports.alerts.incidents import Trouble, open_incidents, report_trouble, settle_trouble
from scheduler.schedule import read_schedule
from scheduler.status import freshness
from signalroom import clock, warehouse
from signalroom.clients import active_clients
from signalroom.errors import WarehouseError

SPEND_DAYS = 3  # spend of older days was told when it was new
KINDS = frozenset({"source_late", "dead_letters", "build_warned", "unmapped_spend"})
SPEND = """
select _client_id, source_name, date, sum(cost) as cost
from unmapped_spend
where date >= :since and cost > 0
group by 1, 2, 3
order by 1, 2, 3
"""


def check(warnings: Sequence[str]) -> list[Trouble]:
    """Report what looks wrong and settle what no longer does; `warnings` are those of the build.

    Returns what looks wrong. Raises SignalRoomError when the warehouse or the state is away.
    """
    found = [*_freshness(), *_spend()]
    if warnings:
        found.append(troubles.build_warned(warnings))
    known = {
        (one.kind, one.client_id, one.subject): one for one in open_incidents() if one.kind in KINDS
    }
    for trouble in found:
        before = known.pop((trouble.kind, trouble.client_id, trouble.subject), None)
        # The same finding an hour later is no news and no repeat.
        if before is None or (before.title, before.detail) != (trouble.title, trouble.detail):
            report_trouble(trouble)
    for gone in known:
        settle_trouble(*gone)
    return found


def _freshness() -> list[Trouble]:
    freshness.refresh()
    found = freshness.read_freshness(read_schedule())
    late = (
        troubles.source_late(one.client_id, one.source, one.as_of, one.due_at)
        for one in found.sources
    )
    letters = [troubles.dead_letters(one.client_id, one.source, one.count) for one in found.letters]
    return [*(one for one in late if one is not None), *letters]


def _spend() -> list[Trouble]:
    """Unmapped spend of the last days, the newest day of each source."""
    since = clock.today() - timedelta(days=SPEND_DAYS)
    try:
        rows = warehouse.read(SPEND, {"since": since})
    except WarehouseError:
        return []  # no mart yet: the build says so itself
    wanted = {client.id for client in active_clients()}
    newest = {
        (row["_client_id"], row["source_name"]): row for row in rows if row["_client_id"] in wanted
    }
    return [
        troubles.unmapped_spend(client_id, source or "", row["date"], row["cost"])
        for (client_id, source), row in newest.items()
    ]
