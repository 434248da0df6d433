"""What a pull requests from a source, for which days, and what its tables report about their rows.

Vendors restate the past, so each pull requests the days before today again. Days missed while
nothing ran are requested too, so that an outage leaves no gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from signalroom import clock, errors, settings
from signalroom.errors import AnswerError, ConfigurationError, DeferredError, SourceError
from signalroom.plural import counted
from signalroom.settings import window_days

if TYPE_CHECKING:
    from ingest.unfinished import Page

Row = dict[str, Any]
Say = Callable[[str], None]
FileStatus = Literal["loaded", "waiting", "refused", "unreadable", "discarded", "gone"]
FIRST_DAY = date(2010, 1, 1)  # no vendor is older; a year of 1026 is a typing error


@dataclass(frozen=True)
class Window:
    """Business days of a pull, both ends included."""

    start: date
    end: date

    def __str__(self) -> str:
        return f"{self.start}..{self.end}" if self.start != self.end else f"{self.start}"

    def words(self) -> str:
        """For display: `Nov 18`, or `Oct 25 to Nov 29`."""
        first, last = f"{self.start:%b %-d}", f"{self.end:%b %-d}"
        if self.start.year != self.end.year:
            first, last = f"{first}, {self.start.year}", f"{last}, {self.end.year}"
        return first if self.start == self.end else f"{first} to {last}"


@dataclass(frozen=True)
class KnownFile:
    """A file, or a range of a spreadsheet, as it was when it was last read."""

    etag: str
    size_bytes: int
    status: FileStatus
    header: str = ""


@dataclass
class Tables:
    """The progress of a pull of several tables; kept by `ingest.pull`, absent in plain dlt.

    `ended` names the vendor's limits under which nothing more is requested; "" means all.
    `unfinished` are pages of days that earlier pulls could not finish, `left` those of this one.
    `begun` is when reading began, on the real clock. `rest` is what the source left for the pull's
    next part, in a form that only the source knows.
    """

    read: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    unfinished: Sequence[Page] = ()
    left: dict[str, list[Page]] = field(default_factory=dict)
    begun: datetime = field(default_factory=clock.instant)
    rest: Any = None


@dataclass(frozen=True)
class Pull:
    """One request to a source: whose data, which days, at which business instant (UTC).

    `resources` are the tables to read; `say` takes a line of progress, `notice` one that people
    should see (a new column, a pending file); `known_files` are the files already read
    (ops.file_ledger), by table and file name. `rest` is set in a pull's later parts: what earlier
    ones left. `given` are variables that override the environment; `metrics` is what the table
    being read reports. `reached` says where to go on in days that an earlier pull could not finish.
    """

    client_id: str
    window: Window
    as_of: datetime
    resources: tuple[str, ...]
    say: Say = lambda _: None
    known_files: Mapping[tuple[str, str], KnownFile] = field(default_factory=dict)
    notice: Say = lambda _: None
    is_backfill: bool = False  # or a part: neither moves the cursor of the daily pulls
    is_named: bool = False  # a person named its days: none of them is skipped
    rest: Any = field(default=None, repr=False)
    source: str = ""
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    tables: Tables | None = field(default=None, repr=False)
    metrics: TableMetrics = field(default_factory=lambda: TableMetrics(), repr=False)
    reached: Mapping[date, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.source} for client {self.client_id}"

    def variable(self, name: str) -> str | None:
        """The value of a variable for the pull's client; None where it is unset."""
        return self.given.get(name) or settings.variable(name, self.client_id)

    def require(self, name: str) -> str:
        """The value of a variable; ConfigurationError where it is unset."""
        return self.given.get(name) or settings.require(name, self.client_id)

    def within(self, days_kept: int | None) -> Pull | None:
        """The pull without the days that the vendor no longer keeps; None when none is left.

        The vendor's empty answer for such days would clear them here.
        """
        if days_kept is None:
            return self
        first = clock.today() - timedelta(days=days_kept - 1)
        if self.window.end < first:
            return None
        return replace(self, window=Window(max(self.window.start, first), self.window.end))


@dataclass(frozen=True)
class Loaded:
    """What one pull loaded: rows by table, days and files that differ from the last load."""

    source: str
    client_id: str
    window: Window
    rows: dict[str, int]
    changed: int
    rejected_rows: int
    failures: tuple[str, ...]
    deferred_until: datetime | None = None  # when the rest may be requested

    def after(self, earlier: Loaded | None) -> Loaded:
        """Both together: a part of a pull, and what was loaded before it."""
        if earlier is None:
            return self
        return replace(
            self,
            rows={
                table: earlier.rows.get(table, 0) + self.rows.get(table, 0)
                for table in {**earlier.rows, **self.rows}
            },
            changed=earlier.changed + self.changed,
            rejected_rows=earlier.rejected_rows + self.rejected_rows,
            failures=earlier.failures + self.failures,
        )

    def summary(self) -> str:
        """What was loaded, in one line."""
        rows = f"{counted(sum(self.rows.values()), 'row')} of {counted(len(self.rows), 'table')}"
        line = f"{rows if self.rows else 'no new files'} ({self.window.words()})"
        if self.changed == 0:
            line += ", unchanged"
        if self.rejected_rows:
            line += f", {counted(self.rejected_rows, 'rejected row')} kept in dead letters"
        return line


@dataclass(frozen=True)
class Pulled:
    """The outcome of one pull: what it loaded, and the error that ended it; failures as lines."""

    source: str
    client_id: str
    loaded: Loaded | None = None
    error: Exception | None = None
    failures: tuple[str, ...] = ()
    seconds: float = 0.0  # from the first request to the last row, waits included


@dataclass(frozen=True)
class Found:
    """Rows of a table whose columns are known only from its content, with their types."""

    rows: Iterable[Row]
    columns: Mapping[str, Mapping[str, Any]]


class Part(NamedTuple):
    """Rows of one day, in the order in which they are read.

    `reached` is where to go on after them; None: with them the day is whole.
    """

    day: date
    rows: list[Row]
    reached: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a pull would do: days, requests, files."""

    tables: tuple[str, ...]
    days: int
    requests: int
    files: int


@dataclass(frozen=True)
class ControlTotal:
    """What the vendor gave for one day or file: its rows and the sums of its measures.

    `digest` identifies the content, so that a second pull can say that nothing changed.
    """

    partition_key: str
    day: date | None
    totals: Mapping[str, Decimal | int]
    digest: str


@dataclass(frozen=True)
class FileRecord:
    """One S3 file and its outcome; sizes in bytes, instants in UTC.

    `reason` says what is wrong with it, even if it was loaded. A file that is `gone` is removed
    from the ledger.
    """

    file_name: str
    etag: str
    size_bytes: int
    modified_at: datetime
    status: FileStatus
    row_count: int = 0
    rejected_rows: int = 0
    header: str = ""
    reason: str = ""


@dataclass(frozen=True)
class DeadLetter:
    """A rejected row or payload, redacted; `line_number` counts from 1 within the file."""

    partition_key: str
    reason: str
    payload: str
    line_number: int | None = None


@dataclass(frozen=True)
class Failure:
    """Why a table could not be read: the error's class, its message, the redacted payload."""

    error: str
    message: str
    payload: str | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, error: SourceError, payload: str | None) -> Failure:
        """The failure for an error."""
        until = error.until if isinstance(error, DeferredError) else None
        return cls(type(error).__name__, str(error), payload, until)

    def as_error(self, table: str) -> SourceError:
        """The original error, with its class, instant and redacted payload."""
        kind = getattr(errors, self.error, SourceError)
        if issubclass(kind, DeferredError) and self.until:
            return kind(self.message, self.until)
        error: SourceError = kind(self.message)
        if isinstance(error, AnswerError):
            error.payload, error.table = self.payload, table
        return error


@dataclass
class TableMetrics:
    """What a table reports about one pull; passed on as dlt's resource metrics, in plain values.

    `failures` are lines about parts that failed while the rest loads; with `failure` the table
    could not be read at all and keeps its rows.
    """

    totals: list[ControlTotal] = field(default_factory=list)
    files: list[FileRecord] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    failure: Failure | None = None

    def as_metrics(self) -> dict[str, Any]:
        """Plain values, amounts as exact text."""
        found = asdict(self)
        for total in found["totals"]:
            total["totals"] = {name: str(value) for name, value in total["totals"].items()}
        return found

    @classmethod
    def of(cls, metrics: Mapping[str, Any]) -> TableMetrics:
        """The metrics parsed from the resource's."""
        return cls(
            totals=[
                ControlTotal(**{**one, "totals": _exact(one["totals"])})
                for one in metrics["totals"]
            ],
            files=[FileRecord(**one) for one in metrics["files"]],
            dead_letters=[DeadLetter(**one) for one in metrics["dead_letters"]],
            failures=list(metrics["failures"]),
            failure=Failure(**metrics["failure"]) if metrics["failure"] else None,
        )


def _exact(totals: Mapping[str, str]) -> dict[str, Decimal | int]:
    return {
        name: int(value) if name == "rows" else Decimal(value) for name, value in totals.items()
    }


def default_window(last_end: date | None, since: date | None = None, source: str = "") -> Window:
    """The days of a pull for which start and end were not both given.

    `last_end` is the last day that an earlier pull covered (None: never pulled); `since` is a day
    that must be covered. A source can have a longer lookback than others (.dlt/config.toml).
    """
    _check(since)
    today = clock.today()
    days = window_days("recent" if last_end else "initial", source)
    starts = [today - timedelta(days=days - 1), last_end, since]
    return Window(min(start for start in starts if start is not None), today)


def explicit_window(start: date | None, end: date | None) -> Window:
    """The requested days; `end` defaults to today, `start` to `end`."""
    last = end or clock.today()
    first = start or last
    _check(first)
    if first > last:
        raise ConfigurationError(f"The window ends ({last}) before it starts ({first}).")
    if last > clock.today():
        raise ConfigurationError(
            f"The window ends in the future ({last}); today is {clock.today()}."
        )
    return Window(first, last)


def _check(day: date | None) -> None:
    if day is not None and day < FIRST_DAY:
        raise ConfigurationError(
            f"The window starts on {day}; no vendor has days before {FIRST_DAY}: check the year."
        )


def days(window: Window) -> Iterator[date]:
    """Each day of the window, in order."""
    for offset in range((window.end - window.start).days + 1):
        yield window.start + timedelta(days=offset)


def slices(window: Window, length: int) -> Iterator[Window]:
    """The window in parts of at most `length` days, in order."""
    start = window.start
    while start <= window.end:
        end = min(start + timedelta(days=length - 1), window.end)
        yield Window(start, end)
        start = end + timedelta(days=1)
