"""Entries of an API's lists as rows: plain fields, documents that stay JSON, the column policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.columns import Field, columns_of, read_fields, text_columns, unknown_fields
from ingest.landing import Pull, Row
from ingest.privacy.documents import Payload
from ingest.privacy.rows import Protection
from ingest.values import TEXT_TYPE
from signalroom.errors import AnswerError

Columns = Mapping[str, Mapping[str, Any]]
CLIENT_COLUMN: Columns = {"_client_id": {**TEXT_TYPE, "nullable": False}}


@dataclass(frozen=True)
class Shape:
    """The columns of a table.

    `fields` are plain values; `documents` are kept as JSON text, each with the key that it stands
    under; `skipped` are keys that are of no use. Any other plain value becomes a column of text.
    """

    fields: Mapping[str, Field]
    documents: Mapping[str, str] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    @property
    def known(self) -> dict[str, Field]:
        """All columns by name."""
        documents = {name: Field(key, TEXT_TYPE) for name, key in self.documents.items()}
        return {**self.fields, **documents}


class Entries:
    """Reads the entries of one table for one pull."""

    def __init__(self, source: str, table: str, pull: Pull, shape: Shape) -> None:
        self._where = f"{source} for client {pull.client_id}, {table}"
        self._client_id = pull.client_id
        self._shape = shape
        self._known = shape.known
        self._payload = Payload(source, table, pull.client_id)
        self._protection = Protection(source, table, pull.client_id)

    def row(self, entry: object, **more: object) -> Row:
        """The row of one entry, with `more` columns; AnswerError where it cannot be read."""
        if not isinstance(entry, Mapping):
            raise AnswerError(f"{self._where}: an entry is no object; nothing was loaded.", entry)
        entry = {key: value for key, value in entry.items() if key not in self._shape.skipped}
        row = read_fields(entry, self._shape.fields, self._where)
        for name, key in self._shape.documents.items():
            row[name] = self._payload.json(entry.get(key))
        return {
            "_client_id": self._client_id,
            **row,
            **unknown_fields(entry, self._known),
            **more,
        }

    def finish(self, rows: Sequence[Row], more: Columns | None = None) -> tuple[list[Row], Columns]:
        """The rows without personal data, and the types of their columns."""
        kept = self._protection.rows(rows)
        for row in kept:
            for name, value in row.items():
                if isinstance(value, str) and name not in self._shape.documents:
                    row[name] = self._payload.plain(value, name)
        declared = self._protection.columns(
            {**CLIENT_COLUMN, **(more or {}), **columns_of(self._known)}
        )
        return kept, {**declared, **text_columns(kept, declared)}

    def error(self, reason: str) -> AnswerError:
        """An answer that cannot be used, in one line."""
        return AnswerError(f"{self._where}: {reason}; nothing was loaded.")
