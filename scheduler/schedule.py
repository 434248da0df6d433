"""The schedule: which job runs when, read from schedule.yml and checked before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from apscheduler.triggers.cron import CronTrigger
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
    field_validator,
    model_validator,
)

from ingest.registry import NAMES
from reports import registry
from signalroom import clock, yaml_files
from signalroom.errors import ConfigurationError

FILE = Path(__file__).with_name("schedule.yml")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LONGEST, LONGEST_RUN = timedelta(days=3660), timedelta(days=7)
CatchUp = Literal["latest", "all", "skip"]
Channel = Literal["slack", "email", "sms"]


@dataclass(frozen=True)
class Job:
    """One job; `days` before today that its pulls cover (None: what is due), `limit` in minutes.

    `catch_up` says which of the runs missed within the last `within` are caught up. `on_success`
    and `on_failure` are the channels to notify. `clients`, `resources`, `channels` and `is_sent`
    narrow a manual run; empty: all.
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
    clients: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    is_sent: bool = True

    def trigger(self) -> CronTrigger:
        """When it is due, in business time, also on days of a clock change."""
        return CronTrigger.from_crontab(self.cron, timezone=clock.zone())


def _once(names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is there twice")
    return names


def _known_source(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"{name!r} is unknown; there are {', '.join(NAMES)}")
    return name


def _known_report(name: str) -> str:
    known = registry.definitions() | registry.reports()
    by_calendar = [one for one, report in known.items() if report.period != "event"]
    if name not in by_calendar and name not in registry.of_inactive():
        raise ValueError(f"{name!r} is unknown; there are {', '.join(by_calendar)}")
    return name


Sources = Annotated[list[Annotated[str, AfterValidator(_known_source)]], AfterValidator(_once)]
Reports = Annotated[list[Annotated[str, AfterValidator(_known_report)]], AfterValidator(_once)]
Channels = Annotated[list[Channel], AfterValidator(_once)]


class _Notify(BaseModel):
    model_config = ConfigDict(extra="forbid")

    success: Channels = []
    failure: Channels = []


class _Entry(BaseModel):
    """A job as in schedule.yml."""

    model_config = ConfigDict(extra="forbid")

    cron: str
    sources: Sources = []
    days: StrictInt | None = Field(default=None, ge=0, le=LONGEST.days)
    reports: Reports = []
    limit: StrictInt = Field(ge=1, le=LONGEST_RUN // timedelta(minutes=1))
    catch_up: CatchUp = "latest"
    within: timedelta = timedelta(hours=24)
    notify: _Notify = _Notify()

    @field_validator("sources", "reports", "notify", mode="before")
    @classmethod
    def _may_be_blank(cls, value: Any, info: Any) -> Any:
        return value if value is not None else ({} if info.field_name == "notify" else [])

    @field_validator("cron")
    @classmethod
    def _crontab(cls, text: str) -> str:
        if re.search(r"\d", text.split()[-1] if text.split() else ""):
            raise ValueError(f"{text!r}: write weekdays as names (mon, sun), not as numbers")
        trigger = CronTrigger.from_crontab(text, timezone=clock.zone())
        if trigger.get_next_fire_time(None, clock.now()) is None:
            raise ValueError(f"{text!r} is never due")
        return text

    @field_validator("within", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> timedelta:
        found = re.fullmatch(r"(\d{1,4})([mhd])", str(value))
        if not found:
            raise ValueError(f"{value!r} is not a duration; write it as 45m, 24h or 6d")
        return timedelta(**{UNITS[found[2]]: int(found[1])})

    @model_validator(mode="after")
    def _has_work(self) -> _Entry:
        if not self.sources and not self.reports:
            raise ValueError("it has neither sources nor reports")
        return self

    def job(self, name: str) -> Job:
        return Job(
            name=name,
            cron=self.cron,
            sources=tuple(self.sources),
            days=self.days,
            reports=tuple(registry.expand(tuple(self.reports))),
            limit=self.limit,
            catch_up=self.catch_up,
            within=self.within,
            on_success=tuple(self.notify.success),
            on_failure=tuple(self.notify.failure),
        )


class _UniqueKeys(yaml_files.Loader):  # type: ignore[misc]
    """A duplicate job would silently lose its first definition."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    names = [key.value for key, _ in node.value]
    for name in names:
        if names.count(name) > 1:
            raise yaml.YAMLError(f"{name!r} is there twice")
    made: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return made


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_schedule(path: Path = FILE) -> list[Job]:
    """All jobs; ConfigurationError names the file, the job, the key and the mistake."""
    entries = _read(path, "jobs")
    if not isinstance(entries, dict) or not entries:
        raise ConfigurationError(f"{path.name}: there is no job under `jobs:`.")
    return [_job(path.name, str(name), entry) for name, entry in entries.items()]


def report_deadline(path: Path = FILE) -> time:
    """When, in business time, a daily report is sent even without all of its data."""
    written = _read(path, "deadline")
    try:
        return time.fromisoformat(str(written))
    except ValueError:
        raise ConfigurationError(
            f"{path.name}: deadline is {written!r}; write it as '07:45'."
        ) from None


def _read(path: Path, key: str) -> Any:
    try:
        # a safe loader that refuses duplicate keys
        return yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)[key]  # noqa: S506
    except (KeyError, TypeError):
        raise ConfigurationError(f"{path.name} has no `{key}:`.") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error
        said = " ".join(str(reason).split())
        raise ConfigurationError(f"{path.name} cannot be read: {said}.") from None


def _job(file: str, name: str, entry: Any) -> Job:
    where = f"{file}, job {name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ConfigurationError(
            f"{where}: a job's name has lower-case letters, digits and _ only."
        )
    try:
        return _Entry.model_validate(entry).job(name)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_mistakes(where, error)) + ".") from None


def _mistakes(where: str, error: ValidationError) -> Iterator[str]:
    """Each mistake with its key, in terms of the file."""
    for one in error.errors():
        key = ".".join(str(part) for part in one["loc"] if isinstance(part, str))
        at = f"{where}, {key}" if key else where
        kind = one["type"]
        said = str(one["msg"]).removeprefix("Value error, ")
        if kind == "missing":
            said = "it is missing"
        elif kind == "extra_forbidden":
            said = f"it is unknown; use {', '.join(_Entry.model_fields)}"
        elif kind == "list_type":
            said = f"it is {one['input']!r}; write a list: [{one['input']}]"
        elif kind == "literal_error":
            said = f"it is {one['input']!r}; use {one['ctx']['expected']}"
        elif kind in ("int_type", "greater_than_equal", "less_than_equal"):
            least, most = one.get("ctx", {}).get("ge", 0), one.get("ctx", {}).get("le")
            upper = f"{least} to {most}" if most else f"{least} on"
            said = f"it is {one['input']!r}; use a whole number from {upper}"
        elif kind == "model_type":
            said = "it has no entries"
        yield f"{at}: {said}"


# No job pauses longer than from one Sunday to the next; most were due within a day.
LOOK_BACK = (timedelta(days=1), timedelta(days=8))


@dataclass(frozen=True)
class Due:
    """A job and the instant (business time, UTC) at which it is due."""

    at: datetime
    job: Job


def due_between(jobs: Sequence[Job], after: datetime, until: datetime) -> list[Due]:
    """What is due after `after` and no later than `until`, in order of time."""
    found = [Due(at, job) for job in jobs for at in _times(job, after, until)]
    return sorted(found, key=lambda one: (one.at, one.job.name))


def next_due(job: Job, after: datetime) -> datetime | None:
    """When a job is due next; None if never again."""
    return next(_times(job, after, datetime.max.replace(tzinfo=after.tzinfo)), None)


def last_due(jobs: Sequence[Job], source: str, moment: datetime) -> datetime | None:
    """By when a source should have been pulled: the last due time whose limit is over.

    None if nothing was due in the last days, for example for a source without a job.
    """
    mine = [job for job in jobs if source in job.sources]
    for back in LOOK_BACK:
        times = [
            one.at
            for one in due_between(mine, moment - back, moment)
            if one.at + timedelta(minutes=one.job.limit) <= moment
        ]
        if times:
            return max(times)
    return None


def _times(job: Job, after: datetime, until: datetime) -> Iterator[datetime]:
    trigger = job.trigger()
    at = trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
    while at is not None and at.astimezone(UTC) <= until:
        yield at.astimezone(UTC)
        at = trigger.get_next_fire_time(at, at)
