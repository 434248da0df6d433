"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 row`, `2,400 rows`; `1 query`, `2 queries` where the plural is given."""
    return f"{number:,} {noun if abs(number) == 1 else plural or f'{noun}s'}"
