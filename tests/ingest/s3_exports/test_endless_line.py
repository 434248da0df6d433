"""A line without end: refused by name and in bounded memory, while the other files load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.sources.s3_exports.csv_records import LONG_LINE
from tests.ingest.s3_exports.conftest import CREATE, Bench, export, orders
from tests.support.processes import ROOT, own_environment
from tests.support.warehouse import Warehouse

deep = pytest.mark.deep
PROGRAM = """
import atexit

def peak():
    # ru_maxrss would begin with what the parent process had
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(int(status["VmHWM"].split()[0]) >> 10)

atexit.register(peak)
from cli.main import main
main()
"""


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    ("warehouse", "megabytes", "start"),
    [
        pytest.param("duckdb", 9, export([]), id="9 MB-duckdb"),
        pytest.param("postgres", 9, export([]), marks=deep, id="9 MB-postgres"),
        pytest.param("duckdb", 200, b"", marks=deep, id="200 MB-header"),
        pytest.param("postgres", 200, export([]), marks=deep, id="200 MB-row"),
    ],
    indirect=["warehouse"],
)
def test_an_endless_line_is_refused_in_bounded_memory_and_stops_no_other(
    bench: Bench, warehouse: Warehouse, tmp_path: Path, megabytes: int, start: bytes
) -> None:
    (tmp_path / "endless.csv").write_bytes(start + b"x" * (megabytes << 20))
    bench.s3.upload_file(str(tmp_path / "endless.csv"), bench.bucket, "orders-create/endless.csv")
    bench.put(export(orders([1, 2])))
    bucket = {name: one for name, one in os.environ.items() if name.startswith(("AWS_", "S3_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "ingest", "s3_exports"],
        cwd=ROOT,
        env=own_environment({**warehouse.environment, **bucket, "SIGNALROOM_CLIENTS": "713"}),
        capture_output=True,
        text=True,
        check=False,
    )
    said = " ".join(done.stderr.split())
    assert done.returncode == 1, said
    assert "orders-create/endless.csv is refused" in said
    assert LONG_LINE in said
    loaded = warehouse.rows("select distinct _file_name from s3_exports.orders_create")
    assert loaded == [(CREATE,)]
    assert int(done.stdout.split()[-1]) < 400
