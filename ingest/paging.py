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
    is_proven: Callable[[], bool | None] = lambda: None,
) -> list[Entry]:
    """Every entry of a list, each once by its key; `read` gives the pages for a page size.

    An entry that is added or deleted meanwhile shifts the others across page boundaries: one comes
    twice, another not at all. A single page that is not full is a snapshot. Several pages are
    accepted when they have as many keys as the vendor's count; otherwise the list is read again
    with another page size, until the count matches, or, without a count or with one smaller than
    what came, until nothing new is found. AnswerError, beginning with `where`, if that never
    happens. `is_proven` tells whether the pages last read join each other, so that none is missing,
    as long as the vendor's count is not larger: False if entries are known to have been deleted
    meanwhile, which only the last reading may have, None if they do not join.
    """
    every: dict[object, Entry] = {}
    largest = max(sizes)
    lacking = "each time the list is read it has other entries"
    for attempt, size in enumerate(sizes):
        before = len(every)
        # the vendor may cap the page size: asking for more would return the same pages
        pages = _smaller(read, min(size, max(1, largest * 3 // 4)) if attempt else size)
        found, given, stated = _reading(pages, key)
        if stated is not None and stated < len(found):  # it counts the page, or nothing
            stated = None
        largest = max((len(entries) for entries, _ in pages), default=0) or largest
        every |= found
        if stated is not None and len(every) < stated:
            lacking = f"{len(every):,} of {stated:,} received, in pages of {size} too"
            continue
        proven = is_proven()
        if proven is False and attempt + 1 < len(sizes):
            continue
        if proven is not None and (found or not every):
            return list(found.values())
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


def beyond(
    found: Sequence[Entry],
    size: int,
    key: Callable[[Entry], object],
    page: Callable[[int, int], list[Entry]],
) -> list[Entry]:
    """Entries that show that a list may go on after its first page; none if the page is all of it.

    A short page does not prove that, as the account may return less than requested, and an entry
    that was deleted meanwhile draws the next one onto the first page, so that the second is empty.
    The second page is therefore requested in a size with which it begins within the first, and must
    have only rows of that, and fewer than requested.
    """
    smaller = len(found) * 3 // 4 if len(found) > 2 else len(found)
    further = page(2, smaller)
    is_known = {key(entry) for entry in further} <= {key(entry) for entry in found}
    # if page numbers are ignored, the whole list is returned again; a full page may not be it
    is_again = len(found) <= len(further) and len(found) < size
    # a row that was added meanwhile makes it begin earlier
    is_all = is_known and (is_again or len(further) < smaller)
    return [] if is_all else further
