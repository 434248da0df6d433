"""Rows of an API on their way in: the column policy applied, full card numbers refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ingest.landing import Row
from ingest.privacy.cards import CardScan
from ingest.privacy.policy import Action, Hasher, policy, salt
from ingest.values import TEXT_TYPE
from signalroom.errors import AnswerError


class Protection:
    """The policy of data/privacy.yml for one table of one client."""

    def __init__(self, source: str, table: str, client_id: str) -> None:
        self._where = f"{source} for client {client_id}, {table}"
        self._client_id = client_id
        self._policy = policy(source, table, client_id)
        self._actions: dict[str, Action] = {}
        self._hasher: Hasher | None = None

    def columns(self, declared: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """The declared columns that are kept; a hash is text whatever it was made of."""
        return {
            name: TEXT_TYPE if self._action(name) == "hash" else kind
            for name, kind in declared.items()
            if self._action(name) != "drop"
        }

    def rows(self, rows: Sequence[Row]) -> list[Row]:
        """The rows without what is dropped and with what is hashed.

        Raises AnswerError where a column of text holds full card numbers; nothing repeats one.
        """
        kept = [self._row(row) for row in rows]
        for column in dict.fromkeys(name for row in kept for name in row):
            if self._action(column) == "keep":
                self._refuse_cards(column, kept)
        return kept

    def _row(self, row: Row) -> Row:
        kept: Row = {}
        for name, value in row.items():
            action = self._action(name)
            if action == "keep" or (action == "hash" and value is None):
                kept[name] = value
            elif action == "hash":
                self._hasher = self._hasher or Hasher(salt(self._client_id))
                kept[name] = self._hasher.hash(str(value))
        return kept

    def _action(self, column: str) -> Action:
        if column not in self._actions:
            self._actions[column] = self._policy.action(column)
        return self._actions[column]

    def _refuse_cards(self, column: str, rows: Sequence[Row]) -> None:
        cells = [value for row in rows if isinstance(value := row.get(column), str)]
        scan = CardScan(is_identifier=self._policy.is_identifier(column))
        scan.look(pa.array(cells, pa.string()))
        if scan.has_cards:
            raise AnswerError(
                f"{self._where}: column {column} holds full card numbers; nothing was loaded. "
                "Have them taken out at the vendor, or drop the column in data/privacy.yml."
            )
