"""The header of a range against the one it had: a new column is welcome, a missing one is not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from ingest.landing import KnownFile, Say
from signalroom.errors import AnswerError
from signalroom.settings import variable


def fingerprint(columns: Sequence[str]) -> str:
    """A short text for the columns and their order."""
    return hashlib.sha256("\n".join(columns).encode()).hexdigest()[:12]


def written(columns: Sequence[str]) -> str:
    """The columns as the ledger keeps them."""
    return json.dumps(list(columns))


def check(
    client_id: str, table: str, columns: Sequence[str], known: KnownFile | None, say: Say
) -> None:
    """Say what was added at the right end; AnswerError for any other change of the header.

    A person accepts one by naming the new header's fingerprint in GOOGLE_SHEETS_ACCEPTED_HEADERS.
    """
    before: list[str] = json.loads(known.header) if known and known.header else []
    if list(columns[: len(before)]) == before:
        if before and len(columns) > len(before):
            say(f"{table}: new columns {', '.join(columns[len(before) :])}")
        return
    wanted = f"{table}:{fingerprint(columns)}"
    accepted = variable("GOOGLE_SHEETS_ACCEPTED_HEADERS", client_id) or ""
    if wanted in (part.strip() for part in accepted.split(",")):
        say(f"{table}: the new header was accepted")
        return
    gone = [name for name in before if name not in columns]
    new = [name for name in columns if name not in before]
    said = [f"gone: {', '.join(gone)}"] if gone else []
    said += [f"new: {', '.join(new)}"] if new else []
    raise AnswerError(
        f"google_sheets for client {client_id}, {table}: the header changed "
        f"({'; '.join(said) or 'another order'}); the table keeps its last good rows. Put the "
        f"header back, or accept it with GOOGLE_SHEETS_ACCEPTED_HEADERS={wanted}."
    )
