"""Dead letters: rows that could not be loaded, kept until they are mended or given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest import ledger, pipeline, registry
from ingest.pipeline import Loaded
from signalroom import clock
from signalroom.errors import ConfigurationError
from signalroom.warehouse import transaction

COLUMNS = (
    "dead_letter_id, _client_id, source, table_name, partition_key, line_number, reason, payload,"
    " load_id, created_at"
)


@dataclass(frozen=True)
class Letter:
    """One rejected row; `payload` is redacted, `created_at` an instant in UTC."""

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
    """The letters that nobody has resolved, newest first; ConfigurationError for an unknown id."""
    ledger.prepare()
    with transaction() as execute:
        rows = execute(
            f"select {COLUMNS} from ops.dead_letters where resolved_at is null"  # noqa: S608
            " order by created_at desc, partition_key, line_number"
        )
    letters = [_letter(row) for row in rows]
    if not ids:
        return letters
    unknown = sorted(set(ids) - {letter.dead_letter_id for letter in letters})
    if unknown:
        raise ConfigurationError(
            f"No dead letter {', '.join(unknown)} is waiting; `signalroom dead-letters list` "
            "shows those that are."
        )
    return [letter for letter in letters if letter.dead_letter_id in ids]


def _letter(row: dict[str, Any]) -> Letter:
    return Letter(client_id=row.pop("_client_id"), **row)


def discard(letters: Sequence[Letter]) -> None:
    """Give the letters up; they stay in the table, marked."""
    with transaction() as execute:
        for letter in letters:
            execute(
                "update ops.dead_letters set resolved_at = :now, resolution = 'discarded'"
                " where dead_letter_id = :id",
                {"now": clock.instant(), "id": letter.dead_letter_id},
            )


def replay(letters: Sequence[Letter]) -> list[Loaded]:
    """Read the letters' files again, whole; rows that are still bad become new letters.

    A file's rows are replaced together, so a mended row lands exactly once.
    """
    loads = []
    for source_name, client_id in sorted({(one.source, one.client_id) for one in letters}):
        source = registry.source(source_name)
        with transaction() as execute:
            for letter in letters:
                if (letter.source, letter.client_id) == (source_name, client_id):
                    execute(
                        "delete from ops.file_ledger where _client_id = :client_id"
                        " and source = :source and table_name = :table_name"
                        " and file_name = :file_name",
                        {
                            "client_id": client_id,
                            "source": source_name,
                            "table_name": letter.table_name,
                            "file_name": letter.partition_key,
                        },
                    )
        loads.append(pipeline.load(source, pipeline.make_pull(source, client_id)))
    return loads
