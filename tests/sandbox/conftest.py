"""Agencies that a test may change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox import Agency


@pytest.fixture
def own_agency() -> Iterator[Agency]:
    """The default agency, started for one test, which may change its time and caps."""
    with Agency() as agency:
        yield agency


@pytest.fixture(scope="module")
def worked_example() -> Iterator[Agency]:
    with Agency(scenario="worked_example") as agency:
        yield agency


@pytest.fixture(scope="module")
def messy() -> Iterator[Agency]:
    """The agency with every mapping gap, for tests that only read from it."""
    with Agency(scenario="messy") as agency:
        yield agency
