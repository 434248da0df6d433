"""Lists that move while they are read page by page: proven to be whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from signalroom.errors import AnswerError, TooLargeError

Entry = dict[str, Any]
SMALLEST_PAGE = 100
Page = tuple[list[Entry], int | None]  # and how many entries the vendor says there are in all


def whole(
    read: Callable[[int], Iterable[Page]],
    sizes: Sequence[int],
    key: Callable[[Entry], object],
    where: str,
) -> list[Entry]:
    """Every entry of a list, each once by its key; `read` gives the pages for a size of page.

    An entry that comes or goes moves the others over the edge of a page: one comes twice, another
    not at all. Where fewer came than the vendor counts, or several pages without any count, the
    list is read again with pages of another size, until that adds nothing. AnswerError, which
    begins with `where`, if it never does.
    """
    found: dict[object, Entry] = {}
    for attempt, size in enumerate(sizes):
        before, pages = len(found), 0
        stated: int | None = None
        for entries, total in _smaller(read, size):
            if total:
                stated = max(total, stated or 0)
            pages += 1
            # one without a key is an entry of its own: its reader says what is wrong
            found |= {(key(entry) or object()): entry for entry in entries}
        is_proven = pages <= 1 if stated is None else len(found) >= stated
        if (attempt == 0 and is_proven) or (attempt and len(found) == before):
            return list(found.values())
    raise AnswerError(
        f"{where}: each time the list is read it has other entries; nothing was loaded."
    )


def _smaller(read: Callable[[int], Iterable[Page]], size: int) -> list[Page]:
    """All pages, of half the size where one of them is too large to be held."""
    while True:
        try:
            return list(read(size))
        except TooLargeError:
            if size <= SMALLEST_PAGE:
                raise
            size = max(SMALLEST_PAGE, size // 2)
