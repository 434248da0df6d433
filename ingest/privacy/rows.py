"""The one applier of data/privacy.yml: rows of an API and Arrow columns of a file pass it alike.

A column is dropped, hashed or kept by its name. In what is kept, JSON is cleaned key by key, an
email address is hashed where it stands alone and masked inside longer text (but for columns that a
rule keeps by name), and a column of full card numbers is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.privacy.cards import CardScan
from ingest.privacy.documents import Payload
from ingest.privacy.policy import Action, Hasher, policy, salt
from ingest.values import TEXT_TYPE
from signalroom.errors import AnswerError

Row = dict[str, Any]
# What cleaning could change: an address, plain or encoded, parameters of a web address, JSON.
MARKS = ("@", "%40", "%2540", "\uff20", "://", "{")
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

    def columns(self, declared: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """The declared columns that are kept; a hash is text whatever it was made of."""
        return {
            name: TEXT_TYPE if self.action(name) == "hash" else kind
            for name, kind in declared.items()
            if self.action(name) != "drop"
        }

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """The rows without personal data, in new dicts.

        Raises AnswerError where a column holds full card numbers, or JSON that is none; nothing
        repeats a card number.
        """
        kept = [self._row(row) for row in rows]
        for column in dict.fromkeys(name for row in kept for name in row):
            if self.action(column) == "keep":
                self._refuse_cards(column, kept)
        return kept

    def action(self, column: str) -> Action:
        """What happens to the column."""
        if column not in self._actions:
            self._actions[column] = self.policy.action(column)
        return self._actions[column]

    def array(self, name: str, cells: Any) -> Any:
        """The cells (Arrow text) of a column that is not dropped: hashed or cleaned.

        `name` is the column's name in the policy. Work is done once for each distinct text.
        """
        if self.action(name) == "hash":
            return _translated(cells, self._hash().hash_all)
        if not any(mark in text for text in _texts(cells) for mark in SUSPECT_BYTES):
            return cells  # most columns of most files: ten times as fast as cell by cell
        if not pc.any(suspect := pc.match_substring_regex(cells, SUSPECT)).as_py():
            return cells
        some = _translated(
            cells.filter(suspect), lambda texts: [self._payload.plain(text, name) for text in texts]
        )
        return pc.replace_with_mask(cells, pc.fill_null(suspect, False), some)

    def _row(self, row: Row) -> Row:
        kept: Row = {}
        for name, value in row.items():
            action = self.action(name)
            if action == "hash":
                kept[name] = None if value is None else self._hash().hash(str(value))
            elif action == "keep":
                kept[name] = self._cleaned(name, value)
        return kept

    def _cleaned(self, name: str, value: Any) -> Any:
        if name in self._documents:
            return self._payload.json(value)
        return self._payload.plain(value, name) if isinstance(value, str) else value

    def _hash(self) -> Hasher:
        self._hasher = self._hasher or Hasher(salt(self._client_id))
        return self._hasher

    def _refuse_cards(self, column: str, rows: Sequence[Row]) -> None:
        cells = [value for row in rows if isinstance(value := row.get(column), str)]
        if not cells:
            return
        scan = CardScan(is_identifier=self.policy.is_identifier(column))
        scan.look(pa.array(cells, pa.string()))
        if scan.has_cards:
            raise AnswerError(
                f"{self._where}: column {column} holds full card numbers; nothing was loaded. "
                "Have them removed at the vendor, or drop the column in data/privacy.yml."
            )


def _texts(cells: Any) -> Iterator[bytes]:
    """The bytes of all cells in a row, as Arrow holds them; edges of cells may lie in between."""
    for chunk in cells.chunks if isinstance(cells, pa.ChunkedArray) else [cells]:
        _, edges, text = chunk.buffers()
        if text is not None and len(chunk):
            ends = memoryview(edges).cast("i")
            first, last = ends[chunk.offset], ends[chunk.offset + len(chunk)]
            yield bytes(memoryview(text)[first:last])


def _translated(cells: Any, translate: Any) -> Any:
    """The cells with each distinct text translated; null stays null."""
    distinct = cells.dictionary_encode()
    texts = pa.array(translate(distinct.dictionary.to_pylist()), pa.string())
    return texts.take(distinct.indices)
