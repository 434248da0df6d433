"""`make bench`: measures the figures in docs/benchmarks.md.

python -m tests.bench [--scale 0.1] [--rounds 3] [--only 1,4,13] [--keep]
"""

from __future__ import annotations

import argparse
import sys

from signalroom import clock
from tests.bench import commands, cycles, lists, orders
from tests.bench.measure import Result, Setup, keep, say, table
from tests.support.postgres import postgres_server


def main() -> None:
    """Measure, print the table, and with --keep add it to the history."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the rows of the goals")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="numbers of rows, by commas")
    parser.add_argument("--keep", action="store_true", help="add the table to docs/benchmarks.md")
    chosen = parser.parse_args()
    only = frozenset(filter(None, chosen.only.split(",")))
    results: list[Result] = []
    with postgres_server(durable=True) as server:
        parts = [*commands.PARTS, *lists.PARTS, *orders.PARTS, *cycles.PARTS]
        if unknown := only - {number for part in parts for number in part.rows}:
            parser.error(f"there is no row {', '.join(sorted(unknown))}")
        try:
            for part in parts:
                wanted = part.rows & only if only else part.rows
                if wanted:
                    setup = Setup(server, chosen.scale, chosen.rounds, wanted)
                    found = part.measure(setup)
                    results += found
                    say(table(found))  # keeps results if a long run is interrupted
        finally:
            results.sort(key=lambda result: int(result.number))
            sys.stdout.write(table(results) + "\n")
            if chosen.keep and results:
                keep(results, chosen.scale, chosen.rounds, clock.today())


if __name__ == "__main__":
    main()
