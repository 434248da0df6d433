"""Days that a vendor's limit cut off: what was read of them is kept until they are whole.

A large table is read page by page. Where a limit ends a pull within a day, the day's pages are kept
in `ops.unfinished_days`, after the privacy policy, and no raw row of it changes. The next pull goes
on behind them. A day is replaced, and counts as loaded, only when it is whole; its pages are then
removed. So are those of a day whose first page is older than 26 hours, because the vendor may have
restated what it holds; a daily pull comes in time to continue it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date

from ingest.model import Pull, TableMetrics
from ingest.privacy.forgotten import CLOCKS
from ingest.privacy.policy import load_forgotten
from signalroom import clock
from signalroom.bulk import insert
from signalroom.retention import UNFINISHED_KEPT
from signalroom.warehouse import Execute, transaction

SCOPE = "_client_id = :client_id and source = :source and table_name = :table_name"
COLUMNS = "table_name, day, position, first_day, reached, rules, letters, content"
PER_INSERT = 5  # pages of some megabytes


@dataclass(frozen=True)
class Page:
    """A page of an unfinished day.

    `reached` is where to go on, empty at the day's start. The days from `first_day` on, up to this
    one, were loaded before. `rules` identifies the policy and columns, `letters` are the day's
    rejected rows.
    """

    table_name: str
    day: date
    position: int
    first_day: date
    reached: str
    rules: str
    letters: str = "[]"
    content: str = ""


def fetch(pull: Pull) -> None:
    """Give the pull the pages of unfinished days that earlier pulls kept, in order.

    Of a day all or none: none where one is too old, or someone was forgotten after it was read (or
    just before: the clocks of two machines may differ).
    """
    if pull.tables is None:
        return
    with transaction() as execute:
        load_forgotten(execute)
        since = clock.instant() - UNFINISHED_KEPT
        for found in execute("select max(forgotten_at) as at from ops.forgotten"):
            since = max(since, found["at"] + CLOCKS) if found["at"] else since
        rows = execute(
            f"select {COLUMNS} from (select *,"  # noqa: S608
            " min(read_at) over (partition by table_name, day) as first_read_at"
            " from ops.unfinished_days"
            " where _client_id = :client_id and source = :source) as pages"
            " where first_read_at > :since"
            " order by table_name, day, position",
            {"client_id": pull.client_id, "source": pull.source, "since": since},
        )
    pull.tables.unfinished = [Page(**row) for row in rows]


def keep(pull: Pull) -> None:
    """Keep the pages of a pull that loaded nothing, so none of the days that it read either."""
    tables = pull.tables
    if tables is None or not tables.left:
        return
    loaded = {(one.table_name, one.day, one.rules): one.first_day for one in tables.unfinished}
    for table, pages in tables.left.items():
        tables.left[table] = [
            replace(page, first_day=loaded.get((table, page.day, page.rules), page.day))
            for page in pages
        ]
    with transaction() as execute:
        record(execute, pull, {})


def record(execute: Execute, pull: Pull, tables: Mapping[str, TableMetrics]) -> None:
    """Remove the pages of days that are whole, and keep those of the days that were cut off.

    Where another process continued the same day meanwhile, its pages are kept, not these.
    """
    names = {"client_id": pull.client_id, "source": pull.source}
    for table, metrics in tables.items():
        days = [total.day for total in metrics.totals if total.day]
        if days:
            execute(
                f"delete from ops.unfinished_days where {SCOPE} and day between :first and :last",  # noqa: S608
                {**names, "table_name": table, "first": min(days), "last": max(days)},
            )
    if pull.tables is None:
        return
    for table, pages in pull.tables.left.items():
        scope = {**names, "table_name": table}
        if not pages:
            execute(f"delete from ops.unfinished_days where {SCOPE}", scope)  # noqa: S608
            continue
        day, before = pages[0].day, pages[0].position - 1
        of_day = {**scope, "day": day}
        found = execute(
            f"select position, reached from ops.unfinished_days where {SCOPE} and day = :day"  # noqa: S608
            " order by position desc limit 1",
            of_day,
        )
        if before and [(row["position"], row["reached"]) for row in found] != [
            (page.position, page.reached)
            for page in pull.tables.unfinished
            if (page.table_name, page.day, page.position) == (table, day, before)
        ]:
            continue
        if not before:
            execute(f"delete from ops.unfinished_days where {SCOPE} and day = :day", of_day)  # noqa: S608
        for start in range(0, len(pages), PER_INSERT):
            insert(
                execute,
                "unfinished_days",
                [
                    {
                        "_client_id": pull.client_id,
                        "source": pull.source,
                        **asdict(page),
                        "read_at": pull.tables.begun,
                    }
                    for page in pages[start : start + PER_INSERT]
                ],
            )
