"""S3 exports against the simulated agency."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
from datetime import date, datetime
from typing import Any

import pytest

from ingest.model import Window
from ingest.sources.s3_exports.probe import probe
from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from sandbox.faults import Kind
from signalroom.errors import SourceError
from tests.ingest.acceptance import LASTING, PASSING, Acceptance, Table
from tests.ingest.reading import extract, pull_of, rows_of

COLUMNS = ("orders_id", "order_date", "order_status", "total_amount", "billing_postcode")


class TestS3Exports(Acceptance):
    source = "s3_exports"
    vendor = "s3"
    window = Window(date(2026, 11, 17), date(2026, 11, 19))
    first_table = "orders_create"
    credential = "AWS_ACCESS_KEY_ID"
    bad_credential = "AKIAWRONG"
    history_days = 4
    moments = (
        datetime(2026, 11, 17, 9, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 18, 9, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 19, 9, 0, tzinfo=BUSINESS_ZONE),
    )

    def secrets(self) -> list[str]:
        return [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]]

    def truth(self, agency: Agency, client_id: str) -> dict[str, Table]:
        """Every row of every file in the bucket, as the standard library reads it."""
        found: dict[str, Table] = {"orders_create": [], "orders_update": []}
        for key, content in agency.s3.files(client_id).items():
            table = key.partition("/")[0].replace("-", "_")
            if table in found:
                found[table] += [
                    {
                        "_client_id": client_id,
                        "_file_name": key,
                        "_row_id": number,
                        **{name: row[name] or None for name in COLUMNS},
                    }
                    for number, row in enumerate(lines_of(content))
                ]
        return found

    # each waits for botocore's own pauses; test_access has the kinds that are specific to S3
    @pytest.mark.deep
    @pytest.mark.parametrize(("kind", "options"), PASSING)
    def test_a_passing_fault_changes_nothing_in_what_is_read(
        self, agency: Agency, kind: Kind, options: dict[str, Any]
    ) -> None:
        super().test_a_passing_fault_changes_nothing_in_what_is_read(agency, kind, options)

    # S3's library treats a redirect to another host as a wrong region and does not follow it
    @pytest.mark.parametrize(
        ("kind", "options", "error"),
        [
            *(case for case in LASTING if case[0] != "redirect_foreign"),
            ("redirect_foreign", {}, SourceError),
        ],
    )
    def test_a_lasting_fault_is_one_line_without_secrets(
        self, agency: Agency, kind: Kind, options: dict[str, Any], error: type[SourceError]
    ) -> None:
        super().test_a_lasting_fault_is_one_line_without_secrets(agency, kind, options, error)

    def test_a_folder_that_the_key_may_not_read_is_named_and_holds_no_other(
        self, agency: Agency
    ) -> None:
        agency.quirks.s3_denied_prefixes.add("orders-update/")
        pull = pull_of("s3_exports", window=self.window)
        landed = extract(pull, "s3_exports")
        assert rows_of(landed["orders_create"])
        (said,) = (line for one in landed.values() for line in one.failures)
        assert "orders-update may not be listed: allow s3:ListBucket" in said
        (warned,) = probe(pull)
        assert "orders-update may not be listed" in warned


def lines_of(content: bytes) -> list[dict[str, str]]:
    """The rows of a file under plain names."""
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    header = [re.sub(r"\W+", "_", name.strip().lower()) for name in next(reader, [])]
    return [dict(zip(header, row, strict=True)) for row in reader]
