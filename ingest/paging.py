"""Lists that change while they are read page by page: proven to be complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from signalroom.errors import AnswerError, TooLargeError

Entry = dict[str, Any]
SMALLEST_PAGE = 100
Page = tuple[list[Entry], int | None]  # and the vendor's total count of entries


def whole(
    read: Callable[[int], Iterable[Page]],
    sizes: Sequence[int],
    key: Callable[[Entry], object],
    where: str,
) -> list[Entry]:
    """Every entry of a list, each once by its key; `read` gives the pages for a page size.

    An entry that is added or deleted meanwhile shifts the others across page boundaries: one comes
    twice, another not at all. A single page that is not full is a snapshot. Several pages are
    accepted when they have as many keys as the vendor's count; otherwise the list is read again
    with another page size, until the count matches, or, without a count, until nothing new is
    found. AnswerError, beginning with `where`, if that never happens.
    """
    every: dict[object, Entry] = {}
    largest = max(sizes)
    lacking = "each time the list is read it has other entries"
    for attempt, size in enumerate(sizes):
        before = len(every)
        # the vendor may cap the page size: asking for more would return the same pages
        pages = _smaller(read, min(size, max(1, largest * 3 // 4)) if attempt else size)
        found, given, stated = _reading(pages, key)
        largest = max((len(entries) for entries, _ in pages), default=0) or largest
        every |= found
        if stated is not None and len(every) < stated:
            lacking = f"{len(every):,} of {stated:,} received, in pages of {size} too"
            continue
        # more entries may follow a full page
        is_one = not attempt and len(found) < size and sum(bool(page) for page, _ in pages) <= 1
        is_unmoved = given == len(found) or len(found) == stated
        if is_one or (stated is not None and is_unmoved):
            return list((found if len(found) >= (stated or 0) else every).values())
        if attempt and len(every) == before:
            return list(every.values())
    raise AnswerError(f"{where}: {lacking}; nothing was loaded.")


def _reading(
    pages: Sequence[Page], key: Callable[[Entry], object]
) -> tuple[dict[object, Entry], int, int | None]:
    """The entries by key, how many were received, and how many the vendor counts."""
    found: dict[object, Entry] = {}
    given = 0
    stated: int | None = None
    for entries, total in pages:
        if total is not None:
            stated = max(total, stated or 0)
        for entry in entries:
            # keep an entry without a key: its reader reports the error
            found[key(entry) or ("", given)] = entry
            given += 1
    return found, given, stated


def _smaller(read: Callable[[int], Iterable[Page]], size: int) -> list[Page]:
    """All pages, with half the page size if one of them is too large."""
    while True:
        try:
            return list(read(size))
        except TooLargeError:
            if size <= SMALLEST_PAGE:
                raise
            size = max(SMALLEST_PAGE, size // 2)
