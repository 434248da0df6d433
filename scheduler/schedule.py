"""The schedule: which job runs when, read from schedule.yml and checked before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Any

import yaml
from apscheduler.triggers.cron import CronTrigger

from ingest.registry import NAMES
from reports.registry import REPORTS
from signalroom import clock
from signalroom.errors import ConfigurationError

FILE = Path(__file__).with_name("schedule.yml")
KEYS = frozenset({"cron", "sources", "days", "reports", "limit"})


@dataclass(frozen=True)
class Job:
    """One job; `days` before today that its pulls cover (None: what is due), `limit` in minutes."""

    name: str
    cron: str
    sources: tuple[str, ...]
    days: int | None
    reports: tuple[str, ...]
    limit: int

    def trigger(self) -> CronTrigger:
        """When it is due, in business time, on days of a clock change too."""
        return CronTrigger.from_crontab(self.cron, timezone=clock.zone())


def read_schedule(path: Path = FILE) -> list[Job]:
    """All jobs; ConfigurationError names the file, the job and the mistake."""
    return [_job(path.name, name, entry) for name, entry in _read(path, "jobs").items()]


def report_deadline(path: Path = FILE) -> time:
    """When, in business time, a daily report goes out even without all of its data."""
    written = _read(path, "deadline")
    try:
        return time.fromisoformat(str(written))
    except ValueError:
        raise ConfigurationError(
            f"{path.name}: deadline is {written!r}; write it as '07:45'."
        ) from None


def _read(path: Path, key: str) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))[key]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error!r}.") from None


def _job(file: str, name: str, entry: dict[str, Any]) -> Job:
    where = f"{file}, job {name}"
    for key in set(entry) - KEYS:
        raise ConfigurationError(f"{where}: {key!r} is unknown; use {', '.join(sorted(KEYS))}.")
    for source in set(entry.get("sources", [])) - set(NAMES):
        raise ConfigurationError(f"{where}: source {source!r} is unknown: {', '.join(NAMES)}.")
    for report in set(entry.get("reports", [])) - set(REPORTS):
        raise ConfigurationError(f"{where}: report {report!r} is unknown: {', '.join(REPORTS)}.")
    try:
        job = Job(
            name=name,
            cron=entry["cron"],
            sources=tuple(entry.get("sources", ())),
            days=entry.get("days"),
            reports=tuple(entry.get("reports", ())),
            limit=int(entry["limit"]),
        )
        job.trigger()
    except (KeyError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{where}: {error}.") from None
    return job
