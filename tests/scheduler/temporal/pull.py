"""A simulated pull for measurements: its cost, and how long the vendor makes it wait.

It imports what a pull imports, waits as for a vendor, and loads rows under the source's lock.
"""

from __future__ import annotations

import json
import os
import sys
import time

import dlt
import pyarrow  # noqa: F401 - part of what a pull costs

from signalroom import child_process
from signalroom.lock import hold
from signalroom.warehouse import postgres_connection

ROWS = 2000


def main() -> None:
    """`ingest SOURCE --json --client C`."""
    child_process.end_with_named_parent()
    source, client = sys.argv[2], sys.argv[sys.argv.index("--client") + 1]
    assert dlt.__version__
    time.sleep(float(os.environ["VENDOR_WAIT_S"]))
    with (
        hold(f"ingest {source}"),
        postgres_connection() as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "insert into pulled select %s, %s, number, number * 1.5 from"
            " generate_series(1, %s) as number",
            [source, client, ROWS],
        )
        connection.commit()
    print(  # noqa: T201
        json.dumps({"source": source, "client": client, "rows": {"t": ROWS}, "failures": []})
    )


if __name__ == "__main__":
    main()
