"""Every row of the fault matrix must be injected by a test."""

from __future__ import annotations

from tests.house.fault_matrix import MATRIX, NOT_HERE, marked_rows


def test_every_row_is_injected_by_a_test_or_says_why_not() -> None:
    marked = marked_rows()
    assert list(MATRIX) == list(range(1, 63))
    assert set(marked) <= set(MATRIX)
    assert set(MATRIX) - set(marked) == set(NOT_HERE)
