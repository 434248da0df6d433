"""The history of a figure: its values over time, its mapping, and to whom it was sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from reports.delivery.outbox import Outbox, Reported
from reports.explain.question import (
    RATIOS,
    WITHOUT_CPA,
    Belongs,
    Question,
    exact_sum,
    ratio,
    shown,
)
from signalroom import warehouse
from signalroom.errors import WarehouseError

FILE = "internal-affiliates.csv"
OPS = {
    "totals": """
        select source || '.' || table_name || '.' || measure as name, total
        from control_totals
        where _client_id = :client_id and day = :day
    """,
    "files": """
        select coalesce(commit_id, content_hash) as version, content
        from client_file_versions
        where _client_id = :client_id and file_name = :file and is_usable
        order by recorded_at desc
    """,
}
Row = Mapping[str, Any]


def of_ops(client_id: str, day: date) -> dict[str, list[dict[str, Any]]]:
    """The vendors' totals of the day and the versions of the mapping file, newest first."""
    scope = {"client_id": client_id, "day": day, "file": FILE}
    found: dict[str, list[dict[str, Any]]] = {}
    for name, sql in OPS.items():
        try:
            found[name] = warehouse.read(sql, scope, within="ops")
        except WarehouseError:
            found[name] = []  # never built by the product, or nothing loaded
    return found


class MappingFile:
    """The versions of the client's mapping file, and which of them added a line."""

    def __init__(self, versions: Iterable[Row]) -> None:
        self._versions = [
            (str(one["version"]), [line.strip() for line in (one["content"] or "").splitlines()])
            for one in versions
        ]

    def commit(self, line: int | None) -> str | None:
        """The commit, or else the hash, of the version that added the line in its current form."""
        if not self._versions:
            return None
        newest, lines = self._versions[0]
        if line is None or line > len(lines):
            return newest
        text, found = lines[line - 1], newest
        for version, before in self._versions[1:]:
            if text not in before:
                break
            found = version
        return found


def values(
    question: Question, belongs: Belongs, versions: Iterable[Row]
) -> Iterator[dict[str, str | int | None]]:
    """Each value that the figure ever had, with the instant since when it was known."""
    rows = [row for row in versions if belongs(row)]
    instants = {row["known_from"] for row in rows}
    instants |= {row["known_to"] for row in rows if row["known_to"] is not None}
    before: object = rows  # no value
    for instant in sorted(instants):
        value = _value(question, [row for row in rows if _is_known(row, instant)])
        if value != before:
            before = value
            yield {
                "known_from": instant.astimezone(UTC).isoformat(),
                "value": shown(value, question.metric),
            }


def _is_known(row: Row, instant: datetime) -> bool:
    return bool(
        row["known_from"] <= instant and (row["known_to"] is None or row["known_to"] > instant)
    )


def _value(question: Question, rows: list[Row]) -> Decimal | None:
    """The figure from rows of daily_performance."""

    def total(column: str) -> Decimal:
        return exact_sum(Decimal(row[column]) for row in rows)

    if question.metric in RATIOS:
        if question.affiliate is not None and {row["cpa_state"] for row in rows} <= WITHOUT_CPA:
            return None
        return ratio(total("cost"), total("conversions"))
    if question.metric == "unmapped_cost":
        return total("cost")
    return total(question.metric)


def reported(client_id: str, day: date, metric: str) -> list[Reported]:
    """The metric of that day in delivered messages, in any scope, oldest first."""
    with Outbox() as outbox:
        return outbox.reported(client_id, metric, {"date": day.isoformat()})


def sent(
    question: Question, advertiser_id: int | None, figures: Iterable[Reported]
) -> list[dict[str, Any]]:
    """The figures in delivered messages that are exactly this one."""
    keys = {
        "date": question.day.isoformat(),
        "advertiser_id": None if advertiser_id is None else str(advertiser_id),
        "group": question.group,
        "affiliate": question.affiliate,
    }
    wanted = {name: value.casefold() for name, value in keys.items() if value is not None}
    return [
        {
            "report": one.report,
            "channel": one.channel,
            "sent_at": one.sent_at.isoformat(),
            "value": one.value,
        }
        for one in figures
        # a message also has figures of changed days, or in its trend: the same figure
        if wanted
        == {
            name: value.casefold()
            for name, value in one.keys.items()
            if name not in ("brand", "shown")
        }
    ]
