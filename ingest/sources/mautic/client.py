"""Mautic: the connection, and pages in either of its two response formats."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from ingest.columns import text
from ingest.http import BearerTokens, Connection, VendorClient
from ingest.model import Pull, Row
from ingest.paging import Entry, Page, whole
from ingest.sources.mautic.settings import PAGE_CAP, PAGE_ROWS, ROWS_IN_COMMON
from signalroom.errors import AnswerError
from signalroom.plural import counted

PATH = "/oauth/v2/token"


class Instance(Connection):
    """The client's Mautic."""

    def open(self) -> VendorClient:
        """The API, with the client's token; errors in obtaining it are raised here."""
        base = self.pull.require("MAUTIC_BASE_URL").rstrip("/").removesuffix("/api")
        connect = partial(
            VendorClient, "mautic", self.pull.client_id, base, address="MAUTIC_BASE_URL"
        )
        tokens = BearerTokens(connect, PATH, self._form)
        tokens()
        return connect(token=tokens)

    def _form(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self.pull.require("MAUTIC_CLIENT_ID"),
            "client_secret": self.pull.require("MAUTIC_CLIENT_SECRET"),
        }


def every(
    http: VendorClient,
    pull: Pull,
    path: str,
    params: Mapping[str, str | int],
    take: Callable[[list[Entry]], list[Row]],
) -> Iterator[Row]:
    """Every row of a list, each once by its id; `take` makes the rows of a page.

    The list is ordered by id, and each page begins with the last rows of the one before: where they
    are the same, nothing was deleted meanwhile, and where any of them is, no row in between is
    missing. The end is a page without a new row. The total is not needed for that; a larger one is
    a sign of missing rows.

    Until the list is known to be complete its rows are held packed: as dicts they would take three
    times the memory or more.

    AnswerError if a list has a total but no entries, or if a page repeats earlier entries and there
    is no total to tell the end.
    """
    name = path.rsplit("/", 1)[-1]
    container = "stats" if "/stats/" in path else name
    who = f"{pull}, {name}"
    sizes = (PAGE_ROWS, PAGE_ROWS * 3 // 4, PAGE_ROWS // 2)
    is_same = is_joined = False

    def read(size: int) -> Iterator[Page]:
        nonlocal is_same, is_joined
        is_same = is_joined = True
        seen: set[str] = set()
        last: list[str] = []
        start = common = largest = 0
        for _ in range(PAGE_CAP):
            answer = http.get(path, {**params, "start": start, "limit": size})
            found = entries_of(answer, container, who)
            total = total_of(answer)
            if start == 0 and not found and total:
                raise AnswerError(
                    f"{who}: the response reports {total} entries but has none; nothing was loaded."
                )
            ids = [str(entry.get("id")) for entry in found]
            is_again = seen.issuperset(ids)
            # more rows than the pages have in common: `start` was ignored
            is_complete = total is not None and (len(found) < size or len(seen) < total)
            if is_again and len(found) > common and not is_complete:
                raise AnswerError(f"{who}: the pages repeat themselves; nothing was loaded.")
            is_joined &= _is_in_order(ids) and (not common or not seen.isdisjoint(ids))
            is_same &= is_joined and ids[:common] == last[len(last) - common :]
            last = ids
            seen.update(ids)
            if found:
                pull.say(f"{name}: {counted(len(seen), 'row')}")
                yield _packed(take(found)), total
            # a short page is the end, unless it may be all that the vendor returns at once
            if is_again or len(found) < largest:
                return
            largest = max(largest, len(found))
            common = _in_common(len(found))
            start += len(found) - common
        raise AnswerError(f"{who}: more than {PAGE_CAP} pages; nothing was loaded.")

    def is_proven() -> bool | None:
        return is_same if is_joined else None

    found = whole(read, sizes, lambda held: text(held.get("id")), who, is_proven)
    return map(_unpacked, found)


def pages_of(total: int) -> int:
    """How many requests a list takes."""
    requests = start = largest = 0
    while True:
        requests += 1
        found = max(0, min(PAGE_ROWS, total - start))
        if found < largest or not found:
            return requests
        largest = max(largest, found)
        start += found - _in_common(found)


def _in_common(rows: int) -> int:
    """How many rows of a page the next one begins with: more than are deleted in between."""
    return min(ROWS_IN_COMMON, rows // 2)


def _is_in_order(ids: Sequence[str]) -> bool:
    return all(one.isdecimal() for one in ids) and all(
        int(one) < int(after) for one, after in pairwise(ids)
    )


def _packed(rows: list[Row]) -> list[Entry]:
    """Rows of a page as bytes, with their ids; rows of the same columns share their names."""
    names: dict[tuple[str, ...], tuple[str, ...]] = {}
    return [
        {
            "id": row.get("id"),
            "names": names.setdefault(tuple(row), tuple(row)),
            "values": pickle.dumps(tuple(row.values()), pickle.HIGHEST_PROTOCOL),
        }
        for row in rows
    ]


def _unpacked(held: Entry) -> Row:
    return dict(zip(held["names"], pickle.loads(held["values"]), strict=True))  # noqa: S301 (ours)


def entries_of(answer: Any, container: str, who: str) -> list[Entry]:
    """The entries of one response: an object keyed by id, or a list; an empty one may be either.

    Mautic reports some failures with status 200: a response without the container is one.
    """
    found = answer.get(container) if isinstance(answer, dict) else None
    if found is None and isinstance(answer, dict) and container in answer:
        found = []
    if isinstance(found, dict):
        found = list(found.values())
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise AnswerError(f"{who}: {_reason(answer)}; nothing was loaded.")
    return found


def total_of(answer: Any) -> int | None:
    """The total number of entries: a number, or its text."""
    said = str(answer.get("total")) if isinstance(answer, dict) else ""
    return int(said) if said.isdecimal() else None


def _reason(answer: Any) -> str:
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return f"Mautic answers with the error {str(errors[0].get('message'))[:200]!r}"
    return "the answer holds no such list"
