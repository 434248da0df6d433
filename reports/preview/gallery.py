"""The gallery's content: every report in every scenario, by the reports' own steps.

Rows come from the report's own query over the recorded marts, or from example incidents if no mart
has them; context and rendering are those of real messages. Nothing is sent or recorded, and
failures are shown in place.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from reports.alerts.groups import by_group, together
from reports.alerts.message import alerts_of
from reports.compose import context_of, messages_of, read_rows
from reports.messages.parity import differences
from reports.model import LastReport, Report, Rows, own_rows
from reports.preview.failure import Failure, failure
from reports.preview.patches import GOALS, PAID, PARAMETERS, Patches
from reports.preview.recorded import NOW, change, fill
from reports.preview.scenarios import SCENARIOS, Scenario
from reports.preview.stage import stage
from signalroom import clock
from signalroom.clients import Client, client, default_client_id, registry
from signalroom.errors import ReportError
from signalroom.warehouse import duckdb_path


@dataclass(frozen=True)
class Cell:
    """One report in one scenario: each channel's message, or why there is none."""

    report: Report
    scenario: Scenario
    messages: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, Failure]  # by channel


@dataclass
class Homes:
    """A folder for each state of the marts; the recorded rows are read once and copied.

    With `held`, warehouses stay open until it is closed: opening one takes as long as a message.
    """

    root: Path
    held: ExitStack | None = None
    folders: dict[Patches | None, Path] = field(default_factory=dict)
    unpatched: Path | None = None

    def folder(self, patches: Patches | None) -> Path:
        """The home with the recorded marts and these patches; None: without marts."""
        if patches not in self.folders:
            folder = self.root / f"home-{len(self.folders) + 1}"
            folder.mkdir()
            self.folders[patches] = folder
            if patches is not None:
                with stage(folder, NOW):
                    self._fill(patches)
        return self.folders[patches]

    def _fill(self, patches: Patches) -> None:
        if self.unpatched is None:
            fill((*GOALS, *PAID), PARAMETERS)
            self.unpatched = self.root / "unpatched.duckdb"
            shutil.copy(duckdb_path(), self.unpatched)
        else:
            shutil.copy(self.unpatched, duckdb_path())
        change(patches, PARAMETERS)
        if self.held is not None:
            import duckdb

            self.held.enter_context(duckdb.connect(str(duckdb_path())))


def gallery(reports: Sequence[Report]) -> list[Cell]:
    """Every report in every scenario that applies to it, in the given order."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="signalroom-preview-"))
        homes = Homes(Path(folder), stack)
        return [
            cell(report, scenario, homes)
            for report in reports
            for scenario in SCENARIOS
            if applies(report, scenario)
        ]


def applies(report: Report, scenario: Scenario) -> bool:
    """Whether a scenario applies to a report: marts for those with a query, else incidents."""
    if report.period not in scenario.periods:
        return False
    return (scenario.wrong if not report.queries else scenario.patches) is not None


def cell(report: Report, scenario: Scenario, homes: Homes) -> Cell:
    """One report in one scenario."""
    owner = _owner(report)
    named = replace(owner, name=scenario.client_name or owner.name)
    messages: dict[str, Mapping[str, Any]] = {}
    failures: dict[str, Failure] = {}
    try:
        history = _history(report, scenario, owner, homes)
        with stage(homes.folder(scenario.patches), scenario.now):
            context = _context(report, scenario, named, history)
    except Exception as error:  # any error is shown in place
        return Cell(report, scenario, {}, dict.fromkeys(report.channels, failure(error)))
    with ExitStack() as standing:
        standing.enter_context(stage(homes.folder(scenario.patches), scenario.now))
        for channel in report.channels:
            try:
                messages |= messages_of(report, named, scenario.day, context, [channel])
                if channel == "email":
                    _refuse_differences(messages["email"], report.folder)
            except Exception as error:
                failures[channel] = failure(error)
    return Cell(report, scenario, messages, failures)


def _refuse_differences(mail: Mapping[str, Any], folder: str) -> None:
    """ReportError if an email's HTML differs from its plain part."""
    found = differences(mail["html"], mail["text"])
    if found:
        raise ReportError(
            f"{folder}/templates/email.mjml.j2 and email.txt.j2 differ; the HTML does not say: "
            f"{'; '.join(found[:5])}."
        )


def _owner(report: Report) -> Client:
    """A client that the report is for; the default one if possible."""
    default = client(default_client_id())
    return default if report.is_for(default) else next(iter(report.clients()), default)


def _context(
    report: Report, scenario: Scenario, owner: Client, history: Mapping[date, LastReport]
) -> Any:
    """The templates' context; incidents of all clients, as for one recipient."""
    is_alert = report.period == "event" and not report.queries
    shared = [one for one in scenario.wrong or () if one.is_shared and is_alert]
    if not shared:
        return context_of(report, owner, scenario.day, _rows(report, scenario, owner), history)
    found = [one.incident(client_id) for one in shared for client_id in registry()]
    groups = [together(members) for members in by_group(found).values()]
    return alerts_of(owner.id, groups, scenario.day, tuple(registry()))


def _rows(report: Report, scenario: Scenario, owner: Client) -> Rows:
    if report.read is None:
        return read_rows(report, owner, scenario.day)
    if report.queries or report.period != "event":
        raise ReportError(f"The gallery has no rows for what {report.name} reads elsewhere.")
    found = [one.incident(owner.id) for one in scenario.wrong or ()]
    rows = [{"_client_id": owner.id, "incident": one} for one in found]
    return {"query": own_rows(rows, owner.id)}


def _history(
    report: Report, scenario: Scenario, owner: Client, homes: Homes
) -> dict[date, LastReport]:
    """The earlier message, as the outbox would have stored it."""
    if scenario.before is None or not report.queries:
        return {}
    before = scenario.before
    with stage(homes.folder(before.patches), before.now):
        rows = read_rows(report, owner, before.day)
        context = context_of(report, owner, before.day, rows, {})
        at, edition = clock.now(), context.completeness.edition
    return {
        date.fromisoformat(day): LastReport(at, edition, figures)
        for day, figures in context.reported.items()
    }
