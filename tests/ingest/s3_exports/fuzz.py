"""`make fuzz`: random bytes for the CSV readers, guided by the lines of code that they reach.

Inputs that make a reader fail, or the two readers differ, are written to `findings`, and
test_findings tests them from then on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ingest.sources.s3_exports", "ingest.privacy"]):
    from tests.ingest.s3_exports.findings import FINDINGS, TABLES, findings
    from tests.ingest.s3_exports.reading import read_bytes


def one(data: bytes) -> None:
    """Read the data as a file of the table that the first byte selects."""
    read_bytes(data[1:], TABLES[data[0] % len(TABLES)] if data else TABLES[0])


def main() -> None:
    """Arguments: seconds, the folder for inputs that reached new lines."""
    seconds, corpus = sys.argv[1:]
    folder = Path(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    FINDINGS.mkdir(exist_ok=True)
    for seed in findings():
        for table in range(len(TABLES)):
            (folder / f"{seed.name}-{table}").write_bytes(bytes([table]) + seed.read_bytes()[1:])
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={FINDINGS}/", "-max_len=4096"]
    atheris.Setup([sys.argv[0], *options, "-timeout=20", "-rss_limit_mb=1500", corpus], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
