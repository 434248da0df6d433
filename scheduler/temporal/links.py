"""The address of Temporal, and links to its page; without temporalio."""

from __future__ import annotations

import os
from urllib.parse import quote

from scheduler.runs.ledger import Run
from scheduler.temporal.model import workflow_of_run, workflow_of_schedule

UI_PORT = 8233  # of the dev server; its web interface's port is a thousand higher
CLOUD = (".tmprl.cloud", ".api.temporal.io")


def address() -> str:
    """TEMPORAL_ADDRESS; empty: the scheduler process does the work."""
    return os.environ.get("TEMPORAL_ADDRESS", "").strip()


def namespace() -> str:
    """TEMPORAL_NAMESPACE, or `default`."""
    return os.environ.get("TEMPORAL_NAMESPACE", "").strip() or "default"


def ui() -> str:
    """The URL of Temporal's page; empty if unknown."""
    given = os.environ.get("TEMPORAL_UI_URL", "").strip().rstrip("/")
    if given or not address():
        return given
    host, _, port = address().rpartition(":")
    if host.endswith(CLOUD):
        return "https://cloud.temporal.io"
    if host in ("127.0.0.1", "localhost") and port.isdecimal():
        return f"http://{host}:{int(port) + UI_PORT - 7233}"
    return ""


def overview() -> str:
    """The list of all workflows; empty without a page."""
    return f"{ui()}/namespaces/{quote(namespace())}/workflows" if ui() else ""


def run_page(run: Run) -> str:
    """The workflow that executes a run, or did; empty without a page, or such a run."""
    if not overview() or run.started_at is None or run.trigger == "command":
        return ""
    from scheduler.temporal.bookkeeping import workflow_of  # and with it everything that runs a job

    found = workflow_of(run.owner)
    if found:
        workflow_id = found[0]
    elif run.trigger == "schedule":
        workflow_id = f"{workflow_of_schedule(run.job)}-{run.scheduled_for:%Y-%m-%dT%H:%M:%SZ}"
    else:
        workflow_id = workflow_of_run(run.run_id)
    return f"{overview()}/{quote(workflow_id, safe='')}"
