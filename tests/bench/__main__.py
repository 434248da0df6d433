"""`make bench`: measures what docs/benchmarks.md keeps.

python -m tests.bench [--scale 0.1] [--rounds 3] [--only 1,4,13] [--keep]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from signalroom import clock
from tests.bench import commands, orders
from tests.bench.measure import Result, keep, table
from tests.support.postgres import postgres_server


def main() -> None:
    """Measure, print the table, and with --keep add it to the history."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the rows of the goals")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="numbers of rows, by commas")
    parser.add_argument("--keep", action="store_true", help="add the table to docs/benchmarks.md")
    chosen = parser.parse_args()
    only = set(filter(None, chosen.only.split(",")))
    with postgres_server(durable=True) as server:
        parts: list[tuple[set[str], Callable[[], list[Result]]]] = [
            ({"13"}, lambda: commands.starts(chosen.rounds)),
            ({"12"}, commands.idle),
            ({"7"}, lambda: orders.nothing_new(server, chosen.rounds)),
            ({"4", "5"}, lambda: orders.one_day(server, chosen.scale, chosen.rounds)),
            ({"1", "2", "3", "6"}, lambda: orders.month(server, chosen.scale, chosen.rounds)),
            ({"15"}, commands.image),
            ({"17"}, commands.clone),
        ]
        results = [
            result
            for numbers, measured in parts
            if not only or only & numbers
            for result in measured()
        ]
    results.sort(key=lambda result: int(result.number))
    sys.stdout.write(table(results) + "\n")
    if chosen.keep:
        keep(results, chosen.scale, chosen.rounds, clock.today())


if __name__ == "__main__":
    main()
