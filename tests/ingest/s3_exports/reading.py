"""Reads bytes as a file of orders, as the source does; also used by `make fuzz`."""

from __future__ import annotations

from ingest.privacy.policy import Policy
from ingest.sources.s3_exports.batches import TolerantReader, fast_batches
from ingest.sources.s3_exports.checks import Checks
from ingest.sources.s3_exports.csv_records import read_header
from ingest.sources.s3_exports.download import stored
from ingest.sources.s3_exports.limits import AbnormalError, NotLoadedError

POLICY = Policy("713", (), (), ())


def read_bytes(data: bytes, table: str = "prospects_create") -> list[list[str | None]]:
    """The rows of a file; none if it is deferred or refused, with a reason of one line.

    Raises AssertionError if the two readers differ, and any error that a reader should not raise.
    """
    try:
        with stored([data]) as content:
            header = read_header(content, table)
            slow_checks = Checks(table, header)
            reader = TolerantReader(content, header, "x.csv", POLICY, slow_checks)
            slow = [one for batch in reader.batches() for one in _rows(batch, slow_checks)]
            checks = Checks(table, header)
            try:
                fast: list[list[str | None]] = []
                for batch in fast_batches(content, header):
                    checks.look(batch.columns, len(batch.row_ids), is_sifted=False)
                    fast += _rows(batch, None)
            except AbnormalError:
                return slow
            assert fast == slow
            return fast
    except NotLoadedError as reason:
        if not str(reason) or "\n" in str(reason):
            raise AssertionError("a reason is one line") from reason
        return []


def _rows(batch: object, checks: Checks | None) -> list[list[str | None]]:
    columns = batch.columns  # type: ignore[attr-defined]
    if checks is not None:
        checks.look(columns, len(batch.row_ids), is_sifted=True)  # type: ignore[attr-defined]
    cells = [column.to_pylist() for column in columns.values()]
    return [list(row) for row in zip(*cells, strict=True)]
