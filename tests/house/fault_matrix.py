"""The fault matrix: what breaks, and what must happen. Tests refer to rows by `fault(row, ...)`.

`make faults` runs them all and prints this table with the result of each row.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
# row -> fault, what must happen
MATRIX: dict[int, tuple[str, str]] = {
    1: ("kill -9 while a vendor is asked", "the next load is whole"),
    2: ("kill -9 between extract and normalize", "the next load is whole"),
    3: ("kill -9 in normalize", "the next load is whole"),
    4: ("kill -9 in a load's transaction", "nothing partial counts as done"),
    5: ("kill -9 after its commit", "no load refused, no row doubled"),
    6: ("kill -9 in the merge", "old or new table, never mixed in marts"),
    7: ("kill -9 before dlt says loaded", "no row doubled or gone"),
    8: ("kill -9 before dlt's package is closed", "no row doubled"),
    9: ("working folder lost", "state comes from the warehouse"),
    10: ("database restored to yesterday", "gap asked again, nobody told twice"),
    11: ("table or schema dropped", "made and filled again"),
    12: ("two loads of one source", "the second says who is at it"),
    13: ("COMMIT without an answer", "heals within the load"),
    14: ("PostgreSQL backend ended in a job", "tried again within the load"),
    15: ("PostgreSQL restarts in the middle", "one line, tried again, whole"),
    16: ("PostgreSQL away or frozen", "health red, nothing lost after"),
    17: ("disk full", "named, nothing left behind"),
    18: ("429 with Retry-After", "waits as told, bounded"),
    19: ("500 some times", "tried again"),
    20: ("vendor hangs", "ended at its limit"),
    21: ("answer cut off", "never half a page"),
    22: ("200 with an error or without the measure", "fails, tables keep their rows"),
    23: ("link to the next page leads astray", "no key sent to a stranger"),
    24: ("redirect to another host", "never followed with a key"),
    25: ("columns change", "new ones kept, bad types refused"),
    26: ("malformed CSV", "bad rows aside, good rows load"),
    27: ("bomb", "refused before it is expanded"),
    28: ("file uploaded again, shorter", "old rows of it gone"),
    29: ("file still being uploaded", "left until it is whole"),
    30: ("sheet's header renamed, quota", "named; waits"),
    31: ("a model fails", "reports wait; other marts whole"),
    32: ("a test fails", "last good marts stay"),
    33: ("dbt killed", "no orphan works on; begun again"),
    34: ("long reader holds a table", "bounded wait, tried again"),
    35: ("second build", "says who is at it"),
    36: ("DuckDB file open elsewhere", "names the process; copy readable"),
    37: ("published copy while writing", "whole or the last one"),
    38: ("scheduler killed while a job runs", "children end, run resumed"),
    39: ("worker frozen beyond its lease", "taken over; it changes nothing"),
    40: ("SIGTERM in each step", "ends in its grace, resumable"),
    41: ("two schedulers", "each run once"),
    42: ("down over 6 and 7 in the morning", "files and report once"),
    43: ("days of a clock change", "17 hours, each once"),
    44: ("clock jumps", "nothing doubled, bounded"),
    45: ("clock thread dies", "health red, process ends"),
    46: ("job hangs forever", "ended at its limit"),
    47: ("step fails every time", "tries end, others go on"),
    48: ("connection of a lease lost", "work is fenced, goes on"),
    49: ("Resend accepts, no answer", "one mail"),
    50: ("Slack accepts, no answer", "one message"),
    51: ("Twilio accepts, no answer", "unknown, not sent again"),
    52: ("a channel says 429", "asked again, no loss"),
    53: ("one recipient is refused", "the others have it"),
    54: ("kill -9 between send and mark", "one message"),
    55: ("template changed before a retry", "stored bytes are sent"),
    56: ("anon reads marts", "permission denied"),
    57: ("rows of another client", "none shown, report refused"),
    58: ("secrets in any output", "masked in every spelling"),
    59: ("markup and formulas in names", "inert in every channel"),
    60: ("client ids like paths or SQL", "refused"),
    61: ("transaction pooler, no encryption", "works; named"),
    62: ("health asked from outside", "one word, no detail"),
}
# rows that cannot be injected here, with the reason
NOT_HERE: dict[int, str] = {}
MARK = "fault"


def marked_rows() -> dict[int, set[str]]:
    """The rows that tests inject according to their marks, with the tests' names."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and ast.unparse(call.func) == f"pytest.mark.{MARK}":
                    for row in call.args:
                        found[ast.literal_eval(row)].add(node.name)
    return found


class Table:
    """A pytest plugin that prints the matrix when its tests are done."""

    def __init__(self) -> None:
        self._rows: dict[str, list[int]] = {}
        self._ended: dict[int, dict[str, str]] = defaultdict(dict)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Record which test injects which rows."""
        for item in session.items:
            marks = list(item.iter_markers(MARK))
            self._rows[item.nodeid] = [row for mark in marks for row in mark.args]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result; the worst of its phases counts."""
        if report.when == "call" or report.outcome != "passed":
            for row in self._rows.get(report.nodeid, []):
                self._ended[row][report.nodeid] = report.outcome

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print row, injected, outcome."""
        write = terminalreporter.write_line
        write(f"{'row':>3}  {'injected':<43}{'outcome'}")
        for row, (fault, required) in MATRIX.items():
            write(f"{row:>3}  {fault:<43}{self._outcome(row, required)}")

    def _outcome(self, row: int, required: str) -> str:
        ended = list(self._ended[row].values())
        if row in NOT_HERE:
            return f"not here: {NOT_HERE[row]}"
        if not ended:
            return "NOT INJECTED"
        bad = len([one for one in ended if one == "failed"])
        skipped = len([one for one in ended if one == "skipped"])
        if bad:
            return f"FAILED {bad} of {len(ended)}"
        return f"ok {len(ended) - skipped}{f', {skipped} skipped' if skipped else ''}: {required}"


if __name__ == "__main__":
    sys.exit(pytest.main(["-m", MARK, "-q", "-p", "no:randomly", *sys.argv[1:]], plugins=[Table()]))
