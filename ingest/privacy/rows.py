"""Applies data/privacy.yml, both to rows from APIs and to Arrow columns of files.

A column is dropped, hashed or kept by its name. In columns that are kept, JSON is cleaned key by
key, an email address is hashed when it is the whole value and masked inside longer text (except in
columns that a rule keeps by name), and a column of full card numbers is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.columns import TEXT_TYPE
from ingest.privacy.policy import Action, Hasher, policy, salt
from ingest.privacy.texts import CardScan, Payload, may_contain
from signalroom.errors import AnswerError

# What cleaning could change: an email address, plain or encoded, URL parameters, JSON.
MARKS = ("@", "%40", "%25", "&#", "&commat;", "\\u0040", "\uff20", "\ufe6b", "://", "{")
SUSPECT = "|".join(map(re.escape, MARKS))
SUSPECT_BYTES = tuple(mark.encode() for mark in MARKS)


class Protection:
    """The policy for one table of one client; `documents` are the columns that hold JSON."""

    def __init__(
        self, source: str, table: str, client_id: str, documents: Collection[str] = ()
    ) -> None:
        self.table = table
        self.policy = policy(source, table, client_id)
        self._where = f"{source} for client {client_id}, {table}"
        self._client_id = client_id
        self._documents = frozenset(documents)
        self._payload = Payload(source, table, client_id)
        self._actions: dict[str, Action] = {}
        self._hasher: Hasher | None = None
        self._scans: dict[str, CardScan] = {}

    def columns(self, declared: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """The declared columns that are kept; a hash is text whatever the column's type was."""
        return {
            name: TEXT_TYPE if self.action(name) == "hash" else kind
            for name, kind in declared.items()
            if self.action(name) != "drop"
        }

    def action(self, column: str) -> Action:
        """The action for the column."""
        if column not in self._actions:
            self._actions[column] = self.policy.action(column)
        return self._actions[column]

    def array(self, name: str, cells: Any) -> Any:
        """The cells (Arrow text) of a column that is not dropped: hashed or cleaned.

        `name` is the column's name in the policy. Work is done once for each distinct text.
        """
        if self.action(name) == "hash":
            return _translated(cells, self._hash().hash_all)
        if not may_contain(cells, SUSPECT_BYTES):
            return cells  # the usual case: ten times as fast as cell by cell
        if not pc.any(suspect := pc.match_substring_regex(cells, SUSPECT)).as_py():
            return cells
        some = _translated(
            cells.filter(suspect), lambda texts: [self._payload.plain(text, name) for text in texts]
        )
        return pc.replace_with_mask(cells, pc.fill_null(suspect, False), some)

    def cleaned(self, name: str, cells: Any) -> Any:
        """Like `array`, for a vendor's text: NUL removed, and scanned for card numbers."""
        if may_contain(cells, (b"\0",)):  # PostgreSQL's text cannot hold it
            cells = pc.replace_substring(cells, "\0", "")
        kept = self.array(name, cells)
        if self.action(name) == "keep":
            self._look(name, kept)
        return kept

    def document(self, name: str, values: Iterable[Any]) -> Any:
        """A JSON column that is kept, as text, cleaned key by key.

        Raises AnswerError for text that is not JSON.
        """
        texts = (self._payload.json(value) for value in values)
        kept = pa.array([text and text.encode("utf-8", "replace") for text in texts], pa.string())
        self._look(name, kept)
        return kept

    def refuse_cards(self) -> None:
        """Raise AnswerError where a column holds full card numbers in the rows seen so far.

        The message contains none.
        """
        for column, scan in self._scans.items():
            if scan.has_cards:
                raise AnswerError(
                    f"{self._where}: column {column} holds full card numbers; nothing was loaded. "
                    "Have them removed at the vendor, or drop the column in data/privacy.yml."
                )

    def _look(self, column: str, cells: Any) -> None:
        if column not in self._scans:
            self._scans[column] = CardScan(is_identifier=self.policy.is_identifier(column))
        self._scans[column].look(cells)

    def _hash(self) -> Hasher:
        self._hasher = self._hasher or Hasher(salt(self._client_id))
        return self._hasher


def _translated(cells: Any, translate: Any) -> Any:
    """The cells with each distinct text translated; null stays null."""
    distinct = cells.dictionary_encode()
    texts = pa.array(translate(distinct.dictionary.to_pylist()), pa.string())
    return texts.take(distinct.indices)
