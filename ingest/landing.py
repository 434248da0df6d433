"""What a source hands over for loading, and what it says about it.

A source turns one pull (client, window) into landings, one for each raw table. Rows may be made
lazily; totals, files and dead letters are complete once the rows have been read to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

    from signalroom.errors import AnswerError

Row = dict[str, Any]
Say = Callable[[str], None]
FileStatus = Literal["loaded", "waiting", "refused", "unreadable", "discarded", "gone"]


@dataclass(frozen=True)
class Window:
    """Business days of a pull, both ends included."""

    start: date
    end: date

    def __str__(self) -> str:
        return f"{self.start}..{self.end}" if self.start != self.end else f"{self.start}"


@dataclass(frozen=True)
class Pull:
    """One request to a source: whose data, which days, asked at which business instant (UTC).

    `resources` are the tables asked for; `say` takes a line of progress, `notice` one that has to
    be seen (a new column, a file that waits); `known_files` are the files already read
    (ops.file_ledger), by table and file name.
    """

    client_id: str
    window: Window
    as_of: datetime
    resources: tuple[str, ...]
    say: Say
    known_files: Mapping[tuple[str, str], KnownFile] = field(default_factory=dict)
    notice: Say = lambda _: None
    is_backfill: bool = False  # which never moves the cursor of the daily pulls


@dataclass(frozen=True)
class KnownFile:
    """A file, or a range of a spreadsheet, as it was when it was last read."""

    etag: str
    size_bytes: int
    status: FileStatus
    header: str = ""


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
    """One file of S3 and what became of it; sizes in bytes, instants in UTC.

    `reason` says what is wrong with it, also with one that is loaded. A file that is `gone` is
    forgotten.
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


@dataclass
class Landing:
    """Rows for one raw table.

    `rows` are dicts or Arrow tables, each with `_client_id`; all rows of a `merge_key` value are
    replaced together, and a row with `_deleted` true only clears its old ones. `columns` are
    dlt column hints by name. `failures` are lines about parts that failed while the rest loads.
    """

    table: str
    rows: Iterable[Row] | Iterable[pa.Table]
    columns: Mapping[str, Mapping[str, Any]]
    merge_key: tuple[str, ...]
    totals: list[ControlTotal] = field(default_factory=list)
    files: list[FileRecord] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    unusable: list[AnswerError] = field(default_factory=list)  # of further tables of the pull


@dataclass(frozen=True)
class Plan:
    """What a pull would do: days, requests, files."""

    tables: tuple[str, ...]
    days: int
    requests: int
    files: int


@dataclass(frozen=True)
class Source:
    """A source, as the pipeline, the command line and `docs/sources.md` see it.

    `required` are the variables without which it is off for a client ("A or B": one of them is
    enough); `account` names the account behind a client's credentials, so that one account is
    never loaded for two clients. `extract` yields landings; `plan` counts without loading (it may
    list files). `optional` are large tables, each with the variable that switches it on; they are
    loaded too when they are asked for by name. `tables` names the tables of a client where its
    settings decide on them.
    """

    name: str
    title: str
    resources: tuple[str, ...]
    required: tuple[str, ...]
    account: Callable[[str], str]
    extract: Callable[[Pull], Iterable[Landing]]
    plan: Callable[[Pull], Plan]
    daily: tuple[str, ...] = ()  # the tables by day, which a backfill can ask for
    optional: Mapping[str, str] = field(default_factory=dict)
    tables: Callable[[str], tuple[str, ...]] | None = None
