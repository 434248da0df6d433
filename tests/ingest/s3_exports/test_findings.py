"""Inputs that once made a CSV reader fail, found by `make fuzz`, and its initial inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingest.s3_exports.findings import TABLES, findings
from tests.ingest.s3_exports.reading import read_bytes


@pytest.mark.fault(26)
@pytest.mark.parametrize("found", findings(), ids=lambda path: path.name)
def test_what_was_found_is_read_or_refused_in_words(found: Path) -> None:
    data = found.read_bytes()
    rows = read_bytes(data[1:], TABLES[data[0] % len(TABLES)])
    assert len({len(row) for row in rows}) <= 1, "every row has the header's width"
