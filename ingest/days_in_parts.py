"""A large table's days, collected part by part; a day is passed on once it is whole.

Of a day that a vendor's limit cut off, the pages that were read are kept for the next pull
(`ingest.unfinished`).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from ingest import registry
from ingest.model import DeadLetter, Part, Pull, Window
from ingest.privacy.policy import Hasher, policy, salt
from ingest.table_rows import Columns, TableRows
from ingest.unfinished import Page
from signalroom.errors import AnswerError, CredentialsError, SourceError

NOTHING = "nothing was loaded"  # what a throttled request says

# The rows of a whole day, each event once; the set holds the keys of the days before.
Once = Callable[[pa.Table, set[Any]], pa.Table]


class DaysInParts:
    """The days of one table in one pull, part by part.

    `pull` says what is left to read: its window, and where to go on in each unfinished day.
    """

    def __init__(
        self,
        pull: Pull,
        table: str,
        columns: Columns,
        documents: Sequence[str] = (),
        measures: Sequence[str] = (),
        once: Once | None = None,
    ) -> None:
        self._table, self._given, self._once = table, (columns, documents, measures), once
        self._kept: dict[date, list[Page]] = defaultdict(list)
        for page in pull.tables.unfinished if pull.tables else ():
            if page.table_name == table and page.rules == _rules(pull, table, columns):
                self._kept[page.day].append(page)
        self._first, start = self._skipped_to(pull)
        self._start = self._day = start
        self._is_paged = False  # whether its days come in more than one part
        window = Window(start, pull.window.end)
        reached = {
            day: pages[-1].reached
            for day, pages in self._kept.items()
            if window.start <= day <= window.end
        }
        self.pull = replace(pull, window=window, reached=reached)
        self._known: set[Any] = set()
        self._begin()

    def _skipped_to(self, pull: Pull) -> tuple[date, date]:
        """The first day that was loaded before, and the unfinished day behind such days.

        The window's start where none is skipped: a person named it, or as many days as it has were
        loaded, so that the vendor may have restated the first ones.
        """
        first = start = pull.window.start
        if pull.is_named and not pull.is_backfill:
            return first, start
        length = pull.window.end - pull.window.start
        for day, pages in sorted(self._kept.items()):
            loaded = pages[-1].first_day
            if loaded <= pull.window.start <= day <= pull.window.end and day - loaded <= length:
                first, start = loaded, day
        return first, start

    def add(self, part: Part) -> pa.Table | None:
        """Take the next part; returns the day's rows, counted, once it is whole."""
        pages = list(self._rows.converted(part.rows))
        if part.reached is not None:
            self._is_paged = True
            self._new.append((pages, part.reached))
            return None
        self._rows.check()
        kept, metrics = self._kept.pop(part.day, []), self.pull.metrics
        found = [_unpacked(page) for page in kept if page.content]
        found += [table for some, _ in self._new for table in some] + pages
        whole = pa.concat_tables(found, promote_options="default") if found else None
        if whole is not None:
            whole = self._once(whole, self._known) if self._once else whole
            self._rows.count(part.day, whole)
        metrics.totals += self._rows.totals()
        metrics.dead_letters += [
            one for page in kept for one in _rejected(page) if one not in metrics.dead_letters
        ]
        self._day = part.day + timedelta(days=1)
        self._begin()
        return whole

    def _begin(self) -> None:
        columns, documents, measures = self._given
        self._new: list[tuple[list[pa.Table], str]] = []
        self._rows = TableRows(self.pull, self._table, columns, documents, measures, [self._day])

    def keep(self, error: SourceError) -> None:
        """Keep what was read of the day that the error cut off; its message then says so.

        Nothing of a response that could not be used, or that may not be kept: the day then begins
        again.
        """
        tables = self.pull.tables
        if tables is None or isinstance(error, CredentialsError):
            return
        if isinstance(error, AnswerError):
            tables.left[self._table] = []
        elif self._is_paged and (self._new or self._day > self._start):
            tables.left[self._table] = []
            with suppress(AnswerError):
                self._rows.check()
                tables.left[self._table] = self._pages()
        # else nothing was read; what was kept before stays
        if any(page.reached for page in tables.left.get(self._table, self._kept[self._day])):
            text = f"the part of {self._day} that was read is kept, and the next pull continues it"
            if self.pull.is_named and not self.pull.is_backfill:
                text += (
                    "; a range that a person names begins at its start each time, while "
                    "`signalroom backfill` reads a long one in slices and goes on where it stopped"
                )
            error.args = (_instead(str(error), text), *error.args[1:])

    def _pages(self) -> list[Page]:
        last = self._kept[self._day][-1:]
        rules = _rules(self.pull, self._table, self._given[0])
        own = Page(self._table, self._day, 0, self._first, "", rules)
        start = last[0].position if last else 0
        whole = {str(total.day) for total in self.pull.metrics.totals}
        letters = [
            asdict(one) for one in self.pull.metrics.dead_letters if one.partition_key not in whole
        ]
        pages = [
            replace(own, position=start + number, reached=reached, content=_packed(some))
            for number, (some, reached) in enumerate(self._new, start=1)
        ] or [replace(own, position=start + 1, reached=last[0].reached if last else "")]
        pages[-1] = replace(pages[-1], letters=json.dumps(letters))
        return pages


def _instead(message: str, text: str) -> str:
    if NOTHING in message:
        return message.replace(NOTHING, text)
    return f"{message} {text[0].upper()}{text[1:]}."


def _rules(pull: Pull, table: str, columns: Columns) -> str:
    """Identifies the account and how rows are made: unlike rows never form one day."""
    found = policy(pull.source, table, pull.client_id)
    account = registry.source(pull.source).account(pull.client_id)
    made = [account, repr(found), json.dumps(columns, sort_keys=True, default=str)]
    if found.hashes:
        made.append(Hasher(salt(pull.client_id)).digest("rules"))
    return hashlib.sha256("\n".join(made).encode()).hexdigest()


def _packed(tables: Sequence[pa.Table]) -> str:
    if not tables:
        return ""
    whole = pa.concat_tables(tables, promote_options="default")
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, whole.schema, options=options) as stream:
        stream.write_table(whole)
    return base64.b64encode(sink.getvalue()).decode()


def _unpacked(page: Page) -> pa.Table:
    return pa.ipc.open_stream(base64.b64decode(page.content)).read_all()


def _rejected(page: Page) -> list[DeadLetter]:
    return [DeadLetter(**one) for one in json.loads(page.letters)]
