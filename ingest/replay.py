"""Dead letters, read or requested again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ingest import dead_letters
from ingest.dead_letters import Letter
from ingest.model import Pull
from ingest.pull import make_pull
from ingest.registry import SourceSettings, source
from signalroom.warehouse import transaction


def pulls_of(letters: Sequence[Letter]) -> Iterator[tuple[SourceSettings, Pull]]:
    """The pulls that read the letters' files again, and request the days of answers again.

    Rows that are still bad become new letters. Files and days are replaced as a whole, so a fixed
    row is loaded exactly once. Load each pull before taking the next one.
    """
    for name, client_id in sorted({(one.source, one.client_id) for one in letters}):
        wanted = source(name)
        own = [one for one in letters if (one.source, one.client_id) == (name, client_id)]
        files = [letter for letter in own if letter.line_number is not None]
        if files:
            _forget_files(files)
            yield wanted, make_pull(wanted, client_id)
        answers = [letter for letter in own if letter.line_number is None]
        for part in sorted({letter.partition_key for letter in answers}):
            tables = {letter.table_name for letter in answers if letter.partition_key == part}
            window, resources = dead_letters.window_of(part), tuple(sorted(tables))
            yield wanted, make_pull(wanted, client_id, window=window, resources=resources)


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
