"""Mautic: the connection, and pages in either of its two response formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from ingest.columns import text
from ingest.http import BearerTokens, Connection, VendorClient
from ingest.model import Pull, Row
from ingest.paging import Entry, Page, whole
from ingest.sources.mautic.settings import PAGE_CAP, PAGE_ROWS
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
) -> list[Row]:
    """Every row of a list, each once by its id; `take` makes the rows of a page.

    AnswerError if a list has a total but no entries, or if a page repeats earlier entries and there
    is no total to tell the end.
    """
    name = path.rsplit("/", 1)[-1]
    container = "stats" if "/stats/" in path else name
    who = f"{pull}, {name}"

    def read(size: int) -> Iterator[Page]:
        seen: set[object] = set()
        start = 0
        for _ in range(PAGE_CAP):
            answer = http.get(path, {**params, "start": start, "limit": size})
            found = entries_of(answer, container, who)
            total = total_of(answer)
            if start == 0 and not found and total:
                raise AnswerError(
                    f"{who}: the response reports {total} entries but has none; nothing was loaded."
                )
            ids = {str(entry.get("id")) for entry in found}
            is_again = ids <= seen
            if found and is_again and (total is None or len(seen) >= total):
                raise AnswerError(f"{who}: the pages repeat themselves; nothing was loaded.")
            seen |= ids
            if found:
                pull.say(f"{name}: {counted(len(seen), 'row')}")
                yield take(found), total
            start += len(found)
            # a total may count only the page: after a full one, request one more
            is_end = is_again or len(found) < size
            if not found or (total is not None and start >= total and is_end):
                return
        raise AnswerError(f"{who}: more than {PAGE_CAP} pages; nothing was loaded.")

    sizes = (PAGE_ROWS, PAGE_ROWS * 3 // 4, PAGE_ROWS // 2)
    return whole(read, sizes, lambda row: text(row.get("id")), who)


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
