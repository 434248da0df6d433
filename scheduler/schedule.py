"""The schedule: which job runs when, read from schedule.yml and checked before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from apscheduler.triggers.cron import CronTrigger

from ingest.registry import NAMES
from reports import registry
from signalroom import clock
from signalroom.errors import ConfigurationError

FILE = Path(__file__).with_name("schedule.yml")
CHANNELS = ("slack", "email", "sms")
POLICIES = ("latest", "all", "skip")
KEYS = {
    "cron", "sources", "days", "reports", "limit", "catch_up", "within", "notify"
}  # fmt: skip
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
CatchUp = Literal["latest", "all", "skip"]


@dataclass(frozen=True)
class Job:
    """One job; `days` before today that its pulls cover (None: what is due), `limit` in minutes.

    Of the runs that were missed no longer ago than `within`, `catch_up` says which are made up
    for. `on_success` and `on_failure` are the channels that hear how a run ended.
    """

    name: str
    cron: str
    sources: tuple[str, ...]
    days: int | None
    reports: tuple[str, ...]
    limit: int
    catch_up: CatchUp = "latest"
    within: timedelta = timedelta(hours=24)
    on_success: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()

    def trigger(self) -> CronTrigger:
        """When it is due, in business time, on days of a clock change too."""
        return CronTrigger.from_crontab(self.cron, timezone=clock.zone())


class _UniqueKeys(yaml.SafeLoader):
    """A job written twice would lose its first half without a word."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    names = [key.value for key, _ in node.value]
    for name in names:
        if names.count(name) > 1:
            raise yaml.YAMLError(f"{name!r} is there twice")
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_schedule(path: Path = FILE) -> list[Job]:
    """All jobs; ConfigurationError names the file, the job and the mistake."""
    entries = _read(path, "jobs")
    if not isinstance(entries, dict) or not entries:
        raise ConfigurationError(f"{path.name}: there is no job under `jobs:`.")
    return [_job(path.name, str(name), entry) for name, entry in entries.items()]


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
        # a safe loader that refuses a key given twice
        return yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)[key]  # noqa: S506
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error!r}.") from None


def _job(file: str, name: str, entry: Any) -> Job:
    where = f"{file}, job {name}"
    try:
        return _checked(name, entry)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        missing = isinstance(error, KeyError)
        reason = f"{error.args[0]!r} is missing" if missing else str(error).rstrip(".")
        raise ConfigurationError(f"{where}: {reason}.") from None


def _checked(name: str, entry: Any) -> Job:
    """The job; ValueError, TypeError or KeyError say what is wrong with it."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError("a job's name has lower-case letters, digits and _ only")
    if not isinstance(entry, dict):
        raise TypeError("it has no entries")
    for key in set(entry) - KEYS:
        raise ValueError(f"{key!r} is unknown; use {', '.join(sorted(KEYS))}")
    notify = entry.get("notify") or {}
    if not isinstance(notify, dict) or set(notify) - {"success", "failure"}:
        raise ValueError("notify has success and failure, each a list of channels")
    job = Job(
        name=name,
        cron=str(entry["cron"]),
        sources=_names(entry, "sources", NAMES),
        days=_number(entry, "days", 0) if entry.get("days") is not None else None,
        reports=tuple(registry.expand(_names(entry, "reports", _by_calendar()))),
        limit=_number(entry, "limit", 1),
        catch_up=cast("CatchUp", entry.get("catch_up", "latest")),
        within=_duration(str(entry.get("within", "24h"))),
        on_success=_names(notify, "success", CHANNELS),
        on_failure=_names(notify, "failure", CHANNELS),
    )
    if job.catch_up not in POLICIES:
        raise ValueError(f"catch_up is {job.catch_up!r}; use {', '.join(POLICIES)}")
    if not job.sources and not job.reports:
        raise ValueError("it has neither sources nor reports")
    if re.search(r"\d", job.cron.split()[-1]):
        raise ValueError(f"cron {job.cron!r}: write weekdays as names (mon, sun), not as numbers")
    job.trigger()
    return job


def _by_calendar() -> tuple[str, ...]:
    """The reports that a schedule may send, `daily` for all brands; the others follow events."""
    known = registry.definitions() | registry.reports()
    return tuple(name for name, report in known.items() if report.period != "event")


def _names(
    entry: Mapping[str, Any], key: str, known: Mapping[str, object] | tuple[str, ...]
) -> tuple[str, ...]:
    names = entry.get(key) or []
    if not isinstance(names, list):
        raise TypeError(f"{key} is {names!r}; write a list: [{names}]")
    for name in names:
        if name not in known:
            raise ValueError(f"{key}: {name!r} is unknown; there are {', '.join(known)}")
        if names.count(name) > 1:
            raise ValueError(f"{key}: {name!r} is there twice")
    return tuple(names)


def _number(entry: Mapping[str, Any], key: str, least: int) -> int:
    value = entry[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{key} is {value!r}; use a whole number from {least} on")
    return value


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+)([mhd])", text)
    if not found:
        raise ValueError(f"within is {text!r}; write it as 45m, 24h or 6d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


# No job rests longer than from one Sunday to the next.
LOOK_BACK = timedelta(days=8)


@dataclass(frozen=True)
class Due:
    """A job and the instant (business time, UTC) at which it is due."""

    at: datetime
    job: Job


def due_between(jobs: Sequence[Job], after: datetime, until: datetime) -> list[Due]:
    """What is due later than `after` and not later than `until`, in order of time."""
    found = [Due(at, job) for job in jobs for at in _times(job, after, until)]
    return sorted(found, key=lambda one: (one.at, one.job.name))


def next_due(job: Job, after: datetime) -> datetime | None:
    """When a job is due next; None for a job that is due never again."""
    return next(_times(job, after, datetime.max.replace(tzinfo=after.tzinfo)), None)


def last_due(jobs: Sequence[Job], source: str, moment: datetime) -> datetime | None:
    """By when a source should have been asked: the last time due whose limit is over.

    None where nothing was due in the last days, as with a source that no job names.
    """
    times = [
        one.at
        for one in due_between(jobs, moment - LOOK_BACK, moment)
        if source in one.job.sources and one.at + timedelta(minutes=one.job.limit) <= moment
    ]
    return max(times, default=None)


def _times(job: Job, after: datetime, until: datetime) -> Iterator[datetime]:
    trigger = job.trigger()
    at = trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
    while at is not None and at.astimezone(UTC) <= until:
        yield at.astimezone(UTC)
        at = trigger.get_next_fire_time(at, at)
