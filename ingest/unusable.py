"""Answers that could not be used: kept among the dead letters, redacted, until they can be.

One letter stands for a table and a window of days. It is settled by the next load of that table
which covers the window, so that what is left waiting is what nobody has asked for again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import date

from ingest import loads as ledger
from ingest.landing import Landing, Pull, Source, Window
from ingest.privacy.cards import hide
from ingest.privacy.documents import Payload
from signalroom import clock
from signalroom.errors import AnswerError
from signalroom.logs import mask
from signalroom.warehouse import Execute, transaction

LONGEST_PAYLOAD = 2_000  # characters; enough to see what is wrong
SCOPE = "_client_id = :client_id and source = :source and table_name = :table_name"
WAITING = f"{SCOPE} and line_number is null and resolved_at is null"


def keep(source: Source, pull: Pull, errors: Iterable[AnswerError]) -> None:
    """Write down what the vendor said; a letter that waits for the same window is replaced."""
    errors = list(errors)
    if not errors:
        return
    ledger.prepare()
    with transaction() as execute:
        for error in errors:
            scope = _scope(source, pull, error.table or pull.resources[0])
            execute(
                f"delete from ops.dead_letters where {WAITING} and partition_key = :part",  # noqa: S608
                {**scope, "part": str(pull.window)},
            )
            execute(
                "insert into ops.dead_letters (dead_letter_id, _client_id, source, table_name,"
                " partition_key, reason, payload, created_at) values"
                " (:id, :client_id, :source, :table_name, :part, :reason, :payload, :now)",
                {
                    **scope,
                    "id": uuid.uuid4().hex[:12],
                    "part": str(pull.window),
                    "reason": mask(str(error)),
                    "payload": redacted(error.payload, scope),
                    "now": clock.instant(),
                },
            )


def settle(source: Source, pull: Pull, landings: Sequence[Landing]) -> None:
    """Mark the letters of tables that were now read; those of a list are about no days."""
    with transaction() as execute:
        for landing in landings:
            scope = _scope(source, pull, landing.table)
            for part in _waiting(execute, scope):
                if landing.table not in source.daily or _covers(pull.window, window_of(part)):
                    execute(
                        "update ops.dead_letters set resolved_at = :now, resolution = 'loaded'"  # noqa: S608
                        f" where {WAITING} and partition_key = :part",
                        {**scope, "part": part, "now": clock.instant()},
                    )


def window_of(partition_key: str) -> Window:
    """The days that a letter is about."""
    start, _, end = partition_key.partition("..")
    return Window(date.fromisoformat(start), date.fromisoformat(end or start))


def redacted(payload: object, scope: dict[str, str]) -> str | None:
    """What was answered as text: the table's column policy applied, secrets and cards masked."""
    if payload is None:
        return None
    policy = Payload(scope["source"], scope["table_name"], scope["client_id"])
    try:
        parsed = json.loads(payload, strict=False) if isinstance(payload, str) else payload
        text = policy.json(parsed) or ""
    except (ValueError, AnswerError):
        text = policy.plain(str(payload)) or ""
    return hide(mask(text))[:LONGEST_PAYLOAD]


def _scope(source: Source, pull: Pull, table: str) -> dict[str, str]:
    return {"client_id": pull.client_id, "source": source.name, "table_name": table}


def _waiting(execute: Execute, scope: dict[str, str]) -> list[str]:
    found = execute(
        f"select distinct partition_key from ops.dead_letters where {WAITING}",  # noqa: S608
        scope,
    )
    return [str(row["partition_key"]) for row in found]


def _covers(wide: Window, narrow: Window) -> bool:
    return wide.start <= narrow.start and narrow.end <= wide.end
