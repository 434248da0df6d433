"""The name that was probably meant: `Did you mean 'daily_ccw'?`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A sentence with the closest name and a trailing blank; empty if none is close.

    The whole name can be close, or one of its words: `dialy` means `daily_ccw`.
    """
    names = list(known)
    folded = {name.casefold(): name for name in reversed(names)}
    close = difflib.get_close_matches(given.casefold(), folded, n=1)
    if not close:
        words = {word: name for name in reversed(names) for word in re.split(r"[_\W]+", name)}
        close = [words[one] for one in difflib.get_close_matches(given, words, n=1, cutoff=0.7)]
    return f"Did you mean {folded.get(close[0], close[0])!r}? " if close else ""
