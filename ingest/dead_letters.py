"""Dead letters: rows and answers that could not be loaded, kept until mended or given up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest import loads as ledger
from ingest import pull as pipeline
from ingest import registry, unusable
from ingest.landing import Pull, Source
from ingest.pull import Loaded
from signalroom import clock
from signalroom.errors import ConfigurationError, SignalRoomError
from signalroom.warehouse import transaction

COLUMNS = (
    "dead_letter_id, _client_id, source, table_name, partition_key, line_number, reason, payload,"
    " load_id, created_at"
)


@dataclass(frozen=True)
class Letter:
    """A rejected row of a file, or an answer that could not be used (without a line number).

    `partition_key` is the file's name, or the days that were asked for; `payload` is redacted,
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


def replay(letters: Sequence[Letter]) -> Iterator[Loaded | SignalRoomError]:
    """Read the letters' files again, whole, and ask again for the days of unusable answers.

    Rows that are still bad become new letters. Files and days are replaced as a whole, so a mended
    row lands exactly once. A pull that fails again is given as its error; the others go on.
    """
    for source_name, client_id in sorted({(one.source, one.client_id) for one in letters}):
        source = registry.source(source_name)
        own = [one for one in letters if (one.source, one.client_id) == (source_name, client_id)]
        files = [one for one in own if one.line_number is not None]
        if files:
            _forget_files(files)
            yield _load(source, pipeline.make_pull(source, client_id))
        answers = [one for one in own if one.line_number is None]
        for part in sorted({one.partition_key for one in answers}):
            tables = {one.table_name for one in answers if one.partition_key == part}
            yield _load(
                source,
                pipeline.make_pull(
                    source,
                    client_id,
                    window=unusable.window_of(part),
                    resources=tuple(sorted(tables)),
                ),
            )


def _forget_files(letters: Sequence[Letter]) -> None:
    with transaction() as execute:
        for letter in letters:
            execute(
                "delete from ops.file_ledger where _client_id = :client_id and source = :source"
                " and table_name = :table_name and file_name = :file_name",
                {
                    "client_id": letter.client_id,
                    "source": letter.source,
                    "table_name": letter.table_name,
                    "file_name": letter.partition_key,
                },
            )


def _load(source: Source, pull: Pull) -> Loaded | SignalRoomError:
    try:
        return pipeline.load(source, pull)
    except SignalRoomError as error:
        return error
