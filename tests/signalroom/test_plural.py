"""Numbers with a noun in the wrong form, such as "1 rows"."""

from __future__ import annotations

import pytest

from signalroom.plural import counted


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 rows"), (1, "1 row"), (-1, "-1 row"), (2, "2 rows"), (2400, "2,400 rows")],
)
def test_one_is_told_as_many(number: int, said: str) -> None:
    assert counted(number, "row") == said


def test_an_odd_plural_gets_an_s() -> None:
    assert [counted(number, "query", "queries") for number in (1, 2)] == ["1 query", "2 queries"]
