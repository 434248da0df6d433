"""Misspelled names, which must be answered with the intended one."""

from __future__ import annotations

import pytest

from signalroom.closest import did_you_mean

NAMES = ["daily_ccw", "daily_exp", "daily_reports", "hourly", "CCW", "ingest"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("dialy", "daily_ccw"),
        ("dayly_reports", "daily_reports"),
        ("hurly", "hourly"),
        ("cwc", "CCW"),
        ("Hourly", "hourly"),
        ("ingst", "ingest"),
    ],
)
def test_a_slip_is_not_understood(given: str, meant: str) -> None:
    assert did_you_mean(given, NAMES) == f"Did you mean {meant!r}? "


def test_a_name_is_made_up() -> None:
    assert did_you_mean("frobnicate", NAMES) == ""
