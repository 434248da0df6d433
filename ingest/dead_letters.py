"""Dead letters: rows and answers that could not be loaded, kept until fixed or discarded.

A rejected row of a file has a line number. A letter without a line number is about a vendor's
answer: a table and a window of days. The next load of that table that covers the window resolves
it, so that only windows that were not requested again stay open.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ingest import loads as ledger
from ingest.model import Pull, TableMetrics, Window
from ingest.privacy.texts import Payload, hide
from signalroom import clock
from signalroom.errors import AnswerError, ConfigurationError
from signalroom.logs import mask
from signalroom.warehouse import Execute, read, transaction

COLUMNS = (
    "dead_letter_id, _client_id, source, table_name, partition_key, line_number, reason, payload,"
    " load_id, created_at"
)
LONGEST_PAYLOAD = 2_000  # characters; enough to see the problem
SCOPE = "_client_id = :client_id and source = :source and table_name = :table_name"
OPEN_ANSWERS = f"{SCOPE} and line_number is null and resolved_at is null"


@dataclass(frozen=True)
class Letter:
    """A rejected row of a file, or an answer that could not be used (without a line number).

    `partition_key` is the file's name, or the days that were requested; `payload` is redacted,
    `created_at` an instant in UTC.
    """

    dead_letter_id: str
    client_id: str
    source: str
    table_name: str
    partition_key: str
    line_number: int | None
    reason: str
    payload: str
    load_id: str | None
    created_at: datetime


def waiting(ids: Sequence[str] = ()) -> list[Letter]:
    """The letters that are open, newest first; ConfigurationError for an unknown id.

    Only reads: also where the warehouse holds the demo's data.
    """
    rows = read(
        f"select {COLUMNS} from dead_letters where resolved_at is null"  # noqa: S608
        " order by created_at desc, partition_key, line_number",
        within="ops",
    )
    letters = [Letter(client_id=row.pop("_client_id"), **row) for row in rows]
    if not ids:
        return letters
    unknown = sorted(set(ids) - {letter.dead_letter_id for letter in letters})
    if unknown:
        raise ConfigurationError(
            f"No dead letter {', '.join(unknown)} is open; `signalroom dead-letters list` shows "
            "those that are."
        )
    return [letter for letter in letters if letter.dead_letter_id in ids]


def discard(letters: Sequence[Letter]) -> None:
    """Discard the letters; they stay in the table, marked."""
    with transaction() as execute:
        for letter in letters:
            execute(
                "update ops.dead_letters set resolved_at = :now, resolution = 'discarded'"
                " where dead_letter_id = :id",
                {"now": clock.instant(), "id": letter.dead_letter_id},
            )


def keep(pull: Pull, tables: Mapping[str, TableMetrics]) -> None:
    """Record what the vendor answered, by table; it replaces an open letter of the same window.

    Only for answers that could not be used, and for the days that the pull had not yet read.
    """
    unusable = {
        table: one.failure
        for table, one in tables.items()
        if one.failure and isinstance(one.failure.as_error(table), AnswerError)
    }
    if not unusable:
        return
    ledger.prepare()
    with transaction() as execute:
        for table, failure in unusable.items():
            scope = _scope(pull, table)
            part = str(_unread(pull.window, tables[table]))
            execute(
                f"delete from ops.dead_letters where {OPEN_ANSWERS} and partition_key = :part",  # noqa: S608
                {**scope, "part": part},
            )
            execute(
                "insert into ops.dead_letters (dead_letter_id, _client_id, source, table_name,"
                " partition_key, reason, payload, created_at) values"
                " (:id, :client_id, :source, :table_name, :part, :reason, :payload, :now)",
                {
                    **scope,
                    "id": uuid.uuid4().hex[:12],
                    "part": part,
                    "reason": mask(failure.message),
                    "payload": failure.payload,
                    "now": clock.instant(),
                },
            )


def resolve(pull: Pull, tables: Mapping[str, TableMetrics], daily: Sequence[str]) -> None:
    """Resolve the letters of tables that have now been read; letters of a list have no days."""
    with transaction() as execute:
        for table, metrics in tables.items():
            scope = _scope(pull, table)
            covered = {total.day for total in metrics.totals}
            for part in _open_parts(execute, scope):
                window = window_of(part)
                if table not in daily or {window.start, window.end} <= covered:
                    execute(
                        "update ops.dead_letters set resolved_at = :now, resolution = 'loaded'"  # noqa: S608
                        f" where {OPEN_ANSWERS} and partition_key = :part",
                        {**scope, "part": part, "now": clock.instant()},
                    )


def _unread(window: Window, metrics: TableMetrics) -> Window:
    done = [total.day for total in metrics.totals if total.day]
    first = max(done) + timedelta(days=1) if done else window.start
    return Window(min(first, window.end), window.end)


def window_of(partition_key: str) -> Window:
    """The days that a letter is about."""
    start, _, end = partition_key.partition("..")
    return Window(date.fromisoformat(start), date.fromisoformat(end or start))


def redacted(payload: object, scope: Mapping[str, str]) -> str | None:
    """The answer as text: the table's column policy applied, secrets and cards masked."""
    if payload is None:
        return None
    policy = Payload(scope["source"], scope["table_name"], scope["client_id"])
    try:
        parsed: Any = json.loads(payload, strict=False) if isinstance(payload, str) else payload
        text = policy.json(parsed) or ""
    except (ValueError, AnswerError):
        text = policy.plain(str(payload)) or ""
    return hide(mask(text))[:LONGEST_PAYLOAD]


def _scope(pull: Pull, table: str) -> dict[str, str]:
    return {"client_id": pull.client_id, "source": pull.source, "table_name": table}


def _open_parts(execute: Execute, scope: dict[str, str]) -> list[str]:
    found = execute(
        f"select distinct partition_key from ops.dead_letters where {OPEN_ANSWERS}",  # noqa: S608
        scope,
    )
    return [str(row["partition_key"]) for row in found]
