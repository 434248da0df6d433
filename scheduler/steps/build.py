"""The build as one step: clients' files, dbt, and checks afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from scheduler.status import brands, checks, rule_rates
from signalroom.clients import active_clients
from signalroom.errors import SignalRoomError
from signalroom.logs import mask
from signalroom.progress import Progress
from transform.build import BuildResult, build


@dataclass
class BuildStepResult:
    """What the build did; `built` is None when dbt did not start or did not finish."""

    built: BuildResult | None = None
    failures: list[str] = field(default_factory=list)
    error_class: str | None = None

    def answer(self) -> dict[str, Any]:
        """As the JSON object of `signalroom build --json`."""
        found = dict(vars(self.built)) if self.built else {}
        if self.error_class:
            found["error_class"] = self.error_class
        return {**found, "failures": [mask(failure) for failure in self.failures]}


def build_marts(
    progress: Progress, arguments: Sequence[str] = (), only_changed: bool = False
) -> BuildStepResult:
    """Run dbt build, record problems as incidents.

    Failures are collected, not raised. An unusable client file is one; its last good version stays
    in use, and everything is built.
    """
    step = progress.step("dbt build")

    def look(built: BuildResult) -> None:
        _look(built, progress, is_whole=not arguments)

    try:
        built = build(arguments, step, only_changed, look)
    except SignalRoomError as error:
        step.fail(str(error))
        return BuildStepResult(failures=[str(error)], error_class=type(error).__name__)
    said = f"{built.models} models, {built.tests} tests passed"
    if built.is_current:
        said = "nothing changed since the last build"
    if built.failures:
        step.fail(f"{said}, {len(built.failures)} failed; affected marts were not updated")
    else:
        step.finish(said)
    for warning in built.warnings:
        progress.note(warning)
    return BuildStepResult(built=built, failures=built.failures)


def _look(built: BuildResult, progress: Progress, is_whole: bool) -> None:
    """Record problems of the built marts as incidents, and the page's figures."""
    try:
        checks.check(built.warnings, is_whole=is_whole)
    except SignalRoomError as error:
        progress.note(f"could not save warnings: {error}")
    with suppress(SignalRoomError):  # the page then shows the days of the previous build
        brands.record_brand_days()
    with suppress(SignalRoomError):
        rule_rates.record_rates({client.id for client in active_clients()})
