"""A backfill as one child process: its command, and how many slices are done by its log."""

from __future__ import annotations

import re

from scheduler.execution.child import Order
from scheduler.temporal.bookkeeping import run_of
from scheduler.temporal.model import Backfill
from signalroom import paths

LIMIT_S = 24 * 3600.0
SLICE = re.compile(r"\b\d+ of \d+ slices\b")


def backfill_order(asked: Backfill, workflow_id: str) -> Order:
    """The command of a backfill; its log is named after the workflow."""
    arguments = ["backfill", asked.source, "--start", asked.start, "--end", asked.end]
    arguments += ["--client", asked.client] if asked.client else []
    return Order(run_of(workflow_id), (f"ingest:{asked.source}",), tuple(arguments), LIMIT_S)


def slices_done(order: Order) -> int:
    """How many slices the log of a backfill names, including those of earlier tries."""
    try:
        text = (paths.home() / order.log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return len(SLICE.findall(text))
